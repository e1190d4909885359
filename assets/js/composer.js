// Writing a reply: nothing typed is ever lost, and the answer is on the screen at once.
import htmx from "htmx.org/dist/htmx.esm.js";

const KEY = "bayan-draft:";
const field = () => document.getElementById("reply-text");
const keyOf = (form) => KEY + form.dataset.composer;

function remember(form, text) {
  try {
    if (text) sessionStorage.setItem(keyOf(form), text);
    else sessionStorage.removeItem(keyOf(form));
  } catch {
    // A browser that keeps nothing: the draft lives as long as the page.
  }
}

function recall(form) {
  try {
    return sessionStorage.getItem(keyOf(form)) ?? "";
  } catch {
    return "";
  }
}

htmx.onLoad((element) => {
  const form = element.closest?.("[data-composer]") ?? element.querySelector?.("[data-composer]");
  const text = form?.querySelector("textarea");
  if (text && !text.value) text.value = recall(form);
  // Where nothing can be sent any more, words that were begun stay to be copied.
  if (text?.disabled) text.hidden = !text.value;
  tick();
});

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-composer]");
  if (form) remember(form, event.target.value);
});

document.addEventListener("keydown", (event) => {
  if (event.target.id !== "reply-text" || event.key !== "Enter" || event.isComposing) return;
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

// Sending: a bubble at once; if the server refuses, the words return to where they were written.
const sending = new WeakMap();
document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (!form.matches?.("[data-composer]")) return;
  const input = form.querySelector("textarea");
  const words = input.value.trim();
  if (!words) {
    event.preventDefault();
    input.focus();
    return;
  }
  const bubble = document.getElementById("sending-bubble").content.firstElementChild.cloneNode(true);
  bubble.querySelector("[data-words]").append(words);
  document.getElementById("messages").append(bubble);
  bubble.scrollIntoView({ block: "end" });
  sending.set(event.detail.xhr, { words: input.value, bubble });
  input.value = "";
  remember(form, "");
});

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  const sent = sending.get(event.detail.xhr);
  if (!sent) return;
  sending.delete(event.detail.xhr);
  const input = form.querySelector("textarea");
  if (event.detail.successful) {
    sent.bubble.remove();
  } else {
    sent.bubble.remove();
    input.value = [sent.words, input.value].filter(Boolean).join("\n");
    remember(form, input.value);
  }
  input.focus();
});

// The 24-hour window, counted down; its words come with the page.
function tick() {
  for (const element of document.querySelectorAll("[data-closes-at]")) {
    const minutes = Math.floor((Date.parse(element.dataset.closesAt) - Date.now()) / 60_000);
    if (minutes < 0) {
      htmx.trigger("#composer", "closed");
      return;
    }
    const words = minutes >= 60 ? element.dataset.hours : element.dataset.minutes;
    element.querySelector("[data-left]").textContent = words
      .replace("{h}", Math.floor(minutes / 60))
      .replace("{m}", minutes >= 60 ? minutes % 60 : minutes);
    element.querySelector("progress").value = minutes;
    element.classList.toggle("is-short", minutes < 120);
  }
}
setInterval(tick, 20_000);

// The case was closed, or the window: the composer says so, and keeps what was typed.
document.addEventListener("htmx:afterSwap", () => {
  const composer = document.getElementById("composer");
  const messages = document.getElementById("messages");
  if (composer && messages && composer.dataset.state !== messages.dataset.state) htmx.trigger(composer, "closed");
  if (messages && field() && !field().disabled) tick();
});
