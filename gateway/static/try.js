// Sends one request from the page: files for the images, JSON for the rest; shows the answer and the boxes in it.
import { element } from "/static/page.js";

const MULTIPART = "multipart/form-data";
const NDJSON = "application/x-ndjson";
const SVG = "http://www.w3.org/2000/svg";

/** What a request of the operation is made of. */
export function requestShape(operation) {
  const content = operation.requestBody.content;
  const parts = content[MULTIPART]?.schema.properties ?? {};
  return { images: Object.keys(parts).filter((name) => name !== "request"), lines: NDJSON in content };
}

/** A curl command that does the same. */
export function curl(path, shape) {
  const url = `${location.origin}${path}`;
  if (shape.lines) return `curl --no-buffer -H 'Content-Type: ${NDJSON}' --data-binary @frames.ndjson ${url}`;
  if (!shape.images.length) return `curl -H 'Content-Type: application/json' -d '{}' ${url}`;
  return `curl ${shape.images.slice(0, 1).map((name) => `-F ${name}=@photo.jpg`).join(" ")} ${url}`;
}

function body(shape, files, text) {
  if (shape.lines) return { body: text, headers: { "Content-Type": NDJSON } };
  const chosen = Object.entries(files).filter(([, input]) => input.files.length);
  if (!chosen.length) return { body: text, headers: { "Content-Type": "application/json" } };
  const form = new FormData();
  for (const [name, input] of chosen) form.append(name, input.files[0]);
  form.append("request", text);
  return { body: form, headers: {} };
}

/** Every box anywhere in an answer. */
function boxesIn(value) {
  if (!value || typeof value !== "object") return [];
  return "xMax" in value ? [value] : Object.values(value).flatMap(boxesIn);
}

async function picture(file, boxes) {
  const image = element("img", { src: URL.createObjectURL(file), alt: `The photograph with ${boxes.length} boxes` });
  await image.decode();
  const overlay = document.createElementNS(SVG, "svg");
  overlay.setAttribute("viewBox", `0 0 ${image.naturalWidth} ${image.naturalHeight}`);
  for (const box of boxes) {
    const rect = document.createElementNS(SVG, "rect");
    const place = { x: box.xMin, y: box.yMin, width: box.xMax - box.xMin, height: box.yMax - box.yMin };
    for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value);
    overlay.append(rect);
  }
  return element("div", { class: "picture" }, image, overlay);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function show(response, output, started) {
  const state = element("p", { class: `state ${response.ok ? "good" : "bad"}` }, `${response.status} …`);
  const code = element("pre", { tabindex: "0" });
  output.replaceChildren(state, code);
  let text = "";
  const decoder = new TextDecoder();
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    code.textContent = text;
  }
  code.textContent = pretty(text);
  state.textContent = `${response.status} in ${Math.round(performance.now() - started)} ms`;
  return text;
}

async function send(path, shape, files, text, output) {
  const started = performance.now();
  const response = await fetch(path, { method: "POST", ...body(shape, files, text) });
  const answer = await show(response, output, started);
  const photograph = Object.values(files)[0]?.files[0];
  if (response.ok && photograph && !shape.lines) {
    const boxes = boxesIn(JSON.parse(answer));
    if (boxes.length) output.prepend(await picture(photograph, boxes));
  }
}

/** A form that sends requests of the operation at `path`. */
export function tryForm(path, shape) {
  const files = {};
  const rows = shape.images.map((name) => {
    files[name] = element("input", { type: "file", accept: "image/jpeg,image/png,image/webp" });
    return element("label", {}, element("span", {}, name), files[name]);
  });
  const text = element("textarea", { rows: "4", spellcheck: "false" });
  text.value = shape.lines ? '{"start": {}}\n' : "{}";
  const title = shape.lines ? "Requests, one JSON document a line" : "Request, JSON";
  const button = element("button", { type: "submit" }, "Send");
  const output = element("output", { "aria-live": "polite" });
  const form = element("form", { class: "try" }, ...rows, element("label", {}, element("span", {}, title), text), element("div", { class: "row" }, button), output);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await send(path, shape, files, text.value, output);
    } catch (error) {
      output.replaceChildren(element("p", { class: "state bad" }, error.message));
    } finally {
      button.disabled = false;
    }
  });
  return form;
}
