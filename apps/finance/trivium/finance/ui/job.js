// The panel of a job: shows how far it is (the platform's `polling.js` asks), and tells the page when the job has ended.
// The address in the browser always names the job that is shown.
let following = 0; // grows with every job that is shown; an older loop sees it and stops

function show(panel, job, clock) {
  for (const field of panel.querySelectorAll("[data-field]")) {
    const name = field.dataset.field;
    if (field.tagName === "PROGRESS") field.value = job.progress;
    else if (job[name]) field.textContent = job[name];
    if (field.classList.contains("tf-state")) field.className = `tf-state ${job.state}`;
  }
  const stages = [...panel.querySelectorAll("[data-stage]")];
  const now = stages.findIndex((item) => item.dataset.stage === job.stage);
  stages.forEach((item, place) => {
    item.classList.toggle("past", place < now);
    if (place === now) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  const left = panel.querySelector(".tf-left");
  if (left) left.textContent = job.remaining_text || ownEstimate(left, job, clock);
}

// The platform tells from earlier jobs how long is left; the first ones have only their own pace to go by.
function ownEstimate(left, job, clock) {
  const ran = job.started_at ? (clock - Date.parse(job.started_at)) / 1000 : 0;
  if (job.state !== "running" || ran < 1.5 || job.progress < 0.05) return "";
  return left.dataset.estimate.replace("{seconds}", Math.ceil((ran * (1 - job.progress)) / job.progress));
}

function follow(panel) {
  const mine = ++following;
  const tell = (job, clock) => {
    show(panel, job, clock);
    if (job.is_final) trigger("submit", { job: job.id });
  };
  followJob(panel.dataset.job, tell, () => mine === following);
}

function start() {
  const panel = element.querySelector(".tf-job");
  if (!panel) return;
  const address = new URL(location.href);
  if (address.searchParams.get("job") !== panel.dataset.shown) {
    address.searchParams.set("job", panel.dataset.shown);
    history.pushState({}, "", address);
    panel.scrollIntoView({ block: "start" });
  }
  if (panel.dataset.job) follow(panel);
  else following += 1;
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-again]");
  if (!button) return;
  button.disabled = true;
  trigger("select", { job: button.dataset.again });
});
element.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-cancel]");
  if (!button) return;
  button.disabled = true;
  const answer = await fetch(`../api/jobs/${button.dataset.cancel}/cancel`, { method: "POST" });
  if (answer.ok) button.textContent = button.dataset.cancelling;
  else button.disabled = false;
});
window.addEventListener("popstate", () => location.reload());
watch("value", start);
start();
