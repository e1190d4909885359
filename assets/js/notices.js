// Refusals and lost connections, said in words at the head of the page.
const place = () => document.getElementById("notices");

/** Show the notice of one of the page's templates (notice-failed, notice-lost); each at most once. */
export function show(name) {
  if (place().querySelector(`[data-name="${name}"]`)) return;
  const notice = document.getElementById(name).content.firstElementChild.cloneNode(true);
  notice.dataset.name = name;
  place().append(notice);
}

export function withdraw(name) {
  place().querySelector(`[data-name="${name}"]`)?.remove();
}

const isLive = (detail) => detail.requestConfig?.triggeringEvent?.type === "live";

document.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event;
  if (detail.xhr.status < 400) return;
  // Nobody asked for a live part: what is gone for this member goes quietly.
  if (isLive(detail)) return;
  if (!detail.xhr.responseText.includes("data-notice")) {
    show("notice-failed");
    return;
  }
  detail.shouldSwap = true;
  detail.target = place();
  detail.swapOverride = "beforeend";
  detail.selectOverride = "[data-notice]";
});

for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => show("notice-lost"));
}
document.addEventListener("htmx:afterOnLoad", () => withdraw("notice-lost"));

// What was done is said for ten seconds, as long as it can be undone; whoever points at it may take their time.
const SAID_FOR = 10_000;
function fade(root) {
  for (const notice of root.querySelectorAll?.("[data-said]:not([data-fading])") ?? []) {
    notice.dataset.fading = "";
    const leave = () =>
      setTimeout(() => (notice.matches(":hover, :focus-within") ? leave() : notice.remove()), SAID_FOR);
    leave();
  }
}
document.addEventListener("htmx:oobAfterSwap", () => {
  // What was refused before has been done now.
  if (place().querySelector("[data-said]:not([data-fading])"))
    for (const refused of place().querySelectorAll("[data-notice]")) refused.remove();
  fade(place());
});
document.addEventListener("htmx:afterSettle", () => fade(place()));
addEventListener("load", () => fade(document));
// A press of the button says the next thing in its place.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.querySelector?.("[data-undo]")) event.target.closest(".notice").remove();
});

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".notice")?.remove();
});
// Ctrl-Z or ⌘-Z takes back what was just done, where nobody is writing.
document.addEventListener("keydown", (event) => {
  if (event.code !== "KeyZ" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
  const undo = [...(place()?.querySelectorAll("[data-undo]") ?? [])].at(-1);
  if (!undo || event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, [contenteditable]")) return;
  event.preventDefault();
  undo.click();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") place()?.lastElementChild?.remove();
});
