// The sheet that rises from the bottom of the phone.

const layer = document.querySelector("[data-sheet]");
const form = layer.querySelector("[data-sheet-form]");
const veil = document.querySelector("[data-veil]");
const body = layer.querySelector("[data-sheet-body]");
const title = layer.querySelector("[data-sheet-title]");
const sendButton = layer.querySelector("[data-sheet-send]");
const behind = [...layer.parentElement.children].filter((part) => part !== layer && part !== veil);
let opened = null;

// `onSend` gets the form and says whether the sheet may close; without it there is no send button.
export function openSheet({ title: text, opener, onSend }) {
  opened = { opener, onSend };
  title.textContent = text;
  sendButton.hidden = !onSend;
  sendButton.disabled = Boolean(onSend);
  layer.hidden = false;
  veil.hidden = false;
  for (const part of behind) part.inert = true;
}

export function fillSheet(...parts) {
  body.replaceChildren(...parts);
  body.scrollTop = 0;
  body.querySelector("input, textarea, button")?.focus();
}

export function closeSheet() {
  if (!opened) return;
  const { opener } = opened;
  opened = null;
  layer.hidden = true;
  veil.hidden = true;
  for (const part of behind) part.inert = false;
  opener?.focus();
}

form.addEventListener("input", () => { sendButton.disabled = !form.checkValidity(); });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (opened?.onSend?.(form)) closeSheet();
});
layer.querySelector("[data-close-sheet]").addEventListener("click", closeSheet);
veil.addEventListener("click", closeSheet);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeSheet();
});
