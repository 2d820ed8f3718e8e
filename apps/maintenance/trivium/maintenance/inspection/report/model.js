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
  const axis = { backgroundcolor: "#f6f7f9", gridcolor: "#cfd6dd", zeroline: false };
  const first = { x: 1.5, y: -1.5, z: 1.2 };
  const layout = { margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "#ffffff", showlegend: false,
    scene: { aspectmode: "data", bgcolor: "#e6eaef", xaxis: axis, yaxis: axis, zaxis: axis, camera: { eye: first } } };
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
