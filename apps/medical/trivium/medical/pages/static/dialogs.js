// Questions to the reader, each a dialog of its own that answers with what was given, or with null.
import { make, say } from "./texts.js";

const dialog = document.getElementById("dialog");
const form = document.getElementById("dialog-form");

function open(title, parts, read, submitText) {
  return new Promise((resolve) => {
    let given = null;
    const cancel = make("button", { type: "button", class: "button plain", value: "cancel" }, say("ui.cancel"));
    cancel.addEventListener("click", () => dialog.close());
    const submit = make("button", { class: "button", "data-act": "confirm" }, submitText);
    form.replaceChildren(make("h2", { id: "dialog-title" }, title), ...parts, make("p", { class: "m-row" }, submit, cancel));
    form.onsubmit = () => {
      given = read(new FormData(form));
    };
    dialog.onclose = () => {
      form.replaceChildren(); // nothing of a PIN stays on the page
      resolve(given);
    };
    dialog.showModal();
  });
}

function field(name, text, attributes = {}) {
  return make("p", {}, make("label", { for: `d-${name}` }, text), make("input", { id: `d-${name}`, name, required: true, ...attributes }));
}

function secretField() {
  return field("secret", say("ui.secret"), { type: "password", autocomplete: "current-password", maxlength: 256 });
}

export function ask(key, { needsSecret = false } = {}) {
  const reason = make("p", {}, make("label", { for: "d-reason" }, say("ui.reason")), make("textarea", { id: "d-reason", name: "reason", rows: 3, maxlength: 500, required: true }));
  return open(say(`ui.${key}`), [reason, needsSecret ? secretField() : ""], (data) => Object.fromEntries(data), say(`ui.${key}`));
}

export function critical(what) {
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 16);
  const back = make("p", {}, make("label", { class: "m-choice" }, make("input", { type: "checkbox", name: "is_read_back" }), ` ${say("ui.read_back")}`));
  const parts = [field("told", say("ui.told"), { maxlength: 60 }), field("told_at", say("ui.told_at"), { type: "datetime-local", value: now }), back];
  return open(say("ui.critical", { what }), parts, (data) => ({
    told: data.get("told"),
    told_at: new Date(data.get("told_at")).toISOString(),
    is_read_back: data.has("is_read_back"),
  }), say("ui.note"));
}

export function pinFirst() {
  const pin = field("pin", say("ui.pin_new"), { type: "password", inputmode: "numeric", pattern: "[0-9]{6,12}", autocomplete: "new-password" });
  return open(say("ui.pin_set"), [make("p", {}, say("ui.pin_why")), pin], (data) => ({ pin: data.get("pin") }), say("ui.pin_set"));
}

// `destination` is the archive that the report is then sent to; empty for none.
export function signing(text, needsSecret, destination) {
  const attest = make("p", {}, make("label", { class: "m-choice" }, make("input", { type: "checkbox", name: "attested", required: true }), ` ${say("ui.attest")}`));
  const sent = destination ? make("p", { class: "quiet" }, say("ui.sign_sends", { title: destination })) : "";
  return open(say("ui.sign_title"), [make("pre", { class: "m-signing", tabindex: 0 }, text), attest, sent, needsSecret ? secretField() : ""], (data) => ({
    attested: data.has("attested"),
    secret: data.get("secret") ?? "",
  }), say("ui.sign"));
}
