// Follow running jobs: ask with the last ETag, wait longer while nothing changes and the longer a job takes, stop while
// the tab is hidden.
"use strict";

const API = new URL("../api/jobs/", document.currentScript.src);
const FIRST_MS = 500;
const NEWS_MS = 2000; // the longest wait after a change
const LONGEST_MS = 8000;
const LEAVE_MS = 5000; // in which a click that leads elsewhere has led there

let isLeaving = false; // a click leads elsewhere already: loading this page anew would undo it
addEventListener("beforeunload", () => {
  isLeaving = true;
});

function show(element, job) {
  for (const field of element.querySelectorAll("[data-field]")) {
    const value = job[field.dataset.field];
    if (field.tagName === "PROGRESS") field.value = value;
    else field.textContent = value;
    if (field.classList.contains("state")) field.className = `state ${job.state}`;
  }
  for (const offered of element.querySelectorAll("[data-if]")) offered.hidden = !job[offered.dataset.if];
}

function follow(element) {
  let etag = "";
  let wait = FIRST_MS;
  const began = performance.now();
  let timer = 0;

  async function ask() {
    timer = 0;
    if (document.hidden) return;
    try {
      const answer = await fetch(new URL(element.dataset.job, API), { headers: etag ? { "If-None-Match": etag } : {} });
      if (answer.status === 401 || answer.status === 404) return;
      if (answer.status === 200) {
        etag = answer.headers.get("ETag");
        const job = await answer.json();
        show(element, job);
        wait = Math.max(FIRST_MS, Math.min((performance.now() - began) / 4, NEWS_MS));
        if (job.is_final) {
          if ("reload" in element.dataset) setTimeout(() => location.reload(), isLeaving ? LEAVE_MS : 0);
          return;
        }
      } else {
        wait = Math.min(wait * 1.5, LONGEST_MS);
      }
    } catch (error) {
      wait = LONGEST_MS; // the server is away for a moment; the page stays as it is
    }
    timer = setTimeout(ask, wait);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !timer) ask();
  });
  ask();
}

for (const element of document.querySelectorAll("[data-job]")) follow(element);
