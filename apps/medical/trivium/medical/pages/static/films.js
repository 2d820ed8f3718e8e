// The films of a study on the page: the tools above them, evidence over them, the prior beside them.
import { loadMaps } from "./evidence.js";
import { at, make, markOf, named, percent, person, projection, say } from "./texts.js";
import { Viewer } from "./viewer.js";

export class Films {
  // `fault` is told of a film or a map that does not come; `askArchive` asks for earlier films, where one may.
  constructor(fault, askArchive) {
    this.fault = fault;
    this.askArchive = askArchive;
    this.viewer = new Viewer(document.getElementById("view"));
    this.priorElement = document.getElementById("prior");
    this.reset();
  }

  // Nothing of one study stays for the next.
  reset() {
    this.state = null;
    this.place = 0; // of the film that is shown
    this.mapsOf = ""; // address of the evidence maps that the viewer has
    this.prior = null;
    this.priorId = ""; // of the study that is chosen to lie beside
    this.priorsTold = "";
    this.priorElement.hidden = true;
    this.priorElement.replaceChildren();
    if (this.viewer.tool !== "window") this.viewer.setTool(this.viewer.tool); // off, as its button will be
    Object.assign(this.viewer, { regions: [], maps: new Map(), heat: false });
  }

  // Draw what the server knows; the answer comes when the film is on the screen.
  take(state) {
    const isFirst = this.state === null;
    const isOther = !isFirst && (state.images.length !== this.state.images.length || state.films_since !== this.state.films_since);
    this.state = state;
    if (isFirst || isOther) this.drawTools();
    this.drawPriors();
    const shown = isFirst && state.images.length ? this.load() : Promise.resolve();
    Object.assign(this.viewer, { regions: this.regions(), labels: this.labels() });
    this.viewer.draw();
    if (this.viewer.heat) this.showMaps();
    return shown;
  }

  load() {
    return this.viewer.load(this.state.images[this.place], this.labels()).catch(this.fault);
  }

  labels() {
    const { study } = this.state;
    return [study.patient.slice(0, 10), person(study), markOf(this.state)];
  }

  regions() {
    const { draft, images } = this.state;
    if (!draft || images[this.place]?.position !== draft.image_position) return [];
    const shown = draft.findings.filter((one) => one.region && ["present", "uncertain"].includes(one.state));
    const found = shown.map(({ name, region, probability, outside_chest }) => {
      const place = outside_chest ? ` (${say("ui.outside_chest")})` : "";
      return { name, region, told: `${named(name)} ${percent(probability)}${place}` };
    });
    const measured = (draft.measurements ?? []).flatMap(({ name, regions }) =>
      Object.entries(regions).map(([part, region]) => ({ name: `measure/${name}`, region, told: say(`ui.width_${part}`) })));
    return [...found, ...measured];
  }

  choose(names) {
    this.viewer.chosen = new Set(names);
    this.viewer.draw();
  }

  drawTools() {
    const { images, films_since: since } = this.state;
    this.priorsTold = ""; // their buttons are drawn anew, too
    const told = (one, place) => [place + 1, projection(one.view), place >= images.length - since ? say("ui.new") : ""].filter(Boolean).join(" ");
    const presets = say("ui.presets").split("|");
    const choice = make("select", { id: "window", "aria-label": say("ui.window"), onchange: (event) => this.preset(event.target.value) },
      ...presets.map((text, place) => make("option", { value: place + 1 }, `${place + 1} ${text}`)));
    const films = images.length > 1
      ? images.map((one, place) => tool(`film-${place + 1}`, told(one, place), () => this.showFilm(place), true))
      : [];
    document.getElementById("tools").replaceChildren(
      ...films, choice,
      tool("invert", say("ui.invert"), () => this.both((one) => one.invert())),
      tool("fit", say("ui.fit"), () => this.both((one) => one.fit())),
      tool("one", say("ui.one"), () => this.both((one) => one.one())),
      tool("pan", say("ui.pan"), () => this.toggle("pan"), true),
      tool("ruler", say("ui.ruler"), () => this.toggle("ruler"), true),
      tool("heat", say("ui.heat"), () => this.heat(), true), this.opacity(),
      make("span", { class: "m-row", id: "priors" }),
    );
    this.pressFilm();
  }

  opacity() {
    const { viewer } = this;
    const about = { id: "opacity", "aria-label": say("ui.opacity"), title: say("ui.opacity"), disabled: !viewer.heat };
    return make("input", { type: "range", min: 5, max: 90, value: Math.round(viewer.opacity * 100), ...about, oninput: (event) => {
      viewer.opacity = event.target.value / 100;
      viewer.draw();
    } });
  }

  preset(number) {
    document.getElementById("window").value = number;
    this.both((one) => one.setWindow(Number(number)));
  }

  both(does) {
    does(this.viewer);
    if (this.prior && !this.priorElement.hidden) does(this.prior);
  }

  toggle(name) {
    this.both((one) => one.setTool(name));
    for (const other of ["pan", "ruler"]) press(other, this.viewer.tool === other);
  }

  heat() {
    if (!this.state) return;
    const { viewer } = this;
    viewer.heat = !viewer.heat;
    press("heat", viewer.heat);
    document.getElementById("opacity").disabled = !viewer.heat;
    viewer.draw();
    if (viewer.heat) this.showMaps();
  }

  // The maps come when somebody first asks for them.
  async showMaps() {
    const maps = this.state.draft?.maps;
    if (!maps || this.mapsOf === maps.url) return;
    this.mapsOf = maps.url;
    try {
      const found = await loadMaps(maps);
      if (this.mapsOf !== maps.url) return; // the page has turned to another study
      this.viewer.maps = found;
      this.viewer.draw();
    } catch (error) {
      this.mapsOf = "";
      this.fault(error);
    }
  }

  showFilm(place) {
    this.place = place;
    this.pressFilm();
    this.viewer.regions = this.regions();
    this.load();
  }

  pressFilm() {
    this.state.images.forEach((_, place) => press(`film-${place + 1}`, place === this.place));
  }

  // What is here of the patient, and the way to ask for more; redrawn when something came.
  drawPriors() {
    const { priors, archive } = this.state;
    const isBusy = ["waiting", "running"].includes(archive.asked?.state);
    if (!priors.some(({ id }) => id === this.priorId)) this.priorId = priors[0]?.id ?? "";
    const told = JSON.stringify([priors.map(({ id, state }) => [id, state]), this.priorId, archive.is_set, isBusy]);
    if (told === this.priorsTold) return;
    this.priorsTold = told;
    const shown = priors.length ? tool("prior", say("ui.show_prior"), () => this.showPrior(), true) : make("span", { class: "quiet", title: archive.is_set ? null : say("ui.no_archive") }, say("ui.no_prior"));
    const choice = priors.length < 2 ? null : make("select", { id: "prior-choice", "aria-label": say("ui.prior_choice"), onchange: (event) => this.choosePrior(event.target.value) },
      ...priors.map((one) => make("option", { value: one.id, selected: one.id === this.priorId }, [since(one), projection(one.images[0]?.view)].filter(Boolean).join(", "))));
    const hasReport = priors.find(({ id }) => id === this.priorId)?.is_published;
    const report = hasReport ? make("a", { href: at(`/medical/studies/${this.priorId}`), target: "_blank" }, say("ui.prior_report")) : null;
    const ask = archive.is_set && this.askArchive ? tool("archive", say("ui.ask_archive"), this.askArchive) : null;
    if (ask) ask.disabled = isBusy;
    const box = document.getElementById("priors");
    const hadFocus = box.contains(document.activeElement);
    box.replaceChildren(...[shown, choice, report, ask].filter(Boolean));
    if (hadFocus) box.querySelector("button:enabled, select")?.focus();
    press("prior", !this.priorElement.hidden);
  }

  get isPriorShown() {
    return !this.priorElement.hidden;
  }

  showPrior() {
    this.priorElement.hidden = !this.priorElement.hidden;
    press("prior", this.isPriorShown);
    if (this.isPriorShown && this.prior?.studyId !== this.priorId) this.loadPrior();
  }

  choosePrior(id) {
    this.priorId = id;
    this.drawPriors();
    if (this.isPriorShown) this.loadPrior();
    else this.showPrior();
  }

  loadPrior() {
    this.prior ??= new Viewer(this.priorElement);
    this.prior.studyId = this.priorId;
    const { study, priors } = this.state;
    const one = priors.find(({ id }) => id === this.priorId);
    const state = one.is_published ? say(`state.${one.state}`) : "";
    this.prior.load(one.images[0], [study.patient.slice(0, 10), since(one), state]).catch(this.fault);
  }
}

// How long before this study a prior was made, where that is known, else when it came: dates are sealed.
export function since({ days_before: days, arrived_at: arrived }) {
  if (days === 0) return say("ui.same_day");
  if (days !== null && days < 90) return say("ui.days_earlier", { count: days });
  if (days !== null && days < 730) return say("ui.months_earlier", { count: Math.round(days / 30.4) });
  if (days !== null) return say("ui.years_earlier", { count: Math.round(days / 365.25) });
  return say("ui.arrived", { at: new Date(arrived).toLocaleDateString(document.documentElement.lang) });
}

function tool(name, text, does, isToggle = false) {
  return make("button", { type: "button", class: "button plain", "data-tool": name, "aria-pressed": isToggle ? "false" : null, onclick: does }, text);
}

function press(name, isOn) {
  document.querySelector(`[data-tool="${name}"]`)?.setAttribute("aria-pressed", String(isOn));
}
