// Of a row of tabs that is wider than the screen, the present one is seen.
function show() {
  for (const tab of document.querySelectorAll(".tabs > [aria-current]")) {
    const row = tab.parentElement;
    const [its, own] = [tab.getBoundingClientRect(), row.getBoundingClientRect()];
    if (its.left < own.left || its.right > own.right) row.scrollLeft += its.left + its.width / 2 - own.left - own.width / 2;
  }
}

show();
document.addEventListener("htmx:afterSettle", show);
