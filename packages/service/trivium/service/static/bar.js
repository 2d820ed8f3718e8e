// Put the platform's bar on top of an app's page; its language link stays on that page and keeps the choice.
"use strict";

(async () => {
  const root = new URL("..", document.currentScript.src); // where this server begins
  const answer = await fetch(new URL(`bar${location.search}`, root));
  if (!answer.ok) return;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text(); // our own server's template, escaped there
  const bar = holder.content.querySelector(".bar");
  for (const link of bar.querySelectorAll("a[lang]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const language = link.lang.split("-")[0];
      document.cookie = `trivium_lang=${language}; path=${root.pathname}; max-age=31536000; samesite=lax`;
      const here = new URL(location.href);
      here.searchParams.delete("lang");
      location.assign(here);
    });
  }
  document.body.prepend(bar);
})();
