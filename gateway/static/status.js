// The home page: how every service is and which models there are, asked again every few seconds while it is looked at.
import { copyButton, element, post } from "/static/page.js";

const AGAIN_MS = 5000;

function serviceCard(service) {
  const state = element("span", { class: `state ${service.serving ? "good" : "bad"}` }, service.serving ? "serving" : "down");
  const took = `${(Number(service.elapsedUs) / 1000).toFixed(1)} ms`;
  const about = service.serving ? `${service.address} answered in ${took}` : service.reason;
  return element("li", {}, element("strong", {}, service.service), state, element("p", { class: "muted" }, about));
}

function modelRow(model) {
  const state = element("span", { class: `state ${model.ready ? "good" : "bad"}` }, model.ready ? "ready" : model.reason || "not ready");
  const cells = [element("code", {}, model.name), model.service, model.task || "–", model.version, model.licence || "–", state];
  return element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
}

function show(services, models) {
  const cards = services.map(serviceCard);
  const none = element("li", { class: "muted" }, "No service is configured.");
  document.getElementById("services").replaceChildren(...(cards.length ? cards : [none]));
  const rows = models.map(modelRow);
  const empty = element("tr", {}, element("td", { colspan: "6", class: "muted" }, "No model can be reached."));
  document.getElementById("models").replaceChildren(...(rows.length ? rows : [empty]));
}

async function refresh() {
  const asOf = document.getElementById("as-of");
  try {
    const [status, list] = await Promise.all([post("/v1/gateway:systemStatus"), post("/v1/gateway:listModels")]);
    show(status.services, list.models);
    asOf.textContent = `As of ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    asOf.textContent = `The gateway does not answer: ${error.message}`;
  }
}

async function keepFresh() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((wake) => setTimeout(wake, AGAIN_MS));
  }
}

const command = document.getElementById("command");
command.textContent = `curl -F image=@photo.jpg ${location.origin}/v1/detector:detectFaces`;
command.after(copyButton(command.textContent));
keepFresh();
