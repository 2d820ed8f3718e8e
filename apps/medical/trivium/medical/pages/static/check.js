// Check my report: sends the text, lists what does not fit and marks it in the text.
import { at, make, post, say } from "./texts.js";

const form = document.getElementById("check");
const result = document.getElementById("result");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = form.text.value;
  const { ok, body } = await post(at("/medical/check"), { text, sex: form.sex.value });
  result.hidden = false;
  const list = document.getElementById("marks");
  const marked = document.getElementById("marked");
  if (!ok) {
    list.replaceChildren(make("li", {}, body.error));
    marked.replaceChildren();
    return;
  }
  list.replaceChildren(...body.marks.map(told));
  if (!body.marks.length) list.replaceChildren(make("li", { class: "m-fine" }, say("ui.nothing")));
  marked.replaceChildren(...pieces(text, body.marks));
});

function told(mark, place) {
  const other = mark.other ? make("q", { class: "quiet" }, mark.other) : null;
  return make("li", {}, make("a", { href: `#mark-${place}` }, mark.text), other ? " " : null, other);
}

function pieces(text, marks) {
  const found = [];
  let place = 0;
  marks.forEach((mark, number) => {
    if (mark.start < place) {
      found.push(make("span", { id: `mark-${number}` }));
      return; // inside the one before
    }
    found.push(text.slice(place, mark.start));
    found.push(make("mark", { id: `mark-${number}`, title: mark.text }, text.slice(mark.start, mark.end)));
    place = mark.end;
  });
  found.push(text.slice(place));
  return found;
}
