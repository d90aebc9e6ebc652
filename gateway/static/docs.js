// The API page: every operation of the OpenAPI document, one at a time, named by the address after `#`.
import { copyButton, element, prose } from "/static/page.js";
import { fieldList, resolve } from "/static/fields.js";
import { curl, requestShape, tryForm } from "/static/try.js";

const main = document.getElementById("operation");
const list = document.getElementById("operations");
const filter = document.getElementById("filter");

function firstSchema(content) {
  return Object.values(content).find((media) => media.schema.$ref)?.schema;
}

function section(title, ...content) {
  return element("section", {}, element("h3", {}, title), ...content);
}

function show(api, path, operation) {
  const shape = requestShape(operation);
  const answer = operation.responses[200].content;
  const command = curl(path, shape);
  const streams = "text/event-stream" in answer;
  document.title = `${operation.summary} · Imago API`;
  main.replaceChildren(
    element("h1", {}, operation.summary),
    element("div", { class: "endpoint" }, element("span", { class: "method" }, "POST"), element("span", {}, path), ...(streams ? [element("span", { class: "tag" }, "stream")] : [])),
    prose("p", operation.description, { class: "about" }),
    element("div", { class: "command" }, element("code", {}, command), copyButton(command)),
    section("Try it", tryForm(path, shape)),
    section("Request", fieldList(api, resolve(api, firstSchema(operation.requestBody.content)))),
    section(streams ? "Answer, for each line or event" : "Answer", fieldList(api, resolve(api, firstSchema(answer)))),
    section("Failures", fieldList(api, api.components.schemas.Problem)),
  );
}

function showOverview(api) {
  document.title = "Imago API";
  const services = api.tags.map((tag) => section(tag.name, prose("p", tag.description, { class: "about" })));
  main.replaceChildren(element("h1", {}, "API"), prose("p", api.info.description, { class: "about" }), ...services);
}

function listOperations(api) {
  for (const tag of api.tags) {
    const links = Object.values(api.paths)
      .map((item) => item.post)
      .filter((operation) => operation.tags.includes(tag.name))
      .map((operation) => element("a", { href: `#${operation.operationId}` }, operation.summary));
    list.append(element("div", {}, element("h2", {}, tag.name), ...links));
  }
}

function narrow() {
  const wanted = filter.value.trim().toLowerCase();
  for (const group of list.children) {
    const service = group.querySelector("h2").textContent;
    let any = false;
    for (const link of group.querySelectorAll("a")) {
      link.hidden = !`${service} ${link.textContent}`.toLowerCase().includes(wanted);
      any ||= !link.hidden;
    }
    group.hidden = !any;
  }
}

function follow(api) {
  const wanted = location.hash.slice(1);
  const found = Object.entries(api.paths).find(([, item]) => item.post.operationId === wanted);
  for (const link of list.querySelectorAll("a")) {
    if (link.hash === location.hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (found) show(api, found[0], found[1].post);
  else if (wanted !== "operation") showOverview(api);
}

const api = await (await fetch("/openapi.json")).json();
listOperations(api);
follow(api);
filter.addEventListener("input", narrow);
addEventListener("hashchange", () => {
  follow(api);
  if (location.hash !== "#operation") {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
});
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea")) {
    event.preventDefault();
    filter.focus();
  }
});
