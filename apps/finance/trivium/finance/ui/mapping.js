// The mapping table: a button in each row asks for what could be chosen instead.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-metric]");
  if (button) trigger("select", { company: button.dataset.company, metric: button.dataset.metric });
});
