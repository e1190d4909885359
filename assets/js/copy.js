// Buttons that copy a text of the page; without a clipboard they stay hidden.
const SHOWN = 2_000;

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.querySelector("[data-said]");
  // Buttons of messages and numbers carry their text (inbox.js).
  if (!label) return;
  const words = label.textContent;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  } catch {
    return;
  }
  label.textContent = label.dataset.said;
  document.getElementById("announcer").textContent = label.dataset.said;
  setTimeout(() => {
    label.textContent = words;
  }, SHOWN);
});
