// The three panes: where one is in the list, and where one is in the thread.
const wide = matchMedia("(min-width: 900px)");
const NEAR = 96;
const thread = () => document.getElementById("messages");
const toEnd = () => thread()?.scrollTo(0, thread().scrollHeight);
const rows = () => [...document.querySelectorAll("#rows a[data-conversation]")];
// Tables whose rows can be chosen are walked through as the inbox is.
const ways = () => [...document.querySelectorAll("#rows a[data-conversation], #rows [data-row]:has(.pick) .row-link")];

function mark() {
  const open = document.getElementById("workspace")?.dataset.conversation;
  for (const row of rows()) {
    if (row.dataset.conversation === open) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

// Whoever reads the end stays at the end; whoever reads above stays there.
let place;
document.addEventListener("htmx:beforeSwap", (event) => {
  const box = thread();
  if (!event.detail.target || !box?.contains(event.detail.target)) return;
  place = {
    box,
    atEnd: box.scrollHeight - box.scrollTop - box.clientHeight < NEAR,
    fromEnd: box.scrollHeight - box.scrollTop,
    older: event.detail.target.id === "earlier",
    known: new Set([...box.children].map((child) => child.id)),
  };
});

/** Read out what the person has just written; a tick that changes is no news. */
function announce(known) {
  const fresh = [...thread().querySelectorAll(".bubble.in")].filter((bubble) => !known.has(bubble.id));
  if (fresh.length) document.getElementById("announcer").textContent = fresh.map((bubble) => bubble.innerText).join("\n");
}

document.addEventListener("htmx:afterSwap", (event) => {
  const box = thread();
  // Going back in the history swaps the whole page, without a target.
  const target = event.detail.target?.id;
  if (place?.box === box && place.older) box.scrollTop = box.scrollHeight - place.fromEnd;
  else if (place?.box === box && place.atEnd) toEnd();
  if (place?.box === box && !place.older) announce(place.known);
  place = undefined;
  const days = new Set();
  for (const day of document.querySelectorAll("#messages > .day")) {
    if (days.has(day.id)) day.remove();
    days.add(day.id);
  }
  mark();
  // The address names what is seen, so that reloading shows it again.
  const query = document.getElementById("list")?.dataset.query;
  if (query && target === "list") history.replaceState(history.state, "", location.pathname + query);
  if (target === "workspace" && !wide.matches) document.getElementById("thread-title")?.focus();
});

// A conversation opens at its latest message.
document.addEventListener("htmx:load", (event) => event.target.querySelector?.("#messages") && toEnd());
addEventListener("load", toEnd);
document.fonts.ready.then(toEnd);

// Up and down walk through the list; Enter opens, as on any link; Escape leaves the composer for the list.
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const place = ways().indexOf(event.target.closest?.("#rows a"));
  // By the keys' places: an Arabic keyboard writes other letters there. With Shift rows are chosen (picking.js).
  const step = event.shiftKey ? 0 : { ArrowDown: 1, KeyJ: 1, ArrowUp: -1, KeyK: -1 }[event.code];
  if (place >= 0 && step) {
    event.preventDefault();
    ways()[place + step]?.focus();
  } else if (event.key === "Escape" && event.target.id === "reply-text") {
    document.querySelector("#rows a[aria-current]")?.focus();
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard?.writeText(button.dataset.copy);
  const said = button.querySelector("[data-copied]");
  said.hidden = false;
  setTimeout(() => (said.hidden = true), 2_000);
});

// The closing message that fits the outcome is offered, until somebody writes one of their own.
document.addEventListener("change", (event) => {
  const field = document.getElementById(event.target.dataset?.readyWords);
  if (!field) return;
  const ready = [...field.form.querySelectorAll("[data-outcome-words]")];
  const words = (template) => template.content.textContent;
  if (field.value && !ready.some((template) => words(template) === field.value)) return;
  const fitting = ready.find((template) => template.dataset.outcomeWords === event.target.value);
  field.value = fitting ? words(fitting) : "";
});

// What is saved as a file is the list as it stands, also after its filters changed.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-export]");
  const query = document.getElementById("list")?.dataset.query;
  if (link && query) link.href = link.dataset.export + query;
});
