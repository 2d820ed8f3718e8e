// Refresh what a page marks as live: the page is fetched again, and each element with `data-live` and an id is replaced.
// What has the focus inside is left as it is until the next time.
"use strict";

(() => {
  const mark = document.querySelector("[data-refresh]");
  if (!mark) return;
  const button = mark.querySelector("[data-pause]");
  let isPaused = false;

  async function refresh() {
    if (isPaused || document.hidden) return;
    let answer;
    try {
      answer = await fetch(location.href, { headers: { accept: "text/html" } });
    } catch {
      return; // the server is away for a moment
    }
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live][id]")) {
      const found = fresh.getElementById(old.id);
      if (found && !old.contains(document.activeElement) && found.innerHTML !== old.innerHTML) {
        old.replaceWith(document.importNode(found, true));
      }
    }
    document.dispatchEvent(new CustomEvent("refreshed"));
  }

  button?.addEventListener("click", () => {
    isPaused = !isPaused;
    button.textContent = isPaused ? button.dataset.resume : button.dataset.pause;
  });
  setInterval(refresh, 1000 * Number(mark.dataset.refresh));
})();
