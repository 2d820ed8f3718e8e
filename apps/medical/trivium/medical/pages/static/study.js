// The review page: what the server knows of a study is drawn here, and every act of the reader goes there.
// Typing is never lost: text is kept on the page until the server has it, and no answer overwrites a word being typed.
import { difference, exportsOf, marks, origin, sending, told, versions } from "./below.js";
import { Editor } from "./editor.js";
import { ask, critical, pinFirst, signing } from "./dialogs.js";
import { Films, since } from "./films.js";
import { at, make, markOf, named, person, post, say } from "./texts.js";
import { prepare } from "./viewer.js";

const root = document.getElementById("study");
let id = root.dataset.study;
let base = at(`/medical/studies/${id}`);
const POLL_MS = 3000;
const KEEP_MS = 40000;
const films = new Films((error) => notice("film", String(error)), root.dataset.review ? askArchive : null);
let state = null;
let tag = "";
let answers = 0; // of acts, and turns to other studies
let nextStudy = null;
let isNamed = false; // whether exports carry the patient's name
let filmsShown = 0; // films that were there when the page was opened
let asking = ""; // of the archive, on this page: "asked", then "shown" once what came is beside the film
const editor = new Editor(document.getElementById("sections"), { changed: () => later(), chosen: (names) => films.choose(names) });

// -- state ----------------------------------------------------------------------------------------------------------

async function load() {
  const asked = answers;
  try {
    const answer = await fetch(`${base}/state`, { headers: { accept: "application/json", "if-none-match": tag } });
    if (answer.status === 304) return;
    if (!answer.ok) return;
    const found = await answer.json();
    if (asked !== answers) return; // older than what an act has told since
    tag = answer.headers.get("etag") ?? "";
    take(found);
  } catch {
    notice("gone", say("ui.gone"));
  }
}

function take(found) {
  const isFirst = state === null;
  if (isFirst) filmsShown = found.images.length;
  state = found;
  const canWrite = found.is_mine && found.can.includes("edit");
  if (!canWrite) document.getElementById("saved").textContent = "";
  if (!editor.isDirty) editor.show(found.content, found.draft, canWrite);
  drawState();
  drawNotices();
  drawActs();
  drawMore();
  const shown = films.take(found);
  drawArchive();
  if (isFirst) shown.then(preload);
}

async function act(path, body = {}) {
  if (!(await flush())) return null;
  const answer = await post(`${base}/${path}`, { version: state.study.version, ...body });
  return taken(answer);
}

function taken(answer) {
  answers += 1;
  if (!answer.ok) {
    notice("problem", answer.body.error ?? say("ui.gone"), "bad");
    return null;
  }
  notice("problem", "");
  tag = "";
  take(answer.body);
  return answer.body;
}

// -- saving ---------------------------------------------------------------------------------------------------------

const PAUSE_MS = 700;
const LONGEST_MS = 2000; // without a pause, too: whoever goes on at once must not lose what was decided
let timer = 0;
let unsavedSince = 0;
let isSaving = null;

function later() {
  saved("unsaved");
  clearTimeout(timer);
  unsavedSince ||= performance.now();
  timer = setTimeout(flush, Math.max(0, Math.min(PAUSE_MS, unsavedSince + LONGEST_MS - performance.now())));
}

async function flush() {
  clearTimeout(timer);
  unsavedSince = 0;
  if (isSaving) await isSaving;
  if (!editor.isDirty) return true;
  isSaving = save();
  const isDone = await isSaving;
  isSaving = null;
  return isDone;
}

async function save() {
  saved("saving");
  const content = editor.take();
  try {
    const answer = await post(`${base}/save`, { version: state.study.version, content });
    if (answer.ok) {
      notice("problem", "");
      saved("saved");
      answers += 1;
      tag = "";
      take(answer.body);
      return true;
    }
    editor.isDirty = true;
    notice("problem", `${answer.body.error} ${say("ui.not_stored")}`, "bad");
  } catch {
    editor.isDirty = true;
    notice("problem", say("ui.gone"), "bad");
    timer = setTimeout(flush, 5000);
  }
  saved("unsaved");
  return false;
}

function saved(key) {
  document.getElementById("saved").textContent = say(`ui.${key}`);
  root.dataset.saved = key;
}

window.addEventListener("beforeunload", (event) => {
  if (editor.isDirty) event.preventDefault();
});
window.addEventListener("pagehide", () => {
  if (state?.is_mine) navigator.sendBeacon?.(`${base}/release`);
});

// -- drawing --------------------------------------------------------------------------------------------------------

function drawState() {
  const { study } = state;
  const label = document.getElementById("state");
  label.textContent = say(`state.${study.state}`);
  label.className = `state m-${study.state}`;
  const stat = study.is_stat ? make("strong", { class: "m-stat" }, "STAT") : "";
  document.getElementById("about").replaceChildren(`${study.patient.slice(0, 10)} · ${person(study)} `, stat);
  const mark = markOf(state);
  document.getElementById("mark").textContent = mark ? `${mark}   `.repeat(400) : "";
  root.dataset.state = study.state;
  root.dataset.version = study.version;
  root.dataset.draft = study.draft_state;
}

function notice(key, text, kind = "") {
  const box = document.getElementById("notices");
  const old = box.querySelector(`[data-key="${key}"]`);
  if (!text) {
    old?.remove();
    return;
  }
  const made = text instanceof Node ? text : make("p", {}, text);
  made.dataset.key = key;
  made.classList.add("m-notice", ...(kind ? [kind] : []));
  if (old?.textContent === made.textContent) return;
  if (old) old.replaceWith(made);
  else box.append(made);
}

function drawNotices() {
  const { study, draft } = state;
  notice("gone", "");
  const { length: count } = state.images;
  const isOver = state.is_published || ["retracted", "rejected"].includes(study.state);
  notice("films", count > filmsShown && !isOver ? say("ui.film_came", { count }) : "", "bad");
  drawLate();
  notice("locked", study.locked_by ? say("ui.locked", { name: study.locked_by }) : "");
  notice("refused", draft?.refused ? say("ui.refused", { reason: draft.refused }) : "");
  notice("warnings", draft?.warnings?.length && !draft.refused ? draft.warnings.join("; ") : "");
  const waits = study.draft_state === "waiting" && !state.is_draft_hidden ? say("draft_state.waiting") : "";
  notice("waiting", waits);
  const isFailed = study.draft_state === "failed";
  const retry = root.dataset.review ? button("retry_draft", async () => taken(await post(`${base}/retry-draft`))) : null;
  notice("failed", isFailed ? make("p", {}, say("ui.draft_failed"), " ", retry) : "");
  const isCompared = !state.priors.length || !draft || draft.refused || isOver;
  notice("compare", isCompared ? "" : say("ui.not_compared", { at: since(state.priors[0]) }));
  const canInsert = editor.canWrite && draft && !draft.refused && state.draft_number < draft.number;
  notice("late", canInsert ? make("p", {}, say("ui.late"), " ", button("insert", insert)) : "");
  const mustCommit = state.is_draft_hidden && editor.canWrite;
  notice("hidden", mustCommit ? make("p", {}, say("ui.hidden"), " ", button("commit", () => act("commit"))) : "");
  const untold = state.critical.filter((name) => !state.told.some((one) => one.finding === name));
  for (const name of [...state.critical, ...state.told.map((one) => one.finding)]) notice(`critical-${name}`, "");
  for (const name of editor.canWrite ? untold : []) {
    const what = named(name);
    notice(`critical-${name}`, make("p", {}, say("ui.critical", { what }), " ", button("note", () => tell(name, what))), "bad");
  }
}

// Films that came when the report was over: of those that nobody has looked at the notice is loud.
function drawLate() {
  const { late, films_since: since, images } = state;
  const count = late.count || since;
  if (!count) return notice("films-since", "");
  const told = say(state.is_published ? "ui.films_since" : `ui.films_${state.study.state}`, { count });
  const seen = late.looked ? say("ui.films_looked", { name: late.looked.name, at: new Date(late.looked.at).toLocaleString(document.documentElement.lang) }) : "";
  const stands = late.may_look ? button("looked", () => act("looked", { films: images.length })) : null;
  const made = make("p", {}, [told, seen].filter(Boolean).join(" "), " ", stands);
  return notice("films-since", made, late.count ? "bad" : "");
}

// What became of asking the archive. A failure is told to whoever opens the study, the rest to whoever asked.
function drawArchive() {
  const { asked } = state.archive;
  const isBusy = ["waiting", "running"].includes(asked?.state);
  const isOver = asking && asked?.state === "done";
  const came = asked?.films ? say("ui.archive_came", { films: asked.films }) : say("ui.archive_empty");
  const percent = Math.round(100 * (asked?.progress ?? 0));
  notice("archive", isBusy ? say(`ui.archive_${asked.state}`, { percent }) : isOver && asked.films !== null ? came : "");
  const hasFailed = asked?.state === "failed" && !state.is_published;
  const problem = hasFailed ? say("ui.archive_failed", { problem: asked.problem }) : asked?.problem && !state.is_published ? say("ui.archive_part", { problem: asked.problem }) : "";
  notice("archive-problem", problem, "bad");
  if (!isOver || asking === "shown") return;
  asking = "shown";
  if (asked.films && state.priors.length && !films.isPriorShown) films.showPrior();
}

async function askArchive() {
  asking = "asked";
  taken(await post(`${base}/priors`));
}

function drawActs() {
  const { can } = state;
  const box = document.getElementById("acts");
  const made = [];
  const isFree = !state.study.locked_by;
  if (can.includes("begin") && !state.is_mine && isFree) made.push(button("begin", begin, true));
  if (editor.canWrite) {
    if (can.includes("sign")) made.push(button("sign", sign, true));
    if (can.includes("submit")) made.push(button("submit", () => act("submit")));
    if (can.includes("send_back")) made.push(button("send_back", () => reasoned("step/send-back", "send_back")));
    if (can.includes("abandon")) made.push(button("abandon", () => act("step/abandon")));
  }
  if (isFree) {
    if (can.includes("reject")) made.push(button("reject_study", () => reasoned("step/reject", "reject_study")));
    if (can.includes("reopen")) made.push(button("reopen", () => act("step/reopen")));
    if (can.includes("amend")) made.push(button("amend", () => reasoned("step/amend", "amend")));
    if (can.includes("retract")) made.push(button("retract", () => reasoned("retract", "retract", true)));
  }
  made.push(button("next", next));
  if (state.undecided && editor.canWrite) made.push(make("span", { class: "quiet" }, say("ui.undecided", { count: state.undecided })));
  const labels = made.map((one) => one.textContent).join("|");
  if (box.dataset.told === labels) return;
  box.dataset.told = labels;
  box.replaceChildren(...made);
}

function drawMore() {
  const canName = document.getElementById("identity") !== null;
  const exports = exportsOf(base, { isNamed, canName, changed: (isOn) => {
    isNamed = isOn;
    drawMore();
  } });
  const sent = sending(state, (key) => button(key, async () => taken(await post(`${base}/send`))));
  const box = document.getElementById("more");
  const open = [...box.querySelectorAll("details")].map((one) => one.open);
  box.replaceChildren(...difference(state), ...marks(state), ...told(state), ...versions(state), ...sent, ...exports, ...origin(state));
  box.querySelectorAll("details").forEach((one, place) => (one.open = open[place] ?? false));
}

function button(key, does, isMain = false) {
  return make("button", { type: "button", class: isMain ? "button" : "button plain", "data-act": key, onclick: does }, say(`ui.${key}`));
}

// -- acts -----------------------------------------------------------------------------------------------------------

async function begin() {
  taken(await post(`${base}/begin`));
  editor.focusFirst();
}

async function insert() {
  editor.close();
  await act("insert-draft");
}

async function reasoned(path, key, needsSecret = false) {
  const given = await ask(key, { needsSecret: needsSecret && !state.step_up.has_grace });
  if (given) await act(path, given);
}

async function tell(finding, what) {
  const given = await critical(what);
  if (given) await act("critical", { finding, ...given });
}

async function sign() {
  if (!(await flush())) return;
  if (!state.step_up.has_proof) {
    const pin = await pinFirst();
    if (!pin) return;
    const made = await post(at("/medical/pin"), pin);
    if (!made.ok) {
      notice("problem", made.body.error, "bad");
      return;
    }
    await load();
  }
  const { text, text_sha256: sha, images } = state; // what is shown is what is signed
  const given = await signing(text, !state.step_up.has_grace, state.sending.destination);
  if (given) await act("sign", { text_sha256: sha, films: images.length, ...given });
}

// -- the next study -------------------------------------------------------------------------------------------------

// The next study's films come before they are asked for, and wait ready to be drawn.
async function preload() {
  const asked = id;
  const answer = await fetch(at("/medical/worklist?state=open"), { headers: { accept: "application/json" } });
  if (!answer.ok) return;
  const { studies } = await answer.json();
  const place = studies.findIndex((one) => one.id === id);
  nextStudy = (studies[place + 1] ?? studies.find((one) => one.id !== id))?.id ?? null;
  if (!nextStudy) return;
  const found = await fetch(at(`/medical/studies/${nextStudy}/state`), { headers: { accept: "application/json" } });
  if (!found.ok) return;
  await Promise.all((await found.json()).images.slice(0, 2).map(prepare));
  if (id === asked) root.dataset.next = nextStudy;
}

async function next() {
  if (!(await flush())) return;
  if (!nextStudy) await preload(); // something may have come since
  if (!nextStudy) {
    notice("problem", say("ui.none_next"));
    return;
  }
  history.pushState(null, "", at(`/medical/studies/${nextStudy}`));
  await turn(nextStudy);
}

// Turn this page to another study: nothing of the one before stays on it.
async function turn(other) {
  if (state?.is_mine) post(`${base}/release`);
  answers += 1;
  [id, base] = [other, at(`/medical/studies/${other}`)];
  [state, tag, nextStudy, isNamed, asking] = [null, "", null, false, ""];
  editor.reset();
  films.reset();
  for (const box of ["notices", "acts", "more", "named", "saved"]) document.getElementById(box)?.replaceChildren();
  document.getElementById("acts").dataset.told = "";
  delete root.dataset.next;
  root.dataset.study = other;
  document.querySelector("h1 span").textContent = other.slice(0, 8);
  document.title = document.title.replace(/[0-9a-f]{8}/, other.slice(0, 8));
  post(`${base}/opened`);
  await load();
}

window.addEventListener("popstate", () => turn(location.pathname.split("/").pop()));

// -- keys -----------------------------------------------------------------------------------------------------------

const KEYS = {
  Enter: () => editor.decide("accepted"),
  e: () => editor.edit(),
  x: () => editor.decide("rejected"),
  j: () => editor.move(1),
  k: () => editor.move(-1),
  n: next,
  i: () => films.both((one) => one.invert()),
  r: () => films.toggle("ruler"),
  h: () => films.heat(),
  "?": () => document.getElementById("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input:not([type=range]), textarea, select, [contenteditable]") || event.isComposing;
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && event.target.matches("button, a, summary")) return; // it presses what has the focus
  const does = /^[1-5]$/.test(event.key) ? () => films.preset(event.key) : KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!does) return;
  event.preventDefault();
  does();
});

document.getElementById("identity")?.addEventListener("click", async () => {
  const answer = await fetch(`${base}/identity`, { headers: { accept: "application/json" } });
  const found = await answer.json();
  document.getElementById("named").textContent = answer.ok ? (found.is_kept ? found.lines.join(" · ") : say("ui.identity_none")) : found.error;
});

load();
setInterval(() => document.hidden || editor.isDirty || load(), POLL_MS);
setInterval(() => document.hidden || nextStudy || !state || preload(), 10000);
setInterval(() => state?.is_mine && !document.hidden && post(`${base}/keep`), KEEP_MS);
