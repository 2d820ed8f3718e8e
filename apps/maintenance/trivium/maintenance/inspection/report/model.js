// Draw the scan, coloured by deviation, over the part; buttons turn it for those who use no mouse.
"use strict";

(() => {
  const plot = document.getElementById("plot");
  const scene = JSON.parse(document.getElementById("i-scene").textContent);
  if (location.hash === "#model") document.body.classList.add("only-model");

  const [x, y, z] = scene.points;
  const marker = scene.values
    ? { size: 3, color: scene.values, colorscale: scene.scale, cmin: -2 * scene.limit, cmax: 2 * scene.limit,
        colorbar: { title: { text: scene.names.legend }, thickness: 14, len: 0.8 } }
    : { size: 2, color: "#3a6ea5" };
  const cloud = { type: "scatter3d", mode: "markers", name: scene.names.model_cloud, x, y, z, marker,
    text: scene.values, hovertemplate: scene.values ? "%{text:+.3f} mm<extra></extra>" : "%{x}, %{y}, %{z}<extra></extra>" };
  const traces = [cloud];
  if (scene.faces.length && scene.faces[0].length) {
    const [a, b, c] = scene.vertices;
    const [i, j, k] = scene.faces;
    traces.unshift({ type: "mesh3d", name: scene.names.model_part, x: a, y: b, z: c, i, j, k, color: "#d5d9de",
      flatshading: true, hoverinfo: "skip", lighting: { ambient: 0.85, diffuse: 0.25, specular: 0 } });
  }
  // The longest side is 1 in the view, so that the camera stands as far from a plate as from a cube.
  const spans = [0, 1, 2].map((at) => {
    let low = Infinity, high = -Infinity;
    for (const list of [scene.points[at], scene.vertices[at]]) for (const value of list) { low = Math.min(low, value); high = Math.max(high, value); }
    return [low, high];
  });
  const longest = Math.max(...spans.map(([low, high]) => high - low));
  const room = 0.02 * longest;
  const [xaxis, yaxis, zaxis] = spans.map(([low, high]) => ({ range: [low - room, high + room], backgroundcolor: "#f6f7f9", gridcolor: "#cfd6dd", zeroline: false }));
  const [rx, ry, rz] = spans.map(([low, high]) => (high - low + 2 * room) / (longest + 2 * room));
  const first = { x: 1.1, y: -1.1, z: 0.8 };
  const layout = { margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "#ffffff", showlegend: false,
    scene: { aspectmode: "manual", aspectratio: { x: rx, y: ry, z: rz }, bgcolor: "#e6eaef", xaxis, yaxis, zaxis, camera: { eye: first } } };
  Plotly.newPlot(plot, traces, layout, { responsive: true, displaylogo: false, displayModeBar: false })
    .then(() => { plot.dataset.ready = "1"; });

  for (const button of document.querySelectorAll("[data-eye]")) {
    button.addEventListener("click", () => {
      const numbers = button.dataset.eye.split(",").map(Number);
      const now = plot.layout.scene.camera.eye || first;
      const eye = numbers.length === 3 ? { x: numbers[0], y: numbers[1], z: numbers[2] }
        : { x: now.x * numbers[0], y: now.y * numbers[0], z: now.z * numbers[0] };
      Plotly.relayout(plot, { "scene.camera.eye": eye });
    });
  }
})();
