// Ctrl-K or ⌘-K: one field for pages, actions, cases, people and places. Arrows choose, Enter opens.
import htmx from "htmx.org/dist/htmx.esm.js";

const dialog = () => document.getElementById("palette");
const options = () => [...(dialog()?.querySelectorAll("[role=option]") ?? [])];
const chosen = () => dialog()?.querySelector("[role=option][aria-selected=true]");

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  const field = document.getElementById("palette-words");
  if (!option) return field?.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  field?.setAttribute("aria-activedescendant", option.id);
}

async function open() {
  const opener = document.querySelector("[data-palette]");
  if (!opener || dialog().open) return;
  document.querySelector(".sheet:popover-open")?.hidePopover();
  dialog().showModal();
  const here = document.getElementById("workspace")?.dataset.conversation;
  const address = opener.dataset.palette + (here ? `?conversation=${here}` : "");
  await htmx.ajax("GET", address, { target: dialog(), swap: "innerHTML" });
  const field = document.getElementById("palette-words");
  // Without an answer there is nothing to write in; the notice says why.
  if (!field) return dialog().close();
  field.focus();
  choose(options()[0]);
  // Whoever writes at once was quicker than the field that listens.
  if (!field.value) return;
  const words = new URLSearchParams(new FormData(field.form));
  await htmx.ajax("GET", `${field.form.getAttribute("hx-get")}?${words}`, { target: "#palette-found", swap: "innerHTML" });
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-palette]")) open();
  else if (event.target.closest("[data-palette-close]") || event.target === dialog()) dialog().close();
  else if (event.target.closest("#palette [data-theme]")) dialog().close();
});

// By the key's place: on an Arabic keyboard the same key writes ن.
document.addEventListener("keydown", (event) => {
  if (event.code === "KeyK" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    if (!document.querySelector("[data-palette]")) return;
    event.preventDefault();
    if (dialog().open) dialog().close();
    else open();
    return;
  }
  if (!dialog()?.open || event.target.id !== "palette-words") return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    const all = options();
    choose(all[(all.indexOf(chosen()) + step + all.length) % all.length]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    chosen()?.click();
  }
});

document.addEventListener("pointerover", (event) => {
  const option = event.target.closest("#palette [role=option]");
  if (option) choose(option);
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "palette-found") choose(options()[0]);
});
// What was asked for is done: the field goes.
document.addEventListener("htmx:afterRequest", (event) => {
  const { detail } = event;
  if (!detail.successful || detail.requestConfig?.verb !== "post" || !dialog()?.contains(detail.elt)) return;
  dialog().close();
  // What a ready-made action writes is read before it is sent.
  if (detail.requestConfig.triggeringEvent?.submitter?.dataset.insert) document.getElementById("reply-text")?.focus();
});
