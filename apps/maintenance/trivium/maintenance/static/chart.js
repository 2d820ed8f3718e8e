// The curves of one asset: a track for each tag with an axis of its own, the model's outputs on top, one common time.
// The server thins out to the width of the screen (least and greatest value of each column), and is asked again whenever
// the time shown changes, so that zooming in shows more, and no spike is lost.
"use strict";

(() => {
  const box = document.getElementById("m-chart");
  if (!box) return;
  const canvas = box.querySelector("canvas");
  const status = document.getElementById("m-status");
  const read = document.getElementById("m-read");
  const controls = document.getElementById("m-controls");
  const keys = document.getElementById("m-keys");
  const LEFT = 64, RIGHT = 14, TOP = 24, BOTTOM = 26, TRACK = 84, GAP = 26;
  const MOST_TAGS = 8, LEAST_S = 10, MOST_S = 400 * 86400;
  const COLOURS = { light: ["#0b5cad", "#9a3412", "#166534", "#6d28d9", "#0f766e", "#a21caf", "#854d0e", "#334155"],
                    dark: ["#7cc0ff", "#ffb089", "#86d7a4", "#c4b1ff", "#6fe0d2", "#f0abfc", "#f2c46d", "#cbd5e1"] };
  let spanS = Number(controls.elements.span.value), untilMs = 0, data = null, cursor = null, drag = null, asked = 0;

  // -- what is asked for ---------------------------------------------------------------------------------------

  async function load() {
    const number = ++asked, started = performance.now();
    const width = Math.max(100, Math.min(4000, Math.round(canvas.clientWidth - LEFT - RIGHT)));
    const query = new URLSearchParams({ span_s: String(spanS), until_ms: String(Math.round(untilMs)), width: String(width) });
    for (const tag of controls.querySelectorAll("input[name=tag]:checked")) query.append("tag", tag.value);
    status.textContent = box.dataset.loading;
    try {
      const answer = await fetch(`${box.dataset.url}?${query}`);
      if (!answer.ok) throw new Error(String(answer.status));
      const found = await answer.json();
      if (number !== asked) return; // a later question is on its way
      data = found.newest_ms === null ? null : found;
    } catch {
      if (number === asked) status.textContent = box.dataset.failed;
      return;
    }
    canvas.hidden = keys.hidden = !data;
    if (!data) {
      status.textContent = box.dataset.empty;
      return;
    }
    draw();
    const points = [...data.outputs, ...data.tags].reduce((sum, one) => sum + one.t.length, 0);
    status.textContent = box.dataset.drawn.replace("{points}", points.toLocaleString())
      .replace("{time}", Math.round(performance.now() - started));
    box.dataset.ready = String(Number(box.dataset.ready || 0) + 1);
  }

  let waiting = 0;
  function loadSoon() {
    clearTimeout(waiting);
    waiting = setTimeout(load, 120);
  }

  function show(newSpanS, newUntilMs) {
    spanS = Math.min(Math.max(newSpanS, LEAST_S), MOST_S);
    untilMs = data && newUntilMs >= data.newest_ms ? 0 : newUntilMs; // nothing is to be seen after the newest reading
    for (const radio of controls.querySelectorAll("input[name=span]")) radio.checked = Number(radio.value) === spanS;
    loadSoon();
  }

  // -- drawing -------------------------------------------------------------------------------------------------

  function tracks() {
    const outputs = new Map(data.outputs.map((one) => [one.name, one]));
    const found = [];
    if (outputs.has("rul")) found.push({ ...outputs.get("rul"), band: [outputs.get("rul_low"), outputs.get("rul_high")] });
    for (const name of ["score", "p_fail"]) if (outputs.has(name)) found.push({ ...outputs.get(name), isOutput: true });
    return [...found, ...data.tags];
  }

  function draw() {
    if (!data) return;
    const shown = tracks(), style = getComputedStyle(document.documentElement);
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const colours = COLOURS[isDark ? "dark" : "light"];
    const ink = (name) => style.getPropertyValue(name).trim();
    const ratio = devicePixelRatio || 1, width = canvas.clientWidth;
    const height = TOP + BOTTOM + Math.max(shown.length, 1) * (TRACK + GAP);
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif";
    const x = (ms) => LEFT + ((ms - data.from_ms) / (data.to_ms - data.from_ms)) * (width - LEFT - RIGHT);
    drawTimes(pen, x, width, height, ink);
    drawAlerts(pen, x, height, isDark);
    shown.forEach((one, place) => drawTrack(pen, x, width, one, TOP + place * (TRACK + GAP) + GAP - 8, colours[place % colours.length], ink));
    drawOrders(pen, x, height, ink);
    if (cursor !== null) drawCursor(pen, x, height, ink, shown);
    if (drag && drag.to !== undefined) {
      pen.fillStyle = ink("--t-accent");
      pen.globalAlpha = 0.15;
      pen.fillRect(Math.min(drag.from, drag.to), TOP, Math.abs(drag.to - drag.from), height - TOP - BOTTOM);
      pen.globalAlpha = 1;
    }
  }

  function drawTimes(pen, x, width, height, ink) {
    const steps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 432000, 864000, 2592000];
    const span = (data.to_ms - data.from_ms) / 1000;
    const step = 1000 * (steps.find((one) => span / one <= Math.max(3, width / 110)) || 2592000);
    pen.textAlign = "center";
    for (let ms = Math.ceil(data.from_ms / step) * step; ms <= data.to_ms; ms += step) {
      pen.strokeStyle = ink("--t-line");
      line(pen, x(ms), TOP, x(ms), height - BOTTOM);
      pen.fillStyle = ink("--t-quiet");
      pen.fillText(timeText(ms, step), Math.min(Math.max(x(ms), LEFT), width - 34), height - 8);
    }
  }

  function drawAlerts(pen, x, height, isDark) {
    for (const one of data.alerts) {
      if (one.to_ms < data.from_ms || one.from_ms > data.to_ms) continue;
      pen.fillStyle = one.severity === "critical" ? (isDark ? "#ff9d9426" : "#a3211b1f") : isDark ? "#f2c46d26" : "#b4720022";
      const from = Math.max(x(one.from_ms), LEFT);
      pen.fillRect(from, TOP, Math.max(Math.min(x(one.to_ms), x(data.to_ms)) - from, 2), height - TOP - BOTTOM);
    }
  }

  function drawOrders(pen, x, height, ink) {
    for (const one of data.orders) {
      if (one.at_ms < data.from_ms || one.at_ms > data.to_ms) continue;
      pen.strokeStyle = pen.fillStyle = one.kind === "failure" ? ink("--t-bad") : ink("--t-accent");
      pen.setLineDash([5, 3]);
      line(pen, x(one.at_ms), TOP - 18, x(one.at_ms), height - BOTTOM);
      pen.setLineDash([]);
      pen.textAlign = x(one.at_ms) > canvas.clientWidth - 200 ? "right" : "left";
      pen.fillText(one.text.slice(0, 40), x(one.at_ms) + (pen.textAlign === "left" ? 4 : -4), TOP - 8);
    }
  }

  function drawTrack(pen, x, width, one, top, colour, ink) {
    const high = one.high || one.low;
    let least = Infinity, most = -Infinity;
    for (let i = 0; i < one.t.length; i++) { least = Math.min(least, one.low[i]); most = Math.max(most, high[i]); }
    for (const side of one.band || []) for (const value of side?.low || []) { least = Math.min(least, value); most = Math.max(most, value); }
    if (one.limit !== undefined && one.limit !== null) { least = Math.min(least, 0); most = Math.max(most, 1.15 * one.limit); }
    pen.textAlign = "left";
    pen.fillStyle = colour;
    pen.fillText(`${one.title}${one.unit ? ` [${one.unit}]` : ""}`, LEFT + 4, top - 5);
    pen.strokeStyle = ink("--t-line");
    line(pen, LEFT, top + TRACK, width - RIGHT, top + TRACK);
    if (!one.t.length) return;
    if (least === most) { least -= 0.5; most += 0.5; }
    const y = (value) => top + TRACK - 3 - ((value - least) / (most - least)) * (TRACK - 6);
    pen.textAlign = "right";
    pen.fillStyle = ink("--t-quiet");
    for (const value of ticks(least, most)) {
      pen.fillText(numberText(value, most - least), LEFT - 6, y(value) + 4);
      pen.globalAlpha = 0.6;
      line(pen, LEFT, y(value), width - RIGHT, y(value));
      pen.globalAlpha = 1;
    }
    if (one.limit !== undefined && one.limit !== null) {
      pen.strokeStyle = ink("--t-bad");
      pen.setLineDash([3, 3]);
      line(pen, LEFT, y(one.limit), width - RIGHT, y(one.limit));
      pen.setLineDash([]);
    }
    if (one.band && one.band[0] && one.band[1]) drawBand(pen, x, y, one.band, colour);
    drawCurve(pen, x, y, one, high, colour);
  }

  function drawBand(pen, x, y, [low, high], colour) {
    pen.fillStyle = colour;
    pen.globalAlpha = 0.2;
    pen.beginPath();
    low.t.forEach((ms, i) => pen.lineTo(x(ms), y(low.low[i])));
    for (let i = high.t.length - 1; i >= 0; i--) pen.lineTo(x(high.t[i]), y((high.high || high.low)[i]));
    pen.fill();
    pen.globalAlpha = 1;
  }

  // A gap of more than ten usual steps is no line: nothing is interpolated over it.
  function drawCurve(pen, x, y, one, high, colour) {
    const gaps = one.t.slice(1).map((ms, i) => ms - one.t[i]).sort((a, b) => a - b);
    const most = 10 * (gaps[Math.floor(gaps.length / 2)] || Infinity);
    pen.strokeStyle = colour;
    pen.lineWidth = 1.3;
    pen.beginPath();
    one.t.forEach((ms, i) => {
      const at = x(ms), isCut = i > 0 && ms - one.t[i - 1] > most;
      if (i === 0 || isCut) pen.moveTo(at, y(one.low[i]));
      else pen.lineTo(at, y(one.low[i]));
      if (high[i] !== one.low[i]) pen.lineTo(at, y(high[i]));
    });
    pen.stroke();
    if (one.t.length === 1) pen.fillRect(x(one.t[0]) - 2, y(one.low[0]) - 2, 4, 4);
    pen.lineWidth = 1;
  }

  function drawCursor(pen, x, height, ink, shown) {
    pen.strokeStyle = ink("--t-ink");
    line(pen, x(cursor), TOP, x(cursor), height - BOTTOM);
    const parts = [timeText(cursor, 1)];
    for (const one of shown) {
      const i = nearest(one.t, cursor);
      if (i < 0) continue;
      const high = (one.high || one.low)[i], low = one.low[i];
      const unit = one.unit ? ` ${one.unit}` : "";
      const name = one.unit === undefined ? one.title : one.name;
      parts.push(`${name}: ${high === low ? Number(low.toPrecision(5)) : `${Number(low.toPrecision(5))} - ${Number(high.toPrecision(5))}`}${unit}`);
    }
    read.textContent = parts.join("   |   ");
  }

  function line(pen, x1, y1, x2, y2) {
    pen.beginPath();
    pen.moveTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    pen.lineTo(Math.round(x2) + 0.5, Math.round(y2) + 0.5);
    pen.stroke();
  }

  function ticks(least, most) {
    const rough = (most - least) / 4, size = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((one) => one * size).find((one) => one >= rough) || rough;
    const found = [];
    for (let value = Math.ceil(least / step) * step; value <= most + 1e-9 * step; value += step) found.push(value);
    return found;
  }

  function numberText(value, span) {
    const digits = Math.min(Math.max(Math.ceil(-Math.log10(span / 10)), 0), 6);
    return Math.abs(value) >= 1e5 ? value.toExponential(1) : value.toFixed(digits);
  }

  // A tick shows the time, and at midnight the day; the cursor shows both.
  function timeText(ms, stepMs) {
    const parts = Object.fromEntries(new Intl.DateTimeFormat("en-GB", {
      timeZone: data.zone, hour12: false, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    }).formatToParts(ms).map((one) => [one.type, one.value]));
    const day = `${parts.month}-${parts.day}`, hour = parts.hour === "24" ? "00" : parts.hour;
    if (stepMs >= 86400000 || (stepMs > 1 && hour + parts.minute === "0000")) return day;
    if (stepMs === 1) return `${day} ${hour}:${parts.minute}:${parts.second}`;
    return stepMs < 60000 ? `${hour}:${parts.minute}:${parts.second}` : `${hour}:${parts.minute}`;
  }

  function nearest(times, ms) {
    let low = 0, high = times.length - 1;
    if (high < 0) return -1;
    while (low < high) { const middle = (low + high) >> 1; if (times[middle] < ms) low = middle + 1; else high = middle; }
    return low > 0 && ms - times[low - 1] < times[low] - ms ? low - 1 : low;
  }

  // -- what people do ------------------------------------------------------------------------------------------

  const msAt = (event) => {
    const part = (event.offsetX - LEFT) / (canvas.clientWidth - LEFT - RIGHT);
    return data.from_ms + Math.min(Math.max(part, 0), 1) * (data.to_ms - data.from_ms);
  };
  canvas.addEventListener("pointerdown", (event) => { if (data) drag = { from: event.offsetX, fromMs: msAt(event) }; });
  canvas.addEventListener("pointermove", (event) => {
    if (!data) return;
    cursor = msAt(event);
    if (drag) drag.to = event.offsetX;
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    if (data && drag && Math.abs(event.offsetX - drag.from) > 6) {
      const toMs = msAt(event), last = Math.max(toMs, drag.fromMs);
      show((last - Math.min(toMs, drag.fromMs)) / 1000, last);
    }
    drag = null;
    draw();
  });
  canvas.addEventListener("pointerleave", () => { cursor = null; read.textContent = ""; draw(); });
  canvas.addEventListener("dblclick", () => show(spanS * 3, data.to_ms + 1000 * spanS));
  canvas.addEventListener("keydown", (event) => {
    if (!data || event.ctrlKey || event.metaKey || event.altKey) return;
    const middle = (data.from_ms + data.to_ms) / 2, halfMs = 500 * spanS;
    const acts = {
      ArrowLeft: () => show(spanS, data.to_ms - halfMs), ArrowRight: () => show(spanS, data.to_ms + halfMs),
      "+": () => show(spanS / 2, middle + halfMs / 2), "=": () => show(spanS / 2, middle + halfMs / 2),
      "-": () => show(spanS * 2, middle + halfMs * 2), Home: () => show(spanS, 0),
    };
    if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
  });
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("change", (event) => {
    if (event.target.name === "span") { show(Number(event.target.value), untilMs); return; }
    const chosen = controls.querySelectorAll("input[name=tag]:checked");
    if (chosen.length > MOST_TAGS) event.target.checked = false;
    load();
  });
  document.getElementById("m-newest").addEventListener("click", () => show(spanS, 0));
  document.addEventListener("refreshed", () => { if (!untilMs && !drag && cursor === null) load(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => loadSoon()).observe(box);
})();
