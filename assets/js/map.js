// Choosing a place on the region's map: by pointer or by keys; the fields under it say the same in numbers.
import htmx from "htmx.org/dist/htmx.esm.js";

const ZOOM = 1.8;
const NEAREST = 60;
// Names of small places appear when fewer units than these are seen.
const NEAR = 1200;

function equip(picker) {
  const svg = picker.querySelector("svg.map");
  if (!svg) return;
  const { west, north, stretch, units } = Object.fromEntries(
    Object.entries(svg.dataset).map(([name, value]) => [name, Number(value)]),
  );
  const whole = svg.viewBox.baseVal;
  const [fullWidth, fullHeight] = [whole.width, whole.height];
  const view = { x: 0, y: 0, width: fullWidth, height: fullHeight };
  const pin = svg.querySelector("[data-pin]");
  const [latitude, longitude] = ["latitude", "longitude"].map((name) => picker.querySelector(`[name=${name}]`));
  let at;

  const draw = () => {
    view.x = Math.min(Math.max(0, view.x), fullWidth - view.width);
    view.y = Math.min(Math.max(0, view.y), fullHeight - view.height);
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
    const pen = view.width / 320;
    svg.querySelector(".land").setAttribute("stroke-width", pen);
    svg.querySelector(".names").setAttribute("font-size", pen * 13);
    for (const dot of svg.querySelectorAll(".names circle")) dot.setAttribute("r", pen);
    svg.classList.toggle("is-near", view.width < NEAR);
    pin.toggleAttribute("hidden", !at);
    if (at) pin.setAttribute("transform", `translate(${at.x} ${at.y}) scale(${pen})`);
  };

  const zoom = (by) => {
    const middle = at ?? { x: view.x + view.width / 2, y: view.y + view.height / 2 };
    view.width = Math.min(fullWidth, Math.max(NEAREST, view.width / by));
    view.height = view.width * (fullHeight / fullWidth);
    [view.x, view.y] = [middle.x - view.width / 2, middle.y - view.height / 2];
    draw();
  };

  const write = () => {
    latitude.value = (north - at.y / units).toFixed(6);
    longitude.value = (west + at.x / units / stretch).toFixed(6);
    // Whoever says whose place it is listens for it; a change would move the map under the finger.
    picker.dispatchEvent(new CustomEvent("pinned", { bubbles: true }));
  };

  const read = () => {
    const [first, second] = `${latitude.value},${longitude.value}`.match(/-?\d+(\.\d+)?/g)?.map(Number) ?? [];
    const point = { x: (second - west) * stretch * units, y: (north - first) * units };
    const inside = point.x > 0 && point.y > 0 && point.x < fullWidth && point.y < fullHeight;
    at = inside ? point : undefined;
    if (at) [view.x, view.y] = [at.x - view.width / 2, at.y - view.height / 2];
    draw();
  };

  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const isFirst = !at;
    at = {
      x: view.x + ((event.clientX - box.left) / box.width) * view.width,
      y: view.y + ((event.clientY - box.top) / box.height) * view.height,
    };
    write();
    // One comes nearer to what one has chosen; then nothing moves under the finger any more.
    if (isFirst) zoom(ZOOM * ZOOM);
    else draw();
  });
  svg.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.25 : 0.8);
    },
    { passive: false },
  );
  picker.querySelector(".picker-map").addEventListener("keydown", (event) => {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (step) {
      event.preventDefault();
      at ??= { x: view.x + view.width / 2, y: view.y + view.height / 2 };
      at = { x: at.x + (step[0] * view.width) / 40, y: at.y + (step[1] * view.width) / 40 };
      const isOut = at.x < view.x || at.y < view.y || at.x > view.x + view.width || at.y > view.y + view.height;
      if (isOut) [view.x, view.y] = [at.x - view.width / 2, at.y - view.height / 2];
      write();
      draw();
    } else if (event.key === "+" || event.key === "=") zoom(ZOOM);
    else if (event.key === "-") zoom(1 / ZOOM);
  });
  for (const button of picker.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => zoom(button.dataset.zoom === "in" ? ZOOM : 1 / ZOOM));
  }
  const here = picker.querySelector("[data-here]");
  here.hidden = !navigator.geolocation;
  here.addEventListener("click", () =>
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      [latitude.value, longitude.value] = [coords.latitude.toFixed(6), coords.longitude.toFixed(6)];
      view.width = Math.min(view.width, NEAR / 2);
      view.height = view.width * (fullHeight / fullWidth);
      read();
    }),
  );
  for (const input of [latitude, longitude]) input.addEventListener("change", read);
  // What is known already is shown, from near by.
  read();
  if (at) zoom(ZOOM * ZOOM);
}

htmx.onLoad((element) => {
  for (const picker of element.querySelectorAll?.("[data-picker]") ?? []) equip(picker);
  if (element.matches?.("[data-picker]")) equip(element);
});
