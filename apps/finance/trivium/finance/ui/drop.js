// The drop zone: files are uploaded as they come, listed with a button to take them back, and handed over on "compare".
const chosen = []; // { name, size, sha256, share, error, done: Promise }
const SAME = (one, file) => one.name === file.name && one.size === file.size && one.modified === file.lastModified;

function zone() {
  return element.querySelector(".tf-drop");
}

function complain(text) {
  const line = zone().querySelector(".tf-alert");
  line.textContent = text;
  line.hidden = !text;
}

function list() {
  const texts = zone().dataset;
  zone().querySelector(".tf-chosen").replaceChildren(
    ...chosen.map((one) => {
      const item = document.createElement("li");
      const name = document.createElement("span");
      name.textContent = one.name;
      const state = document.createElement("small");
      if (one.error) state.textContent = one.error;
      else if (one.sha256) state.textContent = `${Math.max(1, Math.round(one.size / 1024)).toLocaleString()} KB`;
      else state.textContent = `${texts.waiting} ${Math.round(100 * one.share)} %`;
      state.className = one.error ? "bad" : "";
      const button = document.createElement("button");
      button.type = "button";
      button.className = "tf-button plain small";
      button.textContent = texts.remove;
      button.setAttribute("aria-label", `${texts.remove} ${one.name}`);
      button.addEventListener("click", () => {
        chosen.splice(chosen.indexOf(one), 1);
        list();
        zone().querySelector("input").focus();
      });
      item.append(name, state, button);
      return item;
    }),
  );
}

function send(one, file) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", `../api/uploads?name=${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      one.share = event.lengthComputable ? event.loaded / event.total : 0;
      list();
    });
    request.addEventListener("loadend", () => {
      if (request.status === 201 && request.response) one.sha256 = request.response.sha256;
      else one.error = (request.response && request.response.error) || zone().dataset.failed;
      list();
      resolve();
    });
    request.send(file);
  });
}

function take(files) {
  complain("");
  for (const file of files) {
    if (chosen.some((one) => SAME(one, file))) continue;
    const one = { name: file.name, size: file.size, modified: file.lastModified, share: 0, sha256: "", error: "" };
    if (file.size > Number(zone().dataset.max)) {
      one.error = zone().dataset.large;
      one.done = Promise.resolve();
    } else {
      one.done = send(one, file);
    }
    chosen.push(one);
  }
  list();
}

async function compare() {
  await Promise.all(chosen.map((one) => one.done));
  const bad = chosen.filter((one) => one.error);
  if (!chosen.length) return complain(zone().dataset.nothing);
  if (bad.length) return complain(bad.map((one) => `${one.name}: ${one.error}`).join("; "));
  complain("");
  trigger("submit", { files: chosen.map((one) => ({ name: one.name, sha256: one.sha256 })) });
  chosen.length = 0;
  list();
  return undefined;
}

element.addEventListener("change", (event) => {
  if (event.target.type !== "file") return;
  take([...event.target.files]);
  event.target.value = "";
});
element.addEventListener("compare", compare); // sent by the button below the options
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  element.addEventListener(kind, (event) => {
    event.preventDefault();
    zone().classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") take([...event.dataTransfer.files]);
  });
}
