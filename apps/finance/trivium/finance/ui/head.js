// Gives the document the page's language and title, and keeps a language that was asked for in the address.
function apply() {
  const head = element.querySelector(".tf-head");
  if (!head) return;
  document.documentElement.lang = head.dataset.language;
  document.title = head.dataset.title;
}

const asked = new URL(location.href).searchParams.get("lang");
if (asked === "en" || asked === "zh") {
  document.cookie = `trivium_lang=${asked}; path=/; max-age=31536000; samesite=lax`;
}
watch("value", apply);
apply();
