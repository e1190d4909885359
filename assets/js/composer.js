// Writing a reply: nothing typed is ever lost, and the answer is on the screen at once.
import htmx from "htmx.org/dist/htmx.esm.js";

const KEY = "bayan-draft:";
const composer = () => document.getElementById("composer");
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
  if (form && event.target.id === "reply-text") remember(form, event.target.value);
});

document.addEventListener("keydown", (event) => {
  if (!event.target.closest?.("[data-composer]") || event.key !== "Enter" || event.isComposing) return;
  const isLine = event.target.matches("input:not([type=file])");
  // Enter in a field of a kind goes nowhere: it would send what is half written.
  if (isLine && !event.ctrlKey && !event.metaKey) event.preventDefault();
  if ((!isLine && event.target.id !== "reply-text") || (!event.ctrlKey && !event.metaKey)) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

const files = (form) => [...form.querySelectorAll("input[type=file]")].flatMap((input) => [...input.files]);
const kind = (form) => form.elements.kind?.value ?? "text";
// These say something without a word of text.
const SPEAK_BY_THEMSELVES = new Set(["place", "template"]);

// Sending: a bubble at once; if the server refuses, the words return to where they were written.
const sending = new WeakMap();
document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (!form.matches?.("[data-composer]")) return;
  const input = form.querySelector("textarea");
  const words = input.value.trim();
  const attached = files(form);
  if (form.querySelector("[data-problem]:not([hidden])")) {
    event.preventDefault();
    return;
  }
  if (!words && !attached.length && !SPEAK_BY_THEMSELVES.has(kind(form))) {
    event.preventDefault();
    input.focus();
    return;
  }
  const bubble = document.getElementById("sending-bubble").content.firstElementChild.cloneNode(true);
  bubble.querySelector("[data-words]").append(kind(form) === "template" ? "" : words);
  if (attached.length) {
    bubble.querySelector("[data-what]").hidden = false;
    bubble.querySelector("[data-names]").append(attached.map((file) => file.name).join("، "));
  }
  document.getElementById("messages").append(bubble);
  bubble.scrollIntoView({ block: "end" });
  sending.set(event.detail.xhr, { words: input.value, bubble });
  if (kind(form) === "template") return;
  input.value = "";
  remember(form, "");
});

document.addEventListener("htmx:xhr:progress", (event) => {
  const bar = event.target.querySelector?.("[data-progress]");
  if (!bar || !event.detail.lengthComputable) return;
  // A text is up before one could see it.
  bar.hidden = event.detail.total < 50_000;
  bar.value = (event.detail.loaded / event.detail.total) * 100;
});

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  const sent = sending.get(event.detail.xhr);
  if (!sent) return;
  sending.delete(event.detail.xhr);
  sent.bubble.remove();
  const bar = form.querySelector("[data-progress]");
  if (bar) bar.hidden = true;
  const input = form.querySelector("textarea");
  if (event.detail.successful) {
    form.dispatchEvent(new CustomEvent("sent", { bubbles: true }));
  } else if (!input.value.includes(sent.words)) {
    input.value = [sent.words, input.value].filter(Boolean).join("\n");
    remember(form, input.value);
  }
  input.focus();
});

// What is sent leaves the composer: its kind, its quote (files: attachments.js).
function plain(form) {
  const place = form.querySelector("#extra");
  if (place) place.replaceChildren(document.getElementById("plain-extra").content.cloneNode(true));
  unquote(form);
}

function unquote(form) {
  const quoting = form.querySelector("[data-quoting]");
  if (!quoting) return;
  quoting.hidden = true;
  quoting.querySelector("input").value = "";
}

document.addEventListener("sent", (event) => plain(event.target));

document.addEventListener("click", (event) => {
  const form = composer();
  const bubble = event.target.closest("[data-quote]")?.closest("article");
  if (bubble && form?.elements.quoting) {
    const words = bubble.querySelector(".words, .chosen, .unshown b, .file b, .place b");
    form.elements.quoting.value = bubble.dataset.message;
    form.querySelector("[data-quoting-words]").textContent = (words ?? bubble.querySelector("footer")).textContent.trim();
    form.querySelector("[data-quoting]").hidden = false;
    field().focus();
  } else if (event.target.closest("[data-unquote]")) {
    unquote(form);
    field().focus();
  } else if (event.target.closest("[data-no-extra]")) {
    event.preventDefault();
    form.querySelector("#extra").replaceChildren(document.getElementById("plain-extra").content.cloneNode(true));
    field().focus();
  }
  for (const menu of document.querySelectorAll("details.kinds[open]")) {
    if (!menu.contains(event.target) || event.target.closest("a")) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.kinds[open]");
  if (!menu) return;
  event.stopPropagation();
  menu.open = false;
  menu.querySelector("summary").focus();
});

// The fields of a kind: counted as WhatsApp counts, in UTF-16 units, as JavaScript does.
function count(input) {
  const shown = input.parentElement.querySelector("[data-count]");
  const most = Number(input.dataset.most);
  shown.textContent = input.value ? `${input.value.length}/${most}` : "";
  shown.classList.toggle("is-over", input.value.length > most);
}

function grow(list) {
  const pairs = [...list.children];
  const last = pairs.findLastIndex((pair) => [...pair.querySelectorAll("input")].some((input) => input.value));
  pairs.forEach((pair, place) => (pair.hidden = place > Math.max(1, last + 1)));
}

document.addEventListener("input", ({ target }) => {
  if (target.dataset?.most) count(target);
  const list = target.closest?.("[data-growing]");
  if (list) grow(list);
  if (target.dataset?.fills) {
    for (const slot of document.querySelectorAll(`[data-slot="${CSS.escape(target.dataset.fills)}"]`)) {
      slot.textContent = target.value || slot.dataset.example;
      slot.classList.toggle("is-filled", Boolean(target.value));
    }
  }
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "extra") return;
  const extra = event.detail.target;
  for (const input of extra.querySelectorAll("[data-most]")) count(input);
  for (const list of extra.querySelectorAll("[data-growing]")) grow(list);
  (extra.querySelector(".picker-map, select, input:not([type=hidden]), textarea") ?? field()).focus();
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
  const messages = document.getElementById("messages");
  if (composer() && messages && composer().dataset.state !== messages.dataset.state) htmx.trigger(composer(), "closed");
  if (messages && field() && !field().disabled) tick();
});

// The person sees that we have read, and that somebody is writing: only when a member really does.
const TYPING_EVERY = 20_000;
let lookedAt, typedAt = 0;

function tell(address) {
  const body = new URLSearchParams({ csrfmiddlewaretoken: composer().elements.csrfmiddlewaretoken.value });
  // Nothing depends on it: what does not get through is told again with the next message.
  fetch(address, { method: "POST", body, keepalive: true }).catch(() => {});
}

function look() {
  const newest = document.getElementById("messages")?.dataset.newest;
  const address = composer()?.dataset.looked;
  if (!newest || !address || document.hidden || !document.hasFocus()) return;
  const seen = `${address} ${newest}`;
  if (seen === lookedAt) return;
  lookedAt = seen;
  tell(address);
}

for (const name of ["htmx:afterSwap", "visibilitychange", "click"]) document.addEventListener(name, look);
for (const name of ["focus", "load"]) addEventListener(name, look);

document.addEventListener("input", (event) => {
  if (event.target.id !== "reply-text" || !event.target.value || Date.now() - typedAt < TYPING_EVERY) return;
  if (!composer().querySelector("[data-closes-at]")) return;
  typedAt = Date.now();
  tell(composer().dataset.typing);
});
