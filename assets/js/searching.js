// The field of a list's search: a stroke leads to it, and its hint is never cut off.
const field = () => document.getElementById("search");
const brush = document.createElement("canvas").getContext("2d");
let whole;

/** What can be searched for, where there is room to say it; else that one can search. */
function fit() {
  const search = field();
  if (!search?.dataset.short || !search.clientWidth) return;
  whole ??= search.placeholder;
  const style = getComputedStyle(search);
  brush.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const room = search.clientWidth - parseFloat(style.paddingInlineStart) - parseFloat(style.paddingInlineEnd);
  search.placeholder = brush.measureText(whole).width > room ? search.dataset.short : whole;
}
addEventListener("resize", fit);
document.fonts.ready.then(fit);

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.closest?.("input, textarea, select")) return;
  const search = document.querySelector("input[type=search]");
  if (!search?.offsetParent) return;
  event.preventDefault();
  search.focus();
});
