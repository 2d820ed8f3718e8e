// The worklist: rows by plain polling, filters without a reload, films by drop or choice, keys J, K and Enter.
import { at, make, person, post, projection, say, waited } from "./texts.js";

const rows = document.getElementById("rows");
const filters = document.getElementById("filters");
const more = document.getElementById("more");
const none = document.getElementById("none");
const EVERY_MS = 5000;
let pages = 1;
let shown = "";
let loads = 0;

async function load() {
  const own = (loads += 1);
  const wanted = new URLSearchParams({ state: filters.state.value, q: filters.q.value.trim(), mine: filters.mine.checked });
  const found = [];
  let hasMore = false;
  let unsent = 0;
  for (let page = 1; page <= pages; page += 1) {
    wanted.set("page", page);
    const answer = await fetch(at(`/medical/worklist?${wanted}`), { headers: { accept: "application/json" } });
    if (!answer.ok) return;
    const listed = await answer.json();
    found.push(...listed.studies);
    hasMore = listed.has_more;
    unsent = listed.unsent;
    if (!hasMore) break;
  }
  if (own !== loads) return; // a later choice has been made
  tellUnsent(unsent);
  more.hidden = !hasMore;
  none.hidden = found.length > 0;
  none.textContent = say("ui.none");
  draw(found);
}

// Reports that the archive does not have are nobody's open work, and would be seen by nobody.
function tellUnsent(count) {
  const box = document.getElementById("unsent");
  if (box.dataset.count === String(count)) return;
  box.dataset.count = count;
  box.hidden = count === 0;
  const show = make("button", { type: "button", class: "button plain", onclick: () => choose("unsent") }, say("ui.show"));
  box.replaceChildren(say("ui.unsent", { count }), " ", show);
}

function choose(state) {
  filters.state.value = state;
  pages = 1;
  load();
}

function draw(studies) {
  const told = JSON.stringify(studies.map(({ waits_s, ...rest }) => [rest, waited(waits_s)]));
  if (told === shown) return; // nothing to read again for a screen reader, and the focus stays
  const focused = document.activeElement?.dataset?.study;
  shown = told;
  rows.replaceChildren(...studies.map(row));
  if (focused) rows.querySelector(`[data-study="${focused}"]`)?.focus();
}

function row(study) {
  const link = make("a", { href: at(`/medical/studies/${study.id}`), "data-study": study.id }, study.id.slice(0, 8));
  const stat = study.is_stat ? make("strong", { class: "m-stat" }, "STAT") : null;
  const late = study.late_films ? make("strong", { class: "m-late" }, say("ui.late_films", { count: study.late_films })) : null;
  return make(
    "tr",
    {},
    make("td", {}, link, " ", stat),
    make("td", {}, make("code", {}, study.patient.slice(0, 10))),
    make("td", {}, [person(study), projection(study.view)].filter(Boolean).join(", ")),
    make("td", {}, make("time", { datetime: study.arrived_at }, waited(study.waits_s))),
    make("td", {}, make("span", { class: `state m-${study.state}` }, say(`state.${study.state}`)), " ", late),
    make("td", { class: "quiet" }, say(`draft_state.${study.draft_state}`)),
    make("td", {}, study.locked_by),
  );
}

function move(step) {
  const links = [...rows.querySelectorAll("a")];
  const place = links.indexOf(document.activeElement);
  links[Math.min(Math.max(place + step, 0), links.length - 1)]?.focus();
}

// A patient's number is asked for what the patient is called here, and not kept on the page.
document.getElementById("finder")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { number } = event.target;
  const { ok, body } = await post(at("/medical/patients"), { number: number.value });
  if (!ok) return;
  number.value = "";
  filters.q.value = body.pseudonym;
  filters.state.value = "";
  pages = 1;
  load();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else return;
  event.preventDefault();
});

let typing = 0;
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("input", (event) => {
  pages = 1;
  clearTimeout(typing);
  typing = setTimeout(load, event.target.type === "search" ? 150 : 0);
});
more.addEventListener("click", () => {
  pages += 1;
  load();
});

const drop = document.getElementById("drop");
if (drop) {
  const files = document.getElementById("files");
  files.addEventListener("change", () => bring([...files.files]).then(() => (files.value = "")));
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    bring([...event.dataTransfer.files]);
  });
}

async function bring(files) {
  const list = document.getElementById("uploads");
  const stat = document.getElementById("stat").checked;
  for (const file of files) {
    const line = make("li", {}, say("ui.uploading", { name: file.name }));
    list.prepend(line);
    line.textContent = await bringOne(file, stat); // the name stays on this page
    await load();
  }
}

async function bringOne(file, stat) {
  try {
    const answer = await fetch(at(`/medical/api/uploads?stat=${stat}`), {
      method: "POST",
      headers: { "content-type": "application/octet-stream", accept: "application/json" },
      body: file,
    });
    const found = await answer.json();
    if (!answer.ok) return say("ui.failed", { name: file.name, error: found.error });
    return say(found.is_new_image ? "ui.uploaded" : "ui.known", { name: file.name });
  } catch {
    return say("ui.failed", { name: file.name, error: say("ui.gone") });
  }
}

load();
setInterval(() => document.hidden || load(), EVERY_MS);
