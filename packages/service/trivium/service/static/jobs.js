// Show in the shell's pages how far running jobs are (`polling.js` asks), and load a job's page anew at its end.
"use strict";

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

for (const element of document.querySelectorAll("[data-job]")) {
  followJob(element.dataset.job, (job) => {
    show(element, job);
    if (job.is_final && "reload" in element.dataset) setTimeout(() => location.reload(), isLeaving ? LEAVE_MS : 0);
  });
}
