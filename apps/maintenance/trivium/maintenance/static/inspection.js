// Send the files of an inspection as they are chosen; the form then carries their hashes only.
"use strict";

for (const form of document.querySelectorAll(".i-form")) {
  const texts = form.dataset;
  const here = document.currentScript.src;
  const sending = new Map(); // name of the field: promise

  function send(field, file, state) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("POST", new URL(`../../api/uploads?name=${encodeURIComponent(file.name)}`, here));
      request.responseType = "json";
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) state.textContent = texts.sending.replace("{share}", Math.round((100 * event.loaded) / event.total));
      });
      request.addEventListener("loadend", () => {
        const isSent = request.status === 201 && request.response;
        form.elements[field].value = isSent ? request.response.sha256 : "";
        form.elements[`${field}_name`].value = isSent ? file.name : "";
        state.textContent = isSent ? texts.sent : (request.response && request.response.error) || texts.failed;
        state.classList.toggle("problem", !isSent);
        resolve(isSent);
      });
      request.send(file);
    });
  }

  for (const part of form.querySelectorAll("[data-file]")) {
    const field = part.dataset.file;
    const state = part.querySelector("[role=status]");
    part.querySelector("input[type=file]").addEventListener("change", (event) => {
      const file = event.target.files[0];
      form.elements[field].value = form.elements[`${field}_name`].value = "";
      state.textContent = "";
      state.classList.remove("problem");
      if (!file) return void sending.delete(field);
      if (file.size > Number(texts.most)) {
        state.textContent = texts.large;
        state.classList.add("problem");
        return;
      }
      sending.set(field, send(field, file, state));
    });
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = form.querySelector("[role=alert]");
    problem.hidden = true;
    const done = await Promise.all(sending.values());
    if (done.every(Boolean)) return void form.submit();
    problem.textContent = texts.failed;
    problem.hidden = false;
  });
}
