// The page's texts in the visitor's language, and small builders of elements. Text only ever goes in as text.
const texts = JSON.parse(document.getElementById("texts").textContent);

export function say(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function known(key) {
  return texts[key] ?? "";
}

export function named(finding) {
  return known(`finding.${finding.replaceAll(" ", "_")}`) || finding;
}

// A view as the header names it; PA and AP are called that everywhere.
export function projection(view) {
  return known(`view.${view}`) || view || "";
}

// Never 0 or 100: neither is ever known.
export function percent(probability) {
  return say("ui.probability", { percent: Math.min(99, Math.max(1, Math.round(probability * 100))) });
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value === "boolean") element[name] = value;
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function waited(seconds) {
  if (seconds < 60) return say("ui.now");
  if (seconds < 5400) return say("ui.minutes", { count: Math.round(seconds / 60) });
  if (seconds < 129600) return say("ui.hours", { count: Math.round(seconds / 3600) });
  return say("ui.days", { count: Math.round(seconds / 86400) });
}

export function person(study) {
  const age = study.age_years === null ? "" : say("ui.years", { count: study.age_years >= 90 ? "90+" : Math.round(study.age_years) });
  return [age, known(`ui.sex_${study.sex}`), study.modality].filter(Boolean).join(" ");
}

// What lies over a report that nobody has signed as it stands: a change to a signed one is a draft, too.
export function markOf({ study, is_published: isPublished }) {
  if (study.state === "retracted") return say("ui.retracted_mark");
  return isPublished && study.state !== "amending" ? "" : say("ui.watermark");
}

// An address of this server, which a proxy may serve under a path of its own.
export function at(path) {
  return new URL(`../..${path}`, import.meta.url).href;
}

export async function post(url, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  const found = answer.status === 204 ? {} : await answer.json();
  return { ok: answer.ok, status: answer.status, body: found };
}
