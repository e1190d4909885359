// Loaded first, without waiting for the page: a page that was bright for a blink would hurt at night.
const root = document.documentElement;
const KEY = "bayan-theme";

const chosen = () => {
  try {
    return localStorage.getItem(KEY) ?? "auto";
  } catch {
    return "auto";
  }
};

const apply = (choice) => {
  if (choice === "auto") root.removeAttribute("data-bs-theme");
  else root.setAttribute("data-bs-theme", choice);
};

const mark = () => {
  for (const button of document.querySelectorAll("[data-theme]:not([role=option])")) {
    button.setAttribute("aria-pressed", String(button.dataset.theme === chosen()));
  }
  for (const button of document.querySelectorAll("[data-choose-digits]")) {
    button.setAttribute("aria-pressed", String(button.dataset.chooseDigits === digits()));
  }
};

// Digits of Arabic pages, as this member likes them: "latn" (123) or "arab" (١٢٣).
const DIGITS = "bayan-digits";
const digits = () => {
  try {
    return localStorage.getItem(DIGITS) ?? "latn";
  } catch {
    return "latn";
  }
};
const write = (choice) => root.setAttribute("data-digits", choice);

apply(chosen());
write(digits());
document.addEventListener("DOMContentLoaded", mark);
document.addEventListener("htmx:load", mark);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme]");
  if (!button) return;
  try {
    localStorage.setItem(KEY, button.dataset.theme);
  } catch {
    // A browser that keeps nothing: the choice holds for this page.
  }
  apply(button.dataset.theme);
  mark();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-choose-digits]");
  if (!button) return;
  try {
    localStorage.setItem(DIGITS, button.dataset.chooseDigits);
  } catch {
    // As above.
  }
  write(button.dataset.chooseDigits);
  mark();
});
