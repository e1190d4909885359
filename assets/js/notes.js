// Beside the reply: internal notes, and ready replies that are put into it.
const reply = () => document.getElementById("composer");
const note = () => document.getElementById("note-writer");

function write(which) {
  reply().hidden = which === "note";
  note().hidden = which !== "note";
  document.getElementById(which === "note" ? "note-text" : "reply-text")?.focus();
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-write]");
  if (choice) write(choice.dataset.write);
  const ready = event.target.closest("[data-ready]");
  if (ready) put(ready.dataset.ready);
});

/** Put a ready reply where the cursor stands; what is written already stays. */
function put(text) {
  const field = document.getElementById("reply-text");
  const { selectionStart: start, selectionEnd: end, value } = field;
  field.setRangeText(text, start, end, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  const menu = document.querySelector("[data-ready-replies]");
  if (menu) menu.open = false;
  field.focus();
  if (!value) field.setSelectionRange(field.value.length, field.value.length);
}

// What a ready-made action writes stands in the reply once the rest of it is done.
document.addEventListener("htmx:afterRequest", (event) => {
  const words = event.detail.requestConfig?.triggeringEvent?.submitter?.dataset.insert;
  const field = document.getElementById("reply-text");
  if (!words || !event.detail.successful || !field || field.disabled) return;
  write("reply");
  put(words);
});

// A stroke in an empty reply opens them, as in WhatsApp.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.id !== "reply-text" || event.target.value) return;
  const menu = document.querySelector("[data-ready-replies]");
  if (!menu) return;
  event.preventDefault();
  menu.querySelector("summary").click();
});

/** A text as it is looked for: one spelling of each letter. */
export const folded = (text) => text.toLowerCase().replace(/[أإآ]/g, "ا").replace(/ى/g, "ي").replace(/ة/g, "ه");
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-ready-search]")) return;
  const wanted = folded(event.target.value);
  for (const button of document.querySelectorAll("[data-ready]")) {
    button.closest("li").hidden = !folded(button.innerText).includes(wanted);
  }
});
document.addEventListener("htmx:afterSwap", (event) => {
  event.detail.target?.querySelector?.("[data-ready-search]")?.focus();
});

// Who is called stands beside the button.
document.addEventListener("change", (event) => {
  const list = event.target.closest(".callable");
  if (!list) return;
  const names = [...list.querySelectorAll(":checked")].map((box) => `@${box.closest("label").innerText.trim()}`);
  list.closest("form").querySelector("[data-called]").textContent = names.join(" ");
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id !== "note-writer" || !event.detail.successful) return;
  event.detail.elt.reset();
  event.detail.elt.querySelector("[data-called]").textContent = "";
});
document.addEventListener("keydown", (event) => {
  if (event.target.id === "note-text" && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});
