// Menus that drop down from a button: one open at a time; a click elsewhere or Escape closes them.
const open = () => [...document.querySelectorAll("details.drop[open], details.kinds[open]")];

document.addEventListener("click", (event) => {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = open().find((one) => one.contains(event.target));
  if (!menu) return;
  event.stopImmediatePropagation();
  menu.open = false;
  menu.querySelector("summary").focus();
}, true);
// What was chosen is done: the menu goes.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.requestConfig?.verb === "post") {
    event.detail.elt.closest?.("details.drop, details.kinds")?.removeAttribute("open");
  }
});
document.addEventListener("click", (event) => event.target.closest("[data-print]") && print());
