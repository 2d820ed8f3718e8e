// The sentences of a report: accept, edit, reject, add; one of them is the current one, for the keys.
import { make, known, named, percent, say } from "./texts.js";

const SECTIONS = ["exam", "indication", "technique", "comparison", "findings", "impression"];

export class Editor {
  constructor(element, { changed, chosen }) {
    this.element = element;
    this.changed = changed;
    this.chosen = chosen;
    this.content = null;
    this.canWrite = false;
    this.isDirty = false;
    this.current = "";
    this.editing = "";
    this.shown = "";
  }

  show(content, draft, canWrite) {
    const told = JSON.stringify([content, canWrite, draft?.number ?? 0]);
    this.draft = draft;
    if (told === this.shown || (this.editing && canWrite)) return; // nobody's word is taken from under the hands
    this.shown = told;
    this.content = structuredClone(content);
    this.canWrite = canWrite;
    this.draw();
  }

  reset() {
    [this.content, this.draft, this.canWrite, this.isDirty] = [null, null, false, false];
    [this.current, this.editing, this.shown] = ["", "", ""];
    this.element.replaceChildren();
  }

  take() {
    this.isDirty = false;
    return structuredClone(this.content);
  }

  touch() {
    this.isDirty = true;
    this.changed();
  }

  sentences() {
    return SECTIONS.flatMap((section) => this.content.sections[section].map((one) => ({ section, one })));
  }

  find(id) {
    return this.sentences().find(({ one }) => one.id === id);
  }

  draw() {
    const focused = document.activeElement?.closest?.("[data-sentence]")?.dataset.sentence;
    const parts = SECTIONS.filter((section) => this.canWrite || this.shownIn(section).length).map((section) => this.section(section));
    if (!parts.length) parts.push(make("p", { class: "quiet" }, say("ui.blank")));
    this.element.replaceChildren(...parts);
    this.element.lang = this.content.language === "zh" ? "zh-CN" : "en";
    const field = this.element.querySelector("textarea");
    if (field) field.focus(); // at once: the next key is a word, not a command
    else if (focused) this.element.querySelector(`[data-sentence="${focused}"]`)?.focus({ preventScroll: true });
  }

  // Whoever only reads sees what the report says; whoever writes also sees what they took out.
  shownIn(name) {
    return this.content.sections[name].filter((one) => this.canWrite || (one.status !== "rejected" && one.text.trim()));
  }

  section(name) {
    const items = this.shownIn(name).map((one) => this.sentence(one));
    const add = this.canWrite ? make("button", { type: "button", class: "m-add", "data-add": name, "aria-label": `${say("ui.add")}: ${known(`section.${name}`)}`, onclick: () => this.add(name) }, `+ ${say("ui.add")}`) : null;
    return make("section", { class: "m-section", "data-section": name }, make("div", { class: "m-heading" }, make("h3", {}, known(`section.${name}`)), add), items.length ? make("ul", {}, ...items) : null);
  }

  sentence(one) {
    if (this.editing === one.id) return make("li", { "data-sentence": one.id, class: "m-sentence current" }, this.field(one));
    const isCurrent = this.current === one.id;
    const isTold = this.canWrite ? one.status !== "typed" : one.status === "draft";
    const badge = !isTold ? null : make("span", { class: `m-badge m-is-${one.status}` }, say(`status.${one.status}`));
    const odds = this.odds(one);
    const acts = this.canWrite ? make("span", { class: "m-sentence-acts" }, ...this.buttons(one)) : null;
    const item = make("li", { "data-sentence": one.id, "data-status": one.status, class: `m-sentence${isCurrent ? " current" : ""}`, tabindex: this.canWrite ? 0 : null },
      make("span", { class: "m-text" }, one.text), odds, badge, acts);
    item.addEventListener("focus", () => this.choose(one.id));
    item.addEventListener("click", () => this.choose(one.id));
    return item;
  }

  // Probability and limit of the one finding that a sentence rests on: limits differ, and so may the order.
  odds(one) {
    const names = one.claims.map((claim) => claim.replace("finding/", ""));
    const found = (this.draft?.findings ?? []).filter(({ name, state }) => names.includes(name) && state !== "not_assessed");
    if (found.length !== 1) return null;
    const [{ name, state, probability, outside_chest }] = found;
    const limits = this.draft.limits[name];
    const from = limits && { present: "present_from", uncertain: "uncertain_from" }[state];
    const chance = percent(probability);
    const place = outside_chest && state !== "present" ? say("ui.outside_chest") : ""; // what is present says it itself
    const parts = [one.text.includes(chance) ? "" : chance, from ? say(`ui.${from}`, { limit: percent(limits[from]) }) : "", place];
    const text = parts.filter(Boolean).join(", ");
    if (!text) return null;
    const title = limits ? say(limits.present_from < 1 ? "ui.limits" : "ui.limits_possible", { what: named(name), present: percent(limits.present_from), uncertain: percent(limits.uncertain_from) }) : null;
    return make("span", { class: "m-odds", title }, text);
  }

  buttons(one) {
    const made = [];
    const press = (key, does) => made.push(make("button", { type: "button", "data-does": key, onclick: (event) => {
      event.stopPropagation();
      this.current = one.id;
      does();
    } }, say(`ui.${key}`)));
    if (["draft", "rejected"].includes(one.status)) press("accept", () => this.decide("accepted"));
    press("edit", () => this.edit());
    if (one.status !== "rejected") press("reject", () => this.decide("rejected"));
    return made;
  }

  field(one) {
    const area = make("textarea", { rows: Math.min(6, 1 + Math.ceil(one.text.length / 60)), maxlength: 2000, "aria-label": say("ui.edit") });
    area.value = one.text;
    area.addEventListener("input", () => {
      const found = this.find(one.id).one;
      found.text = area.value;
      if (found.status !== "typed") found.status = area.value === found.draft ? "accepted" : "edited";
      this.touch();
    });
    area.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
        event.preventDefault();
        this.close();
      }
    });
    const done = make("button", { type: "button", class: "button plain", onclick: () => this.close() }, say("ui.save"));
    return make("span", { class: "m-field" }, area, done);
  }

  // Finish the sentence being edited; one that was added and left empty goes.
  close() {
    const found = this.editing && this.find(this.editing);
    this.editing = "";
    if (!found) return;
    const { one, section } = found;
    if (one.status === "typed" && !one.text.trim()) {
      const list = this.content.sections[section];
      list.splice(list.indexOf(one), 1);
      this.touch();
    }
    this.draw();
    this.element.querySelector(`[data-sentence="${one.id}"]`)?.focus();
  }

  choose(id) {
    if (this.current === id) return;
    this.current = id;
    for (const item of this.element.querySelectorAll(".m-sentence")) item.classList.toggle("current", item.dataset.sentence === id);
    this.chosen((this.find(id)?.one.claims ?? []).map((claim) => claim.replace("finding/", "")));
  }

  move(step) {
    if (!this.content) return;
    const ids = this.sentences().map(({ one }) => one.id);
    const place = ids.indexOf(this.current);
    const id = ids[Math.min(Math.max(place + step, 0), ids.length - 1)];
    const item = this.element.querySelector(`[data-sentence="${id}"]`);
    item?.focus();
    item?.scrollIntoView({ block: "nearest" });
  }

  focusFirst() {
    if (this.content && this.find(this.current)) return; // somebody was quicker
    this.current = "";
    if (this.content && !this.sentences().length) this.element.querySelector('[data-add="findings"]')?.focus(); // blank
    else this.move(1);
  }

  decide(status) {
    const found = this.content && this.canWrite && !this.editing && this.find(this.current);
    if (!found) return;
    const { one, section } = found;
    if (status === "rejected" && one.status === "typed") {
      const list = this.content.sections[section];
      list.splice(list.indexOf(one), 1);
    } else if (status === "rejected") {
      one.status = "rejected";
    } else {
      if (one.status === "typed" || one.status === "edited") return this.move(1);
      one.text = one.draft;
      one.status = "accepted";
    }
    this.touch();
    this.draw();
    this.move(1);
    return undefined;
  }

  edit() {
    if (!this.canWrite || this.editing || !this.find(this.current)) return;
    this.editing = this.current;
    this.draw();
  }

  add(section) {
    if (this.editing) return;
    const id = `t-${Date.now().toString(36)}-${Math.floor(Math.random() * 1e6).toString(36)}`;
    this.content.sections[section].push({ id, text: "", status: "typed", draft: "", claims: [] });
    this.current = id;
    this.editing = id;
    this.draw();
  }
}
