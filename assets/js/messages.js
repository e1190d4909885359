// Wording an automatic message: what is filled in there is put where one writes.
let latest = null;

document.addEventListener("focusin", (event) => {
  if (event.target.closest(".wording-side .control")) latest = event.target;
});

document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-insert-words]");
  if (!chip) return;
  const side = chip.closest(".wording-side");
  const field = latest && side.contains(latest) ? latest : side.querySelector(".control");
  field.setRangeText(chip.dataset.insertWords, field.selectionStart, field.selectionEnd, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
});
