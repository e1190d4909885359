// A long list in a menu: what is written over it leaves only what fits, and Enter takes the first of it.
import { folded } from "./notes.js";

const entries = (menu) => [...menu.querySelectorAll("[data-sifted]")];

function sift(field) {
  const menu = field.closest("ul");
  const words = folded(field.value).split(" ").filter(Boolean);
  for (const entry of entries(menu)) {
    const text = folded(entry.textContent);
    entry.hidden = !words.every((word) => text.includes(word));
  }
  for (const head of menu.querySelectorAll("[data-sifted-head]")) {
    let next = head.nextElementSibling;
    while (next?.hidden && next.matches("[data-sifted]")) next = next.nextElementSibling;
    head.hidden = !next?.matches("[data-sifted]");
  }
}

document.addEventListener("input", (event) => event.target.matches?.("[data-sift]") && sift(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches?.("[data-sift]")) return;
  event.preventDefault();
  if (!event.target.value.trim()) return;
  entries(event.target.closest("ul")).find((entry) => !entry.hidden)?.querySelector("button:enabled")?.click();
});

// Where no keyboard slides over the list, one can write at once.
const typed = matchMedia("(hover: hover)");
const begin = (menu) => typed.matches && menu?.open && menu.querySelector("[data-sift]")?.focus();
document.addEventListener("toggle", (event) => begin(event.target), true);
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.querySelector?.("[data-sift]")) begin(event.target.closest("details"));
});
