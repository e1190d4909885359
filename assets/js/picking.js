// Choosing several rows of a list, or all that its filters let through, and doing one thing with them.
import htmx from "htmx.org/dist/htmx.esm.js";

const TEN = 10;
const form = () => document.getElementById("bulk");
const list = () => document.getElementById("list");
const picks = () => [...document.querySelectorAll("#rows .pick")];
const isPicking = () => Boolean(list()?.classList.contains("is-picking"));
const takesAll = () => form()?.querySelector("[data-all]");

/** How many rows the current view holds: it stands on its tab. */
const matching = () => document.querySelector("#views [aria-current] span")?.textContent ?? "";

/** The next ten that can be chosen: below the last chosen one, then those left out above it. */
function nextTen() {
  const all = picks();
  const from = all.findLastIndex((pick) => pick.checked) + 1;
  return [...all.slice(from), ...all.slice(0, from)].filter((pick) => !pick.checked).slice(0, TEN);
}

function show() {
  const bulk = form();
  if (!bulk) return;
  const all = takesAll();
  const count = picks().filter((pick) => pick.checked).length;
  bulk.hidden = !isPicking();
  for (const pick of picks()) pick.tabIndex = isPicking() ? 0 : -1;
  document.querySelector("[data-pick]")?.setAttribute("aria-pressed", isPicking());
  bulk.querySelector("[data-count]").textContent = all.value ? matching() : count;
  // Told by the server, where it counts further than the tab does.
  const exact = bulk.querySelector("[data-matching]");
  if (exact) {
    if (!all.value) exact.textContent = "";
    bulk.querySelector("[data-some]").hidden = Boolean(exact.textContent.trim());
  }
  bulk.querySelector("[data-pick-all]").hidden = Boolean(all.value);
  const ten = bulk.querySelector("[data-pick-ten]");
  ten.hidden = Boolean(all.value) || !nextTen().length;
  ten.querySelector("[data-first]").hidden = Boolean(count);
  ten.querySelector("[data-further]").hidden = !count;
  for (const page of document.querySelectorAll("[data-pick-page]")) {
    page.checked = Boolean(count) && count === picks().length;
    page.indeterminate = Boolean(count) && !page.checked;
  }
  bulk.classList.toggle("is-empty", !all.value && !count);
  for (const action of bulk.querySelectorAll("[name=do]")) action.disabled = !all.value && !count;
  const query = bulk.querySelector("[data-list-query]");
  if (query) query.value = (list().dataset.query ?? "").replace(/^\?/, "");
}

/** These rows are chosen, or not: by name, so no longer all that match. */
function choose(chosen, isChosen) {
  for (const pick of chosen) pick.checked = isChosen;
  list().classList.add("is-picking");
  takesAll().value = "";
  show();
}

function stop() {
  for (const pick of picks()) pick.checked = false;
  if (form()) takesAll().value = "";
  list()?.classList.remove("is-picking");
  show();
}

// A list that is fetched anew keeps what was chosen in it.
let kept = new Set();
document.addEventListener("htmx:beforeSwap", () => {
  kept = isPicking() ? new Set(picks().filter((pick) => pick.checked).map((pick) => pick.value)) : undefined;
});
document.addEventListener("htmx:afterSettle", () => {
  if (!kept || !list()) return;
  list().classList.add("is-picking");
  const all = takesAll()?.value;
  for (const pick of picks()) pick.checked = kept.has(pick.value) || Boolean(all);
  show();
});

// What matches is told anew with the list, and shown once it is known.
document.addEventListener("htmx:afterSettle", (event) => {
  if (!form()?.querySelector("[data-matching]") || !takesAll().value) return;
  if (list()?.contains(event.target)) htmx.trigger(form().querySelector("[data-pick-all]"), "matching");
  else if (event.target.matches("[data-matching]")) show();
});

document.addEventListener("click", (event) => {
  const page = event.target.closest("[data-pick-page]");
  if (event.target.closest("[data-pick]")) {
    if (isPicking()) stop();
    else list().classList.add("is-picking");
    show();
  } else if (event.target.closest("[data-unpick]")) {
    stop();
    document.querySelector("[data-pick]")?.focus();
  } else if (event.target.closest("[data-pick-all]")) {
    takesAll().value = "1";
    for (const pick of picks()) pick.checked = true;
    show();
  } else if (event.target.closest("[data-pick-ten]")) {
    choose(nextTen(), true);
  } else if (page) {
    choose(picks(), page.checked);
  }
});

let last;
document.addEventListener("click", (event) => {
  const pick = event.target.closest(".pick");
  if (!pick) return;
  // With Shift, all between this one and the last.
  const ends = event.shiftKey && last?.isConnected ? [picks().indexOf(last), picks().indexOf(pick)] : [];
  ends.sort((a, b) => a - b);
  choose(ends.length ? picks().slice(ends[0], ends[1] + 1) : [], pick.checked);
  last = pick;
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt !== form() || !event.detail.successful) return;
  for (const menu of form().querySelectorAll("details[open]")) menu.open = false;
  form().reset();
  // What was done with them is done: what is swapped in with the answer keeps none of them chosen.
  kept = undefined;
  stop();
});

// By the keys' places: on an Arabic keyboard X writes ء.
const STEPS = { ArrowDown: 1, KeyJ: 1, ArrowUp: -1, KeyK: -1 };

/** The row's link has the focus: Shift and an arrow choose the next row as well, or give this one back. */
function walk(pick, step) {
  const to = picks()[picks().indexOf(pick) + step];
  if (!to) return choose([pick], true);
  choose([pick], !(pick.checked && to.checked));
  choose([to], true);
  last = to;
  to.closest("[data-row]").querySelector("a").focus();
}

// x chooses the row that has the focus.
document.addEventListener("keydown", (event) => {
  const pick = event.target.closest?.("[data-row]")?.querySelector(".pick");
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (pick && isPlain && event.code === "KeyX") {
    event.preventDefault();
    pick.click();
  } else if (pick && isPlain && event.shiftKey && STEPS[event.code]) {
    event.preventDefault();
    walk(pick, STEPS[event.code]);
  } else if (event.key === "Escape" && isPicking() && event.target.closest("#list, #bulk")) {
    stop();
  }
});
