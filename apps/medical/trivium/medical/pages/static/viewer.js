// A film on a canvas: 8 to 16 bit values, window and level by drag, zoom, 1:1, pan, invert, ruler, evidence regions.
// Values stay as they were stored; brightness is looked up for the pixels that are on the screen.
import { at, make, projection, say } from "./texts.js";

const SMALLEST = 0.02;
const LARGEST = 32;
const HEAT = "rgb(255, 170, 40)";

export class Viewer {
  constructor(element) {
    this.element = element;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.overlay = make("canvas", { "aria-hidden": "true" });
    this.corners = Object.fromEntries(["tl", "tr", "bl", "br"].map((name) => [name, make("p", { class: `m-corner m-${name}` })]));
    element.append(this.canvas, this.overlay, ...Object.values(this.corners));
    this.tool = "window";
    this.heat = false;
    this.opacity = 0.35;
    this.regions = [];
    this.maps = new Map(); // as evidence.js makes them
    this.chosen = new Set();
    this.labels = [];
    this.line = null;
    this.film = null;
    this.levels = [];
    this.listen();
    new ResizeObserver(() => (this.isFitted ? this.fit() : this.draw())).observe(element);
  }

  async load(film, labels) {
    this.film = film;
    this.labels = labels;
    this.line = null;
    this.element.removeAttribute("data-ready");
    const { levels, windows } = await prepare(film);
    if (this.film !== film) return; // another one was asked for meanwhile
    this.levels = levels;
    this.windows = windows;
    this.isInverted = film.is_inverted;
    this.setWindow(1);
    this.fit();
    requestAnimationFrame(() => this.film === film && (this.element.dataset.ready = film.url)); // it is drawn by then
  }

  setWindow(number) {
    if (!this.windows) return;
    [this.center, this.width] = this.windows[number - 1];
    this.draw();
  }

  invert() {
    this.isInverted = !this.isInverted;
    this.draw();
  }

  setTool(tool) {
    this.tool = this.tool === tool ? "window" : tool;
    this.element.dataset.tool = this.tool;
    if (this.tool !== "ruler") this.line = null;
    this.draw();
  }

  fit() {
    if (!this.film) return;
    const { clientWidth, clientHeight } = this.element;
    this.scale = Math.max(SMALLEST, Math.min(clientWidth / this.film.columns, clientHeight / this.film.rows));
    [this.x, this.y] = [this.film.columns / 2, this.film.rows / 2];
    this.isFitted = true;
    this.draw();
  }

  one() {
    this.zoom(1 / (window.devicePixelRatio || 1) / this.scale);
  }

  zoom(factor, atX = this.element.clientWidth / 2, atY = this.element.clientHeight / 2) {
    if (!this.film) return;
    const [x, y] = this.toFilm(atX, atY);
    this.scale = Math.min(LARGEST, Math.max(SMALLEST, this.scale * factor));
    this.x = x - (atX - this.element.clientWidth / 2) / this.scale;
    this.y = y - (atY - this.element.clientHeight / 2) / this.scale;
    this.isFitted = false;
    this.draw();
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.isFitted = false;
    this.draw();
  }

  toFilm(atX, atY) {
    const { clientWidth, clientHeight } = this.element;
    return [this.x + (atX - clientWidth / 2) / this.scale, this.y + (atY - clientHeight / 2) / this.scale];
  }

  toScreen(x, y) {
    const { clientWidth, clientHeight } = this.element;
    return [(x - this.x) * this.scale + clientWidth / 2, (y - this.y) * this.scale + clientHeight / 2];
  }

  draw() {
    if (!this.levels.length || this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.drawFilm();
      this.drawOverlay();
      this.drawCorners();
    });
  }

  drawFilm() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.element.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.element.clientHeight * ratio));
    for (const canvas of [this.canvas, this.overlay]) {
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
    }
    const step = 1 / (this.scale * ratio); // pixels of the film for one of the screen
    let number = 0;
    while (number + 1 < this.levels.length && 2 ** (number + 1) <= step) number += 1;
    const level = this.levels[number];
    const shrink = 2 ** number;
    const shades = this.shades();
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const out = new Uint32Array(image.data.buffer);
    const columns = new Int32Array(width);
    for (let column = 0; column < width; column += 1) {
      const at = Math.floor((this.x + (column + 0.5 - width / 2) * step) / shrink);
      columns[column] = at >= 0 && at < level.columns ? at : -1;
    }
    for (let line = 0, place = 0; line < height; line += 1) {
      const row = Math.floor((this.y + (line + 0.5 - height / 2) * step) / shrink);
      const base = row >= 0 && row < level.rows ? row * level.columns : -1;
      for (let column = 0; column < width; column += 1, place += 1) {
        out[place] = base < 0 || columns[column] < 0 ? 0xff000000 : shades[level.values[base + columns[column]]];
      }
    }
    context.putImageData(image, 0, 0);
  }

  shades() {
    const found = new Uint32Array(this.film.bits === 8 ? 256 : 65536);
    const low = this.center - this.width / 2;
    for (let value = 0; value < found.length; value += 1) {
      let gray = Math.round(Math.min(1, Math.max(0, (value - low) / this.width)) * 255);
      if (this.isInverted) gray = 255 - gray;
      found[value] = (0xff000000 | (gray << 16) | (gray << 8) | gray) >>> 0;
    }
    return found;
  }

  drawOverlay() {
    const ratio = window.devicePixelRatio || 1;
    const context = this.overlay.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.element.clientWidth, this.element.clientHeight);
    if (this.heat) this.drawEvidence(context);
    if (this.line) this.drawLine(context);
  }

  // Of the findings of the current sentence, else of all.
  drawEvidence(context) {
    const chosen = this.regions.filter(({ name }) => this.chosen.has(name));
    const shown = chosen.length ? chosen : this.regions;
    if (!shown.length) return;
    const [x, y] = this.toScreen(0, 0);
    context.globalAlpha = this.opacity;
    context.imageSmoothingQuality = "high";
    for (const map of chosen.length ? chosen.map(({ name }) => this.maps.get(name)) : [this.maps.get("")]) {
      if (map) context.drawImage(map, x, y, this.film.columns * this.scale, this.film.rows * this.scale);
    }
    context.globalAlpha = 1;
    const written = [];
    shown.forEach((one) => this.drawRegion(context, one, chosen.length > 0, written));
  }

  // What is told of a region stands above it, or below what is told there of others: `written` has their places.
  drawRegion(context, { told, region }, isChosen, written) {
    const [x, y] = this.toScreen(region.x, region.y);
    context.lineWidth = isChosen ? 3 : 1;
    context.strokeStyle = HEAT;
    context.strokeRect(x, y, region.width * this.scale, region.height * this.scale);
    let low = Math.max(y - 5, 18);
    while (written.some((one) => Math.abs(one.low - low) < 18 && Math.abs(one.x - x) < 260)) low += 18;
    written.push({ x, low });
    this.write(context, told, x + 3, low, HEAT);
  }

  write(context, text, left, low, colour) {
    context.font = "14px system-ui, sans-serif";
    const x = Math.max(0, Math.min(left, this.element.clientWidth - context.measureText(text).width - 8));
    const y = Math.max(low, 18);
    context.lineWidth = 4;
    context.strokeStyle = "#000";
    context.strokeText(text, x, y);
    context.fillStyle = colour;
    context.fillText(text, x, y);
  }

  drawLine(context) {
    const from = this.toScreen(...this.line.from);
    const to = this.toScreen(...this.line.to);
    context.lineWidth = 2;
    context.strokeStyle = "#ffe14d";
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    this.write(context, this.length(), to[0] + 8, to[1] - 8, "#ffe14d");
  }

  length() {
    const [dx, dy] = [this.line.to[0] - this.line.from[0], this.line.to[1] - this.line.from[1]];
    const { row_mm: row, column_mm: column, spacing } = this.film;
    if (spacing === "none") return `${Math.round(Math.hypot(dx, dy))} ${say("spacing.none")}`;
    return `${Math.hypot(dx * column, dy * row).toFixed(1)} ${say(`spacing.${spacing}`)}`;
  }

  drawCorners() {
    const { view, side, columns, rows, texts_covered: covered } = this.film;
    const lines = {
      tl: this.labels,
      tr: [projection(view) || say("ui.view_unknown"), side ? say("ui.side", { side }) : say("ui.no_side")],
      bl: [covered ? say("ui.covered") : "", this.heat && !this.regions.length && say("ui.heat_none"), `${columns} x ${rows}`, `${Math.round(this.scale * 100)}%`],
      br: [`W ${Math.round(this.width)} L ${Math.round(this.center)}`],
    };
    for (const [name, texts] of Object.entries(lines)) {
      const told = texts.filter(Boolean).join("\n");
      if (this.corners[name].textContent !== told) this.corners[name].textContent = told;
    }
    this.element.dataset.window = `${Math.round(this.center)}/${Math.round(this.width)}`;
    this.element.dataset.inverted = String(this.isInverted);
    this.element.dataset.maps = this.heat ? this.maps.size : "";
    this.element.dataset.ruler = this.line ? this.length() : "";
  }

  listen() {
    const { element } = this;
    let from = null;
    element.addEventListener("pointerdown", (event) => {
      if (!this.film) return;
      element.setPointerCapture(event.pointerId);
      const isPan = this.tool === "pan" || event.shiftKey || event.button === 1;
      from = { x: event.offsetX, y: event.offsetY, does: isPan ? "pan" : this.tool };
      if (from.does === "ruler") {
        const at = this.toFilm(event.offsetX, event.offsetY);
        this.line = { from: at, to: at };
      }
    });
    element.addEventListener("pointermove", (event) => {
      if (!from) return;
      const [dx, dy] = [event.offsetX - from.x, event.offsetY - from.y];
      if (from.does === "ruler") {
        this.line.to = this.toFilm(event.offsetX, event.offsetY);
        this.draw();
        return;
      }
      if (from.does === "pan") this.pan(dx, dy);
      else this.slide(dx, dy);
      [from.x, from.y] = [event.offsetX, event.offsetY];
    });
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, () => (from = null));
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 500), event.offsetX, event.offsetY);
    }, { passive: false });
    element.addEventListener("dblclick", () => this.fit());
    element.addEventListener("keydown", (event) => this.pressed(event));
  }

  slide(dx, dy) {
    const range = this.film.bits === 8 ? 256 : Math.max(256, this.windows[1][1]);
    this.width = Math.max(1, this.width + (dx * range) / 600);
    this.center += (dy * range) / 600;
    this.draw();
  }

  pressed(event) {
    const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (!this.film || event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) this.pan(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}

const prepared = new Map(); // by address, the newest last
const KEPT = 4;

// Fetch a film and make it ready to be drawn; what was made ready before comes at once.
export function prepare(film) {
  const found = prepared.get(film.url) ?? fetched(film);
  prepared.delete(film.url);
  prepared.set(film.url, found);
  while (prepared.size > KEPT) prepared.delete(prepared.keys().next().value);
  found.catch(() => prepared.delete(film.url));
  return found;
}

async function fetched(film) {
  const answer = await fetch(at(film.url));
  if (!answer.ok) throw new Error(`film: ${answer.status}`);
  const packed = await answer.arrayBuffer();
  const values = film.bits === 8 ? new Uint8Array(packed) : new Uint16Array(packed);
  return { levels: pyramid(values, film.columns, film.rows), windows: presets(values, film) };
}

// Halved again and again by the mean of four, down to the size of a screen: what is shown small stays smooth.
function pyramid(values, columns, rows) {
  const levels = [{ values, columns, rows }];
  for (let last = levels[0]; last.columns > 700 && last.rows > 700; last = levels.at(-1)) {
    const [width, height] = [last.columns >> 1, last.rows >> 1];
    const half = new last.values.constructor(width * height);
    for (let row = 0, place = 0; row < height; row += 1) {
      for (let column = 0, at = 2 * row * last.columns; column < width; column += 1, place += 1, at += 2) {
        half[place] = (last.values[at] + last.values[at + 1] + last.values[at + last.columns] + last.values[at + last.columns + 1] + 2) >> 2;
      }
    }
    levels.push({ values: half, columns: width, rows: height });
  }
  return levels;
}

// As stored, the whole range, and three that spread the dark, the bright and the middle of this film.
function presets(values, film) {
  const sample = [];
  const step = Math.max(1, Math.floor(values.length / 20000));
  for (let place = 0; place < values.length; place += step) sample.push(values[place]);
  sample.sort((one, other) => one - other);
  const at = (share) => sample[Math.min(sample.length - 1, Math.floor(share * sample.length))];
  const spread = (low, high) => [(at(low) + at(high)) / 2, Math.max(1, at(high) - at(low))];
  const ways = [spread(0, 1), spread(0.01, 0.6), spread(0.4, 0.999), spread(0.2, 0.9)];
  if (film.is_inverted) [ways[1], ways[2]] = [spread(0.4, 0.99), spread(0.001, 0.6)];
  return [[film.center, film.width], ...ways];
}
