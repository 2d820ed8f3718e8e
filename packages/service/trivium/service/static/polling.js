// Follow a job to its end: ask with the last ETag, wait longer while nothing changes and the longer the job takes, stop
// while the tab is hidden. Pages of the shell and of apps call `followJob`.
"use strict";

(() => {
  const API = new URL("../api/jobs/", document.currentScript.src);
  const FIRST_MS = 400;
  const NEWS_MS = 2000; // the longest wait after a change
  const LONGEST_MS = 8000;

  // show(job, clock): told of each change; `clock` is the server's time in ms. isWanted(): false ends it at the next turn.
  window.followJob = (id, show, isWanted = () => true) => {
    let etag = "";
    let wait = FIRST_MS;
    let timer = 0;
    const began = performance.now();

    async function ask() {
      timer = 0;
      if (!isWanted() || document.hidden) return;
      try {
        const answer = await fetch(new URL(id, API), { headers: etag ? { "If-None-Match": etag } : {} });
        if (answer.status === 401 || answer.status === 404) return;
        if (answer.status === 200) {
          etag = answer.headers.get("ETag");
          const job = await answer.json();
          if (!isWanted()) return;
          show(job, Date.parse(answer.headers.get("Date")) || Date.now());
          if (job.is_final) return;
          wait = Math.max(FIRST_MS, Math.min((performance.now() - began) / 4, NEWS_MS));
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
  };
})();
