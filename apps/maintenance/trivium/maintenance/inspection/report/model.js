// Draw the scan, coloured by deviation, over the part: parallel rays, a depth buffer of our own, no GPU and no library.
// Drag or arrow keys turn, shift-drag moves, the wheel and + - zoom; the buttons do the same.
"use strict";

(() => {
  const plot = document.getElementById("plot");
  const canvas = plot.querySelector("canvas");
  const value = document.getElementById("value");
  const pen = canvas.getContext("2d");
  const scene = JSON.parse(document.getElementById("i-scene").textContent);
  if (location.hash === "#model") document.body.classList.add("only-model");

  const BACKGROUND = pack(230, 234, 239), EDGE = pack(65, 75, 91), INK = "#16202b", BLUE = [58, 110, 165];
  const PART = [213, 217, 222], MOST_PX = 900000, REACH_PX = 9, STEP = 0.02, LIFT = 0.003;
  const low = scene.low, step = scene.step;
  const points = places(scene.points), vertices = places(scene.vertices);
  const faces = new Uint32Array(bytes(scene.faces));
  const values = scene.values && Float32Array.from(new Int16Array(bytes(scene.values)), (one) => one * scene.value_step);
  const [middle, reach] = extent();
  const diagonal = 2 * reach;
  const normals = normalsOf();
  const spacing = Math.sqrt(areaOf() / Math.max(points.length / 3, 1));
  const colors = new Uint8Array(points.length);
  for (let at = 0; at < colors.length; at += 3) colors.set(values ? colorOf(values[at / 3]) : BLUE, at);
  let view = null, frame = null, depth = null, owner = null, lights = null, seen = null, isWaiting = false, hovered = -1;

  function bytes(text) { return Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer; }
  function pack(r, g, b) { return (255 << 24 | b << 16 | g << 8 | r) >>> 0; }
  function places(text) {
    return Float32Array.from(new Uint16Array(bytes(text)), (one, at) => low[at % 3] + step * one);
  }

  function extent() {
    const least = [Infinity, Infinity, Infinity], most = [-Infinity, -Infinity, -Infinity];
    for (const list of [points, vertices]) for (let at = 0; at < list.length; at++) {
      least[at % 3] = Math.min(least[at % 3], list[at]);
      most[at % 3] = Math.max(most[at % 3], list[at]);
    }
    return [least.map((one, at) => (one + most[at]) / 2), Math.hypot(...least.map((one, at) => most[at] - one)) / 2 || 1];
  }

  // Of each face its outward vector, twice the area long.
  function normalsOf() {
    const out = new Float32Array(faces.length);
    for (let at = 0; at < faces.length; at += 3) {
      const [a, b, c] = [3 * faces[at], 3 * faces[at + 1], 3 * faces[at + 2]];
      const u = [0, 1, 2].map((axis) => vertices[b + axis] - vertices[a + axis]);
      const v = [0, 1, 2].map((axis) => vertices[c + axis] - vertices[a + axis]);
      out.set([u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]], at);
    }
    return out;
  }

  function areaOf() {
    let area = 0;
    for (let at = 0; at < normals.length; at += 3) area += Math.hypot(normals[at], normals[at + 1], normals[at + 2]) / 2;
    return area || 4 * reach * reach;
  }

  // White at 0, blue too low, red too high, full at twice the limit.
  function colorOf(deviation) {
    const share = Math.max(-1, Math.min(1, deviation / (2 * scene.limit)));
    const fade = Math.round(255 * (1 - Math.abs(share)));
    return share > 0 ? [255, fade, fade] : [fade, fade, 255];
  }

  function eyeOf(x, y, z) { return { turn: Math.atan2(y, x), tilt: Math.atan2(z, Math.hypot(x, y)) }; }

  // Right, up and towards the viewer; pixels a millimetre.
  function camera(width, height) {
    const [sin, cos] = [Math.sin(view.turn), Math.cos(view.turn)];
    const [high, flat] = [Math.sin(view.tilt), Math.cos(view.tilt)];
    return {
      right: [-sin, cos, 0], up: [-high * cos, -high * sin, flat], towards: [flat * cos, flat * sin, high],
      scale: Math.min(width, height) / diagonal * view.zoom,
      x: width / 2 + view.right * width, y: height / 2 - view.up * height,
    };
  }

  function project(list, c) {
    const out = new Float32Array(list.length);
    for (let at = 0; at < list.length; at += 3) {
      const x = list[at] - middle[0], y = list[at + 1] - middle[1], z = list[at + 2] - middle[2];
      out[at] = c.x + c.scale * (c.right[0] * x + c.right[1] * y);
      out[at + 1] = c.y - c.scale * (c.up[0] * x + c.up[1] * y + c.up[2] * z);
      out[at + 2] = c.towards[0] * x + c.towards[1] * y + c.towards[2] * z;
    }
    return out;
  }

  // What all of the part is seen in from there.
  function whole(eye) {
    const wide = plot.clientWidth, high = plot.clientHeight;
    view = { ...eye, zoom: 1, right: 0, up: 0 };
    const c = camera(wide, high), room = [0, 0];
    for (const list of [vertices, points]) {
      const at = project(list, c);
      for (let one = 0; one < at.length; one += 3) {
        room[0] = Math.max(room[0], Math.abs(at[one] - wide / 2));
        room[1] = Math.max(room[1], Math.abs(at[one + 1] - high / 2));
      }
    }
    change({ zoom: 0.86 / Math.max(2 * room[0] / wide, 2 * room[1] / high, 1e-6) });
  }

  function draw() {
    isWaiting = false;
    const wide = plot.clientWidth, high = plot.clientHeight;
    if (!wide || !high) return;
    if (!view) whole(eyeOf(...scene.eye));
    const fine = Math.min(window.devicePixelRatio || 1, Math.sqrt(MOST_PX / (wide * high)));
    const width = Math.max(1, Math.round(wide * fine)), height = Math.max(1, Math.round(high * fine));
    if (!frame || frame.width !== width || frame.height !== height) {
      [canvas.width, canvas.height] = [width, height];
      frame = pen.createImageData(width, height);
      const size = width * height;
      [depth, owner, lights] = [new Float32Array(size), new Int32Array(size), new Float32Array(size)];
    }
    const pixels = new Uint32Array(frame.data.buffer);
    pixels.fill(BACKGROUND); depth.fill(-Infinity); owner.fill(-1); lights.fill(1);
    const c = camera(width, height);
    drawFaces(pixels, project(vertices, c), c, width, height);
    const edges = edgesOf(width, height), solid = depth.slice();
    seen = project(points, c);
    drawPoints(pixels, c, width, height);
    for (const spot of edges) pixels[spot] = EDGE;
    pen.putImageData(frame, 0, 0);
    drawMarks(solid, c, width, height, fine);
    drawAxes(c, height, fine);
    if (hovered >= 0) ring(seen[3 * hovered], seen[3 * hovered + 1], 7 * fine, fine, false);
    plot.dataset.ready = "1";
    plot.dataset.view = [view.turn, view.tilt, view.zoom, view.right, view.up].map((one) => one.toFixed(3)).join(" ");
  }

  function drawFaces(pixels, at, c, width, height) {
    for (let face = 0; face < faces.length; face += 3) {
      const p = 3 * faces[face], q = 3 * faces[face + 1], r = 3 * faces[face + 2];
      const ax = at[p], ay = at[p + 1], bx = at[q], by = at[q + 1], cx = at[r], cy = at[r + 1];
      const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
      if (Math.abs(area) < 1e-6) continue;
      const top = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5));
      const end = Math.min(height - 1, Math.floor(Math.max(ay, by, cy) - 0.5));
      const dzdx = ((at[q + 2] - at[p + 2]) * (cy - ay) - (at[r + 2] - at[p + 2]) * (by - ay)) / area;
      const dzdy = ((at[r + 2] - at[p + 2]) * (bx - ax) - (at[q + 2] - at[p + 2]) * (cx - ax)) / area;
      const nx = normals[face], ny = normals[face + 1], nz = normals[face + 2];
      const facing = Math.abs(nx * c.towards[0] + ny * c.towards[1] + nz * c.towards[2]) / (Math.hypot(nx, ny, nz) || 1);
      const light = 0.62 + 0.38 * facing;
      const color = pack(PART[0] * light, PART[1] * light, PART[2] * light);
      for (let row = top; row <= end; row++) {
        const y = row + 0.5;
        let from = Infinity, to = -Infinity;
        for (const [x0, y0, x1, y1] of [[ax, ay, bx, by], [bx, by, cx, cy], [cx, cy, ax, ay]]) {
          if ((y0 <= y) === (y1 <= y)) continue;
          const x = x0 + (y - y0) * (x1 - x0) / (y1 - y0);
          from = Math.min(from, x); to = Math.max(to, x);
        }
        const last = Math.min(width - 1, Math.floor(to - 0.5));
        for (let column = Math.max(0, Math.ceil(from - 0.5)); column <= last; column++) {
          const z = at[p + 2] + (column + 0.5 - ax) * dzdx + (y - ay) * dzdy, spot = row * width + column;
          if (z > depth[spot]) { depth[spot] = z; pixels[spot] = color; lights[spot] = light; }
        }
      }
    }
  }

  function drawPoints(pixels, c, width, height) {
    const radius = Math.max(1, Math.min(14, 0.8 * spacing * c.scale)), whole = Math.ceil(radius), near = STEP * diagonal;
    for (let at = 0, point = 0; at < seen.length; at += 3, point++) {
      const x = Math.round(seen[at]), y = Math.round(seen[at + 1]);
      const z = seen[at + 2] + LIFT * diagonal;  // else half of them would sink into the part
      if (x < -whole || y < -whole || x >= width + whole || y >= height + whole) continue;
      const isOn = x >= 0 && y >= 0 && x < width && y < height && z - depth[y * width + x] <= near;
      const most = isOn || !faces.length ? radius * radius : 1;  // beside the part it would widen its outline
      for (let dy = -whole; dy <= whole; dy++) for (let dx = -whole; dx <= whole; dx++) {
        if (dx * dx + dy * dy > most) continue;
        const column = x + dx, row = y + dy, spot = row * width + column;
        if (column < 0 || row < 0 || column >= width || row >= height || z < depth[spot]) continue;
        if (isOn && z - depth[spot] > near) continue;  // beside the part's edge
        const light = lights[spot];  // of the face below
        depth[spot] = z; owner[spot] = point;
        pixels[spot] = pack(colors[at] * light, colors[at + 1] * light, colors[at + 2] * light);
      }
    }
  }

  // Where the part steps back.
  function edgesOf(width, height) {
    const far = STEP * diagonal, edges = [];
    for (let row = 0; row < height - 1; row++) for (let column = 0; column < width - 1; column++) {
      const spot = row * width + column, here = depth[spot];
      // -Infinity less itself is NaN: no edge.
      if (Math.abs(here - depth[spot + 1]) > far || Math.abs(here - depth[spot + width]) > far) edges.push(spot);
    }
    return edges;
  }

  function ring(x, y, radius, fine, isHidden) {
    pen.setLineDash(isHidden ? [3 * fine, 3 * fine] : []);
    pen.lineWidth = 2 * fine; pen.strokeStyle = INK;
    pen.beginPath(); pen.arc(x, y, radius, 0, 2 * Math.PI); pen.stroke();
    pen.setLineDash([]);
  }

  function label(text, x, y, fine, size) {
    pen.font = `${size * fine}px system-ui, sans-serif`;
    pen.textAlign = "center"; pen.textBaseline = "middle"; pen.fillStyle = INK;
    pen.fillText(text, x, y);
  }

  function drawMarks(solid, c, width, height, fine) {
    const taken = [];
    scene.marks.forEach((place, number) => {
      const [x, y, z] = project(Float32Array.from(place), c);
      const column = Math.round(x), row = Math.round(y);
      if (column < 0 || row < 0 || column >= width || row >= height) return;
      const isHidden = z < solid[row * width + column] - 0.01 * diagonal;
      const away = Math.hypot(x - width / 2, y - height / 2) || 1, far = 30 * fine;
      const nx = x + far * (x - width / 2) / away, ny = y + far * (y - height / 2) / away;
      if (taken.some(([ox, oy]) => Math.hypot(nx - ox, ny - oy) < 20 * fine)) return;  // zooming in shows it
      taken.push([nx, ny]);
      pen.setLineDash(isHidden ? [3 * fine, 3 * fine] : []);
      pen.lineWidth = 1.5 * fine; pen.strokeStyle = INK;
      pen.beginPath(); pen.moveTo(x, y); pen.lineTo(nx, ny); pen.stroke();
      pen.fillStyle = "#fff"; pen.beginPath(); pen.arc(nx, ny, 11 * fine, 0, 2 * Math.PI); pen.fill();
      ring(nx, ny, 11 * fine, fine, isHidden);
      label(String(number + 1), nx, ny, fine, 13);
    });
  }

  function drawAxes(c, height, fine) {
    const x = 44 * fine, y = height - 44 * fine, long = 28 * fine;
    pen.lineWidth = 2 * fine; pen.strokeStyle = INK;
    ["x", "y", "z"].forEach((name, axis) => {
      const dx = long * c.right[axis], dy = -long * c.up[axis];
      pen.beginPath(); pen.moveTo(x, y); pen.lineTo(x + dx, y + dy); pen.stroke();
      if (Math.hypot(dx, dy) > 0.2 * long) label(name, x + 1.35 * dx, y + 1.35 * dy, fine, 13);
    });
  }

  function change(changes) {
    view = { ...view, ...changes };
    view.tilt = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, view.tilt));
    view.zoom = Math.max(0.4, Math.min(60, view.zoom));
    redraw();
  }
  function redraw() { if (!isWaiting) { isWaiting = true; requestAnimationFrame(draw); } }

  // Zoom about a place of the plot, in shares of its size from the middle: what is there stays there.
  function zoom(times, x = 0, y = 0) {
    const after = Math.max(0.4, Math.min(60, view.zoom * times)), ratio = after / view.zoom;
    change({ zoom: after, right: x + (view.right - x) * ratio, up: y + (view.up - y) * ratio });
  }

  function say(event) {
    const box = canvas.getBoundingClientRect(), fine = canvas.width / box.width;
    const x = Math.round((event.clientX - box.left) * fine), y = Math.round((event.clientY - box.top) * fine);
    let best = -1, near = (REACH_PX * fine) ** 2;
    const reachPx = Math.ceil(REACH_PX * fine);
    for (let row = Math.max(0, y - reachPx); row <= Math.min(canvas.height - 1, y + reachPx); row++) {
      for (let column = Math.max(0, x - reachPx); column <= Math.min(canvas.width - 1, x + reachPx); column++) {
        const far = (row - y) ** 2 + (column - x) ** 2, one = owner[row * canvas.width + column];
        if (one >= 0 && far < near) [best, near] = [one, far];
      }
    }
    const place = [0, 1, 2].map((axis) => points[3 * best + axis]?.toFixed(1)).join(", ");
    const signed = values && best >= 0 ? `${values[best] < 0 ? "\u2212" : "+"}${Math.abs(values[best]).toFixed(3)} mm · ` : "";
    value.textContent = best < 0 ? "" : `${signed}x, y, z: ${place}`;
    if (best !== hovered) { hovered = best; redraw(); }
  }

  const fingers = new Map();
  let pressed = null;
  canvas.addEventListener("pointerdown", (event) => {
    pressed = event;
    fingers.set(event.pointerId, event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) { if (seen && event.pointerType === "mouse") say(event); return; }
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    const other = [...fingers.values()].find((one) => one.pointerId !== event.pointerId);
    fingers.set(event.pointerId, event);
    const moved = { right: view.right + dx / plot.clientWidth, up: view.up - dy / plot.clientHeight };
    if (other) {
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
      zoom(apart(event) / apart(before));
      change({ right: view.right + dx / 2 / plot.clientWidth, up: view.up - dy / 2 / plot.clientHeight });
    } else if (event.shiftKey || event.buttons === 2) change(moved);
    else change({ turn: view.turn - dx / 120, tilt: view.tilt + dy / 120 });
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    const far = Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY);
    if (seen && event.pointerId === pressed.pointerId && far < 4) say(event);  // a tap reads, too
  });
  canvas.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "mouse") return;
    value.textContent = "";
    if (hovered >= 0) { hovered = -1; redraw(); }
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 500), (event.clientX - box.left) / box.width - 0.5, 0.5 - (event.clientY - box.top) / box.height);
  }, { passive: false });
  const KEYS = {
    ArrowLeft: () => change({ turn: view.turn + 0.15 }), ArrowRight: () => change({ turn: view.turn - 0.15 }),
    ArrowUp: () => change({ tilt: view.tilt - 0.15 }), ArrowDown: () => change({ tilt: view.tilt + 0.15 }),
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), Home: () => whole(eyeOf(...scene.eye)),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  for (const button of document.querySelectorAll("[data-eye]")) {
    const numbers = button.dataset.eye.split(",").map(Number);
    button.addEventListener("click", () => {
      if (numbers.length === 3) whole(eyeOf(...numbers));
      else zoom(numbers[0]);
    });
  }
  new ResizeObserver(redraw).observe(plot);
  redraw();
})();
