// Keeps the page live: the server says what changed, the parts that show it fetch themselves anew.
import htmx from "htmx.org/dist/htmx.esm.js";
import { show, withdraw } from "./notices.js";

// A burst becomes one fetch; the chance in it keeps a hundred browsers from asking in one moment.
const [SHORTEST, LONGEST] = [80, 300];
const MINUTE = 60_000;
// A page that nobody looks at gives its connection back: a browser has only six for one site.
const UNSEEN = 30_000;
const PATIENCE = 4_000;

const heard = new Set();
let flushing, source, closing, complaining, reopening;
let pause = 2_000;

function hear(key) {
  heard.add(key);
  flushing ??= setTimeout(flush, SHORTEST + Math.random() * (LONGEST - SHORTEST));
}

function flush() {
  flushing = undefined;
  for (const element of document.querySelectorAll("[data-live]")) {
    if (element.dataset.live.split(" ").some((wanted) => heard.has(wanted))) htmx.trigger(element, "live");
  }
  heard.clear();
}

function everything() {
  for (const element of document.querySelectorAll("[data-live]")) {
    // Single messages come with their thread.
    if (!element.dataset.live.startsWith("outgoing:")) htmx.trigger(element, "live");
  }
}

function open() {
  clearTimeout(reopening);
  if (source || !document.querySelector("[data-live-page]")) return;
  source = new EventSource("/live");
  source.addEventListener("open", () => {
    pause = 2_000;
    clearTimeout(complaining);
    complaining = undefined;
    withdraw("notice-lost");
    // What happened between the page and the stream, or while it was broken, was never heard.
    everything();
  });
  source.addEventListener("change", (event) => {
    const [topic, key] = event.data.split(" ");
    hear(topic);
    hear(`${topic}:${key}`);
  });
  source.addEventListener("error", () => {
    complaining ??= setTimeout(() => show("notice-lost"), PATIENCE);
    if (source?.readyState !== EventSource.CLOSED) return;
    // The browser has given up (a proxy answered, or the session ended); we have not.
    source = undefined;
    reopening = setTimeout(open, pause);
    pause = Math.min(pause * 2, MINUTE);
  });
}

function close() {
  source?.close();
  source = undefined;
  clearTimeout(reopening);
  clearTimeout(complaining);
  complaining = undefined;
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(closing);
  if (document.hidden) closing = setTimeout(close, UNSEEN);
  else open();
});
addEventListener("pagehide", close);
addEventListener("pageshow", open);
addEventListener("online", everything);
setInterval(() => document.querySelector('[data-name="notice-lost"]') && everything(), PATIENCE);
// «منذ 3 دقائق» grows old by itself.
setInterval(() => document.hidden || everything(), MINUTE);
