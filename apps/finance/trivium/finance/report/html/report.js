"use strict";
// One report page: numbers in another unit, the way from a number to its source, tables by keyboard, copying as TSV.
const data = JSON.parse(document.getElementById("report-data").textContent);
const text = data.texts;
for (const entry of data.values) {
  for (const key of ["name", "company", "period", "status", "unit", "formula", "reason"]) {
    if (key in entry) entry[key] = data.words[entry[key]];
  }
}
const entries = new Map(data.values.map((entry) => [entry.id, entry]));
const exponents = { full: 0, thousand: 3, wan: 4, million: 6, yi: 8, billion: 9 };
const decimalsByExponent = { 0: 0, 3: 0, 4: 2, 6: 0, 8: 2, 9: 2 };
const byKind = {
  per_share: [0, 2, ""], ratio: [2, 1, "%"], points: [2, 1, text.points_suffix], times: [0, 2, "x"], days: [0, 0, ""], rank: [0, 0, ""],
};
let scale = data.scale;

// --- numbers: whole-number arithmetic on the decimal text, so that no digit drifts ---
function kindOf(unit) {
  const named = { shares: "shares", pure: "ratio", points: "points", times: "times", days: "days", rank: "rank" };
  if (unit in named) return named[unit];
  if (/^[A-Z]{3}$/.test(unit)) return "money";
  return /^[A-Z]{3}\/shares$/.test(unit) ? "per_share" : "other";
}

function rounded(value, shift, places) {
  const [whole, part = ""] = value.replace("-", "").split(".");
  const extra = part.length - shift - places;
  let digits = BigInt(whole + part);
  if (extra > 0) digits = (digits + 5n * 10n ** BigInt(extra - 1)) / 10n ** BigInt(extra);
  else digits *= 10n ** BigInt(-extra);
  const all = digits.toString().padStart(places + 1, "0");
  const head = all.slice(0, all.length - places).replace(/\B(?=(\d{3})+$)/g, ",");
  const number = places ? `${head}.${all.slice(-places)}` : head;
  return { isNegative: value.startsWith("-") && digits !== 0n, number };
}

function perSharePlaces(value) {
  if (!/^-?0*\.0/.test(value)) return 2;  // from 0.1 on
  const part = value.split(".")[1].replace(/0+$/, "");
  return Math.min(Math.max(2, part.length), 4);
}

function shown(value, unit, scaleName) {
  const kind = kindOf(unit);
  const exponent = exponents[scaleName];
  const [shift, least, suffix] = byKind[kind] || [-exponent, decimalsByExponent[exponent], ""];
  const places = kind === "per_share" ? perSharePlaces(value) : least;
  const { isNegative, number } = rounded(value, shift, places);
  return isNegative ? `(${number}${suffix})` : number + suffix;
}

function rescale(next) {
  scale = next;
  for (const node of document.querySelectorAll("[data-value]")) {
    if (!(kindOf(node.dataset.unit) in byKind)) node.textContent = shown(node.dataset.value, node.dataset.unit, scale);
  }
  for (const node of document.querySelectorAll("[data-head]")) node.textContent = data.heads[node.dataset.head][scale];
  if (current) openPanel(current, origin);
  fitTables();
}

// --- shares as reported, or on today's basis; changes beside them stay on today's ---
function rebase(basis) {
  for (const node of document.querySelectorAll('[data-value][data-claim$="@split"], [data-adjusted]')) {
    node.dataset.adjusted ??= node.dataset.claim;
    const adjusted = entries.get(node.dataset.adjusted);
    const entry = basis === "reported" ? data.values[adjusted.inputs[0]] : adjusted;
    node.dataset.claim = entry.id;
    node.dataset.value = entry.amount;
    node.classList.toggle("derived", entry === adjusted);
    node.textContent = shown(entry.amount, entry.unit, scale);
  }
}

// --- the Source panel ---
const page = document.getElementById("page");
const panel = document.getElementById("panel");
let current = null;
let origin = null;
const trail = [];

function make(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

function facts(pairs) {
  const list = make("dl", {});
  for (const [term, content] of pairs) {
    if (content) list.append(make("dt", { textContent: term }), make("dd", {}, content));
  }
  return list;
}

function amountText(entry) {
  return entry.amount === undefined ? text.na : shown(entry.amount, entry.unit || "", scale);
}

function excerpt(source) {
  const table = data.tables[`${source.filing}.${source.table}`];
  if (!table) return make("p", { className: "quiet", textContent: text.no_table });
  const place = table.rows.findIndex((row) => row[0] === source.row);
  const rows = table.rows.slice(Math.max(place - 3, 0), place + 4);
  const used = table.columns.map((_, index) => index).filter((index) => rows.some((row) => row[2][index]));
  const head = make("tr", {}, make("td", {}), ...used.map((index) =>
    make("th", { scope: "col", textContent: table.columns[index][1] })));
  const body = rows.map(([number, label, cells]) => {
    const line = make("tr", { className: number === source.row ? "hit" : "" }, make("th", { scope: "row", textContent: label }));
    for (const index of used) {
      const isHit = number === source.row && table.columns[index][0] === source.column;
      line.append(make("td", {}, make(isHit ? "mark" : "span", { textContent: cells[index] })));
    }
    return line;
  });
  const grid = make("table", {}, make("caption", { textContent: text.excerpt }), make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { className: "excerpt", tabIndex: 0, role: "group", ariaLabel: text.excerpt }, grid,
    make("p", { className: "quiet", textContent: text.excerpt_note }));
}

function sourceParts(source) {
  const filing = data.filings[source.filing];
  const name = [filing.form, filing.period, filing.company].filter(Boolean).join(" · ");
  return [
    excerpt(source),
    facts([
      [text.printed, source.printed], [text.scale, source.scale], [text.decimals, source.decimals],
      [text.row, source.label], [text.concept, make("code", { textContent: source.concept })],
      [text.members, source.members], [text.anchor, make("code", { textContent: source.anchor })], [text.filing, name],
      [text.period_end, filing.end], [text.filed, filing.filed], [text.accession, filing.accession],
      [text.file, filing.file], ["SHA-256", make("code", { textContent: filing.sha256 })],
    ]),
  ];
}

function inputList(entry) {
  const list = make("ul", { className: "inputs" });
  for (const place of entry.inputs || []) {
    const input = data.values[place];
    const link = make("button", { type: "button", className: "input" }, make("span", { textContent: input.name }),
      make("b", { textContent: amountText(input) }), make("small", { textContent: input.period }));
    link.addEventListener("click", () => { trail.push(entry); openPanel(input, origin); });
    list.append(make("li", {}, link));
  }
  return list;
}

// The page beside the panel gets narrower and its lines break elsewhere: keep what was chosen where it stood.
function inPlace(node, change) {
  const before = node?.getBoundingClientRect().top;
  change();
  fitTables();
  if (!node?.isConnected) return;
  scrollBy({ top: node.getBoundingClientRect().top - before, behavior: "instant" });
  const isCovered = !panel.hidden && getComputedStyle(panel).position === "fixed" &&
    node.getBoundingClientRect().bottom > panel.getBoundingClientRect().top;
  if (isCovered) scrollBy({ top: node.getBoundingClientRect().top - innerHeight / 4, behavior: "instant" });
}

function fullText(amount) {
  const [whole, part] = amount.replace("-", "").split(".");
  const shortened = part && part.length > 12 ? `${part.slice(0, 12)}…` : part;
  return (amount.startsWith("-") ? "−" : "") + whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? `.${shortened}` : "");
}

function openPanel(entry, from) {
  current = entry;
  origin = from;
  const full = entry.amount === undefined ? "" : fullText(entry.amount);
  const bar = make("div", { className: "panel-bar" }, make("h2", { id: "panel-title", textContent: text.panel }));
  const back = make("button", { type: "button", textContent: `‹ ${text.back}`, hidden: !trail.length });
  back.addEventListener("click", () => openPanel(trail.pop(), origin));
  const close = make("button", { type: "button", textContent: `${text.close} ×` });
  close.addEventListener("click", closePanel);
  bar.append(back, close);
  const unit = entry.unit && kindOf(entry.unit) in byKind ? "" : data.heads[entry.unit]?.[scale] || "";
  panel.replaceChildren(bar, make("div", { className: "panel-body" },
    make("p", { className: "panel-name" }, make("b", { textContent: entry.name }), " ",
      make("span", { className: `badge ${entry.status}`, textContent: text[entry.status] })),
    make("p", { className: "quiet", textContent: [entry.company, entry.period].filter(Boolean).join(" · ") }),
    make("p", { className: "panel-amount" }, amountText(entry), " ", make("small", { textContent: unit })),
    full ? make("p", { className: "quiet full", textContent: `${text.full_value} ${full}` }) : "",
    ...(entry.formula ? [make("p", { className: "formula", textContent: `= ${entry.formula}` }), inputList(entry)] : []),
    entry.reason ? make("p", { className: "reason", textContent: `${text.reason} ${entry.reason}` }) : "",
    ...(entry.notes || []).map((note) => make("p", { className: "reason", textContent: note })),
    ...(entry.source ? sourceParts(entry.source) : [])));
  for (const node of document.querySelectorAll(".chosen")) node.classList.remove("chosen");
  from?.classList.add("chosen");
  inPlace(from, () => { panel.hidden = false; page.classList.add("open"); });
  panel.focus({ preventScroll: true });
  panel.scrollTop = 0;
}

function closePanel() {
  inPlace(origin, () => { panel.hidden = true; page.classList.remove("open"); });
  trail.length = 0;
  current = null;
  origin?.classList.remove("chosen");
  if (origin) focusOn(origin);
}

function activate(node) {
  const entry = entries.get(node?.dataset.claim);
  if (!entry) return;
  trail.length = 0;
  openPanel(entry, node);
}

// --- tables by keyboard: one tab stop each, arrows inside, shift marks a range ---
let anchor = null;
const isVisible = (cell) => cell.offsetParent !== null;
const cellsOf = (row) => [...row.cells].filter(isVisible);
const rowsOf = (table) => [...table.tBodies].flatMap((body) => [...body.rows]).filter(isVisible);

function focusOn(cell) {
  const table = cell.closest("table.grid");
  if (table) {
    for (const other of table.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    cell.tabIndex = 0;
  }
  cell.focus();
}

function mark(from, to) {
  for (const cell of document.querySelectorAll("[aria-selected]")) cell.removeAttribute("aria-selected");
  if (!from || from.closest("table") !== to.closest("table")) return;
  const rows = rowsOf(from.closest("table"));
  const at = (cell) => [rows.indexOf(cell.parentElement), cellsOf(cell.parentElement).indexOf(cell)];
  const [[r1, c1], [r2, c2]] = [at(from), at(to)];
  for (const row of rows.slice(Math.min(r1, r2), Math.max(r1, r2) + 1)) {
    for (const cell of cellsOf(row).slice(Math.min(c1, c2), Math.max(c1, c2) + 1)) cell.setAttribute("aria-selected", "true");
  }
}

function step(cell, event) {
  const rows = rowsOf(cell.closest("table"));
  const row = cell.parentElement;
  const column = cellsOf(row).indexOf(cell);
  const last = cellsOf(row).length - 1;
  const beside = { ArrowLeft: column - 1, ArrowRight: column + 1, Home: 0, End: last };
  if (event.key in beside) {
    const edge = event.ctrlKey && event.key === "Home" ? rows[0] : event.ctrlKey && event.key === "End" ? rows.at(-1) : row;
    return cellsOf(edge)[Math.min(Math.max(beside[event.key], 0), cellsOf(edge).length - 1)];
  }
  const way = event.key === "ArrowDown" ? 1 : -1;
  let place = rows.indexOf(row) + way;
  while (rows[place] && cellsOf(rows[place]).length <= column) place += way;
  return rows[place] ? cellsOf(rows[place])[column] : cell;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (!tip.hidden) hideTip();
    else if (!panel.hidden) closePanel();
    return;
  }
  const cell = event.target.closest?.("table.grid tbody :is(td, th)");
  if (!cell || cell !== event.target) return;
  if (/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) {
    event.preventDefault();
    const next = step(cell, event);
    anchor = event.shiftKey ? anchor || cell : null;
    mark(anchor, next);
    focusOn(next);
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    activate(cell);
  }
});

document.addEventListener("click", (event) => {
  const node = event.target.closest?.("[data-claim]");
  const cell = event.target.closest?.("table.grid tbody :is(td, th)");
  if (!getSelection().isCollapsed) return;
  if (cell && event.shiftKey) {
    mark(anchor || document.activeElement.closest("table.grid tbody :is(td, th)"), cell);
    return;
  }
  anchor = cell;
  if (cell) { mark(null, cell); focusOn(cell); }
  if (node) activate(node);
});

// --- copying: the full number of each cell, tabs between cells ---
const plainText = (cell) => cell.dataset.value ?? cell.textContent.trim().replace(/\s+/g, " ");

document.addEventListener("copy", (event) => {
  const selection = getSelection();
  const isChosen = selection.isCollapsed
    ? (cell) => cell.hasAttribute("aria-selected") || cell === document.activeElement
    : (cell) => selection.containsNode(cell, true);
  const lines = [...document.querySelectorAll("table.grid tr")]
    .map((row) => cellsOf(row).filter(isChosen).map(plainText).join("\t")).filter(Boolean);
  const isInTables = selection.isCollapsed || selection.getRangeAt(0).commonAncestorContainer.closest?.("table.grid, .scroll");
  if (!lines.length || !isInTables) return;
  event.clipboardData.setData("text/plain", lines.join("\n"));
  event.preventDefault();
});

// --- how a number came to be, on hover and focus ---
const tip = document.getElementById("tip");

function showTip(event) {
  const node = event.target.closest?.("[data-claim]");
  const entry = entries.get(node?.dataset.claim);
  const words = entry && [entry.formula && `= ${entry.formula}`, entry.reason, ...(entry.notes || [])].filter(Boolean);
  hideTip();
  if (!words?.length) return;
  tip.textContent = words.join("\n");
  tip.hidden = false;
  node.setAttribute("aria-describedby", "tip");
  placeTip();
}

function placeTip() {
  const node = document.querySelector('[aria-describedby="tip"]');
  if (!node) return;
  const box = node.getBoundingClientRect();
  const below = box.bottom + 6 + tip.offsetHeight < innerHeight;
  tip.style.top = `${below ? box.bottom + 6 : Math.max(box.top - 6 - tip.offsetHeight, 0)}px`;
  tip.style.left = `${Math.max(Math.min(box.left, innerWidth - tip.offsetWidth - 8), 8)}px`;
}

function hideTip() {
  tip.hidden = true;
  document.querySelector('[aria-describedby="tip"]')?.removeAttribute("aria-describedby");
}

document.addEventListener("mouseover", showTip);
document.addEventListener("focusin", showTip);
document.addEventListener("scroll", placeTip, { capture: true, passive: true });

// --- start ---
function fitTables() {
  for (const wrapper of document.querySelectorAll(".scroll")) {
    wrapper.classList.toggle("fits", wrapper.firstElementChild.offsetWidth <= wrapper.clientWidth + 1);
  }
}

for (const table of document.querySelectorAll("table.grid")) {
  table.setAttribute("role", "grid");
  for (const cell of table.querySelectorAll("tbody :is(td, th)")) cell.tabIndex = -1;
  const first = table.querySelector("tbody td[data-claim]") || table.querySelector("tbody :is(td, th)");
  if (first) first.tabIndex = 0;
}
document.getElementById("unit").addEventListener("change", (event) => rescale(event.target.value));
document.getElementById("basis")?.addEventListener("change", (event) => rebase(event.target.value));
addEventListener("resize", fitTables);
addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) part.open = true; });
fitTables();
document.documentElement.classList.add("ready");
