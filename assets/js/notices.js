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

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest(".notice")?.remove();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") place()?.lastElementChild?.remove();
});
