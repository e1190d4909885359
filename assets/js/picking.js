// Choosing several rows of a list, or all that its filters let through, and doing one thing with them.
import htmx from "htmx.org/dist/htmx.esm.js";

const form = () => document.getElementById("bulk");
const list = () => document.getElementById("list");
const picks = () => [...document.querySelectorAll("#rows .pick")];

/** How many rows the current view holds: it stands on its tab. */
const matching = () => document.querySelector("#views [aria-current] span")?.textContent ?? "";

function show() {
  const bulk = form();
  if (!bulk) return;
  const isPicking = list().classList.contains("is-picking");
  const all = bulk.querySelector("[data-all]");
  const count = picks().filter((pick) => pick.checked).length;
  bulk.hidden = !isPicking;
  for (const pick of picks()) pick.tabIndex = isPicking ? 0 : -1;
  document.querySelector("[data-pick]")?.setAttribute("aria-pressed", isPicking);
  bulk.querySelector("[data-count]").textContent = all.value ? matching() : count;
  // Told by the server, where it counts further than the tab does.
  const exact = bulk.querySelector("[data-matching]");
  if (exact) {
    if (!all.value) exact.textContent = "";
    bulk.querySelector("[data-some]").hidden = Boolean(exact.textContent.trim());
  }
  bulk.querySelector("[data-pick-all]").hidden = Boolean(all.value);
  bulk.classList.toggle("is-empty", !all.value && !count);
  for (const action of bulk.querySelectorAll("[name=do]")) action.disabled = !all.value && !count;
  const query = bulk.querySelector("[data-list-query]");
  if (query) query.value = (list().dataset.query ?? "").replace(/^\?/, "");
}

function stop() {
  for (const pick of picks()) pick.checked = false;
  if (form()) form().querySelector("[data-all]").value = "";
  list()?.classList.remove("is-picking");
  show();
}

// A list that is fetched anew keeps what was chosen in it.
let kept = new Set();
document.addEventListener("htmx:beforeSwap", () => {
  kept = list()?.classList.contains("is-picking")
    ? new Set(picks().filter((pick) => pick.checked).map((pick) => pick.value))
    : undefined;
});
document.addEventListener("htmx:afterSettle", () => {
  if (!kept || !list()) return;
  list().classList.add("is-picking");
  const all = form()?.querySelector("[data-all]").value;
  for (const pick of picks()) pick.checked = kept.has(pick.value) || Boolean(all);
  show();
});

// What matches is told anew with the list, and shown once it is known.
document.addEventListener("htmx:afterSettle", (event) => {
  if (!form()?.querySelector("[data-matching]") || !form().querySelector("[data-all]").value) return;
  if (list()?.contains(event.target)) htmx.trigger(form().querySelector("[data-pick-all]"), "matching");
  else if (event.target.matches("[data-matching]")) show();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-pick]")) {
    if (list().classList.contains("is-picking")) stop();
    else list().classList.add("is-picking");
    show();
  } else if (event.target.closest("[data-unpick]")) {
    stop();
    document.querySelector("[data-pick]")?.focus();
  } else if (event.target.closest("[data-pick-all]")) {
    form().querySelector("[data-all]").value = "1";
    for (const pick of picks()) pick.checked = true;
    show();
  }
});

let last;
document.addEventListener("click", (event) => {
  const pick = event.target.closest(".pick");
  if (!pick) return;
  // With Shift, all between this one and the last.
  if (event.shiftKey && last?.isConnected) {
    const [from, to] = [picks().indexOf(last), picks().indexOf(pick)].sort((a, b) => a - b);
    for (const between of picks().slice(from, to + 1)) between.checked = pick.checked;
  }
  last = pick;
  list().classList.add("is-picking");
  form().querySelector("[data-all]").value = "";
  show();
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt !== form() || !event.detail.successful) return;
  for (const menu of form().querySelectorAll("details[open]")) menu.open = false;
  form().reset();
  // What was done with them is done: what is swapped in with the answer keeps none of them chosen.
  kept = undefined;
  stop();
});

// x chooses the row that has the focus.
document.addEventListener("keydown", (event) => {
  const pick = event.target.closest("[data-row]")?.querySelector(".pick");
  if (event.key === "x" && pick && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    pick.click();
  } else if (event.key === "Escape" && list()?.classList.contains("is-picking") && event.target.closest("#list, #bulk")) {
    stop();
  }
});
