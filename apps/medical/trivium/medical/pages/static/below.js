// What stands below a report: what was changed, what does not fit, who was told, earlier versions, where it is on its
// way to the archive, exports, the draft.
// Each function returns elements, none where there is nothing to say.
import { known, make, markOf, named, say } from "./texts.js";

const KINDS = { txt: "TXT", pdf: "PDF", json: "FHIR", hl7: "HL7", dcm: "DICOM SR" };

export function difference({ difference: found }) {
  if (!found) return [];
  const lines = found.lines.map(({ op, text }) => {
    const tag = { removed: "del", added: "ins" }[op];
    return make("li", { class: `m-${op}` }, tag ? make(tag, {}, text) : text);
  });
  return [make("h3", {}, say("ui.difference", { author: found.author })), make("ul", { class: "m-diff" }, ...lines)];
}

// Of a report that is being written, a change to a signed one among them.
export function marks(state) {
  if (!state.marks.length || !markOf(state)) return [];
  const quote = (text) => (text ? make("q", { class: "quiet" }, text) : null);
  const found = state.marks.map((one) => make("li", {}, one.text, " ", quote(state.text.slice(one.start, one.end)), quote(one.other)));
  return [make("h3", {}, say("ui.marks")), make("ul", { class: "m-marks" }, ...found)];
}

export function told({ told: found }) {
  if (!found.length) return [];
  const lines = found.map((one) => {
    const back = say(one.is_read_back ? "ui.with_back" : "ui.without_back");
    return make("li", {}, say("ui.told_done", { what: named(one.finding), who: one.told, at: time(one.at), back }));
  });
  return [make("ul", { class: "m-told" }, ...lines)];
}

export function versions({ versions: found }) {
  if (!found.length) return [];
  const listed = found.map((one) => {
    const by = one.signer ? say("ui.signed_by", { name: one.signer }) : one.author;
    const about = [`${one.number}. ${known(`state.${one.kind}`) || one.kind}`, by, time(one.made_at), one.reason];
    const bound = one.bound_sha256 ? make("p", { class: "quiet" }, `SHA-256 ${one.bound_sha256}`) : null;
    return make("details", {}, make("summary", {}, about.filter(Boolean).join(" · ")), make("pre", {}, one.text), bound);
  });
  return [make("h3", {}, say("ui.versions")), ...listed];
}

// `button` makes the one that has it sent.
export function sending({ study, sending: { destination, may, told: found } }, button) {
  const what = say(study.state === "retracted" ? "ui.send_of_retraction" : "ui.send_of_report");
  const again = may ? button(found ? "send_again" : "send") : null;
  if (!found) return again ? [make("p", { class: "m-row" }, say("ui.send_never", { what, title: destination }), " ", again)] : [];
  const values = { what, title: found.destination, count: found.attempts, problem: found.problem, at: time(found.sent_at), next: time(found.next_at) };
  const key = found.state === "waiting" && !found.attempts ? "send_due" : `send_${found.state}`;
  const changed = found.state === "sent" && found.problem ? ` ${say("ui.send_changed", values)}` : "";
  const kind = found.state === "refused" ? "m-row m-notice bad" : "m-row";
  return [make("p", { class: kind, "data-sending": found.state }, `${say(`ui.${key}`, values)}${changed}`, " ", again)];
}

// `changed` is told whether the name is wanted; only who may see it is asked.
export function exportsOf(base, { isNamed, canName, changed }) {
  const query = isNamed ? "?identity=true" : "";
  const links = Object.entries(KINDS).map(([kind, name]) => make("a", { href: `${base}/report.${kind}${query}`, target: "_blank" }, name));
  const box = make("input", { type: "checkbox", checked: isNamed, onchange: (event) => changed(event.target.checked) });
  const choice = canName ? make("label", { class: "m-choice" }, box, ` ${say("ui.with_name")}`) : null;
  const note = isNamed ? [] : [make("p", { class: "quiet" }, say("ui.scrubbed"))];
  return [make("p", { class: "m-row" }, ...links, choice), ...note];
}

export function origin({ draft, study, is_published: isPublished }) {
  if (!draft) return [];
  const weights = draft.weights_sha256.slice(0, 12);
  const made = make("p", { class: "quiet" }, say("ui.draft_by", { number: draft.number, model: draft.model, weights }));
  const legend = draft.refused || isPublished || study.state === "retracted" ? [] : [make("p", { class: "quiet" }, say("ui.limits_legend"))];
  return [made, ...legend];
}

function time(text) {
  if (!text) return "";
  return new Date(text).toLocaleString(document.documentElement.lang);
}
