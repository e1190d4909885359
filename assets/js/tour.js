// The tour of a member's first page: each step lights up what it speaks of; where that is not, it stands in the middle.
const tour = document.getElementById("tour");
const [GAP, EDGE, ROUND] = [14, 12, 6];

const steps = () => [...tour.querySelectorAll("[data-step]")];
const current = () => steps().findIndex((step) => !step.hidden);
const put = (element, rules) => {
  for (const [name, value] of Object.entries(rules)) element.style[name] = `${Math.round(value)}px`;
};
const within = (value, size, room) => Math.max(EDGE, Math.min(value, room - size - EDGE));

/** Where the thing is that a step speaks of, with some room around it; nothing where it is not seen. */
function place(name) {
  for (const target of document.querySelectorAll(`[data-tour="${name}"]`)) {
    if (!target.checkVisibility({ visibilityProperty: true })) continue;
    target.scrollIntoView({ block: "nearest", inline: "nearest" });
    const { left, top, right, bottom } = target.getBoundingClientRect();
    const box = {
      left: Math.max(left - ROUND, 2),
      top: Math.max(top - ROUND, 2),
      right: Math.min(right + ROUND, innerWidth - 2),
      bottom: Math.min(bottom + ROUND, innerHeight - 2),
    };
    if (right > left && bottom > top && box.right > box.left && box.bottom > box.top) return box;
  }
}

/** The card beside the light: under it, at its side, over it, wherever there is room. */
function beside(box, width, height) {
  const along = within(box.top, height, innerHeight);
  const across = within((box.left + box.right - width) / 2, width, innerWidth);
  const [under, over] = [box.bottom + GAP, box.top - GAP - height];
  const [before, after] = [box.left - GAP - width, box.right + GAP];
  const isLow = box.bottom - box.top < (box.right - box.left) / 2;
  if (isLow && under + height + EDGE <= innerHeight) return { left: across, top: under };
  if (before >= EDGE) return { left: before, top: along };
  if (after + width + EDGE <= innerWidth) return { left: after, top: along };
  if (over >= EDGE) return { left: across, top: over };
  return { left: across, top: within(under, height, innerHeight) };
}

function arrange() {
  if (!tour.open) return;
  const card = tour.querySelector(".tour-card");
  const box = place(steps()[current()].dataset.step);
  const { offsetWidth: width, offsetHeight: height } = card;
  tour.classList.toggle("is-pointing", Boolean(box));
  // Nothing to point at: the light goes out where the card stands.
  const { left, top, right, bottom } = box ?? { left: innerWidth / 2, top: innerHeight / 2, right: innerWidth / 2, bottom: innerHeight / 2 };
  put(tour.querySelector(".tour-light"), { left, top, width: right - left, height: bottom - top });
  put(card, box ? beside(box, width, height) : { left: (innerWidth - width) / 2, top: (innerHeight - height) / 2 });
}

function go(to) {
  steps().forEach((step, number) => (step.hidden = number !== to));
  tour.setAttribute("aria-labelledby", steps()[to].querySelector("h2").id);
  arrange();
  // What is focused is read out with its step: «1 of 3», its heading and its words.
  steps()[to].querySelector(".primary").focus({ preventScroll: true });
}

if (tour) {
  tour.showModal();
  go(0);
  document.fonts.ready.then(arrange);
  addEventListener("resize", arrange);
  tour.addEventListener("click", (event) => {
    const step = event.target.closest("[data-tour-step]");
    if (step) go(current() + Number(step.dataset.tourStep));
    if (event.target.closest("[data-tour-end]")) tour.close();
  });
  // Only the tour closes, not what lies under it.
  tour.addEventListener("keydown", (event) => event.key === "Escape" && event.stopPropagation());
  // Escape, skipped or gone through: it is not shown again.
  tour.addEventListener("close", () => {
    const form = tour.querySelector("form");
    fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true }).catch(() => {});
    tour.remove();
  });
}
