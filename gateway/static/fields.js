// Lists the fields of a message as the OpenAPI document describes them, those of inner messages on demand.
import { element, prose } from "/static/page.js";

/** The schema that a `$ref` points to. */
export function resolve(document, schema) {
  return schema.$ref ? document.components.schemas[schema.$ref.split("/").pop()] : schema;
}

function typeName(schema) {
  if (schema.type === "array") return `list of ${typeName(schema.items)}`;
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.contentEncoding) return "bytes, base64";
  return schema.format ?? schema.type;
}

function inner(document, schema) {
  const item = schema.type === "array" ? schema.items : schema;
  return item.$ref ? resolve(document, item) : null;
}

function field(document, name, schema) {
  const about = prose("dd", schema.description ?? "");
  const message = inner(document, schema);
  if (message?.enum) {
    about.append(element("details", {}, element("summary", {}, "values"), prose("p", message.description, { class: "about" })));
  } else if (message) {
    const details = element("details", {}, element("summary", {}, "fields"));
    // Only once it is opened: a message may hold itself.
    details.addEventListener("toggle", () => details.append(fieldList(document, message)), { once: true });
    about.append(details);
  }
  const type = element("span", {}, typeName(schema));
  return element("div", {}, element("dt", {}, element("code", {}, name), type), about);
}

/** A list of the fields of a message. */
export function fieldList(document, message) {
  const fields = Object.entries(message.properties ?? {});
  if (!fields.length) return element("p", { class: "muted" }, "No fields.");
  return element("dl", { class: "fields" }, ...fields.map(([name, schema]) => field(document, name, schema)));
}
