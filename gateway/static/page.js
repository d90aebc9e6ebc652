// What both pages need: elements without markup in strings, and calls of the gateway.

/** An element with attributes and children; strings become text, never markup. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A text whose words in backticks are code. */
export function prose(name, text, attributes = {}) {
  const pieces = text.split("`").map((piece, index) => (index % 2 ? element("code", {}, piece) : piece));
  return element(name, attributes, ...pieces);
}

/** A button that copies; none where the browser does not allow it (pages that are neither local nor encrypted). */
export function copyButton(text) {
  if (!navigator.clipboard) return "";
  const button = element("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  return button;
}

/** The answer of an RPC without fields; throws an Error with the problem's sentence. */
export async function post(path) {
  const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}
