// A drawn map: no real streets, but the same place always looks the same, and near places adjoin.

import { icon } from "./icons.js";
import { make } from "./make.js";
import { word } from "./words.js";

const PIXELS_PER_DEGREE = 24_000;
const TILE = 480;

function show(map, { latitude, longitude }) {
  const turn = (degrees) => ((degrees * PIXELS_PER_DEGREE) % TILE + TILE) % TILE;
  map.style.backgroundPosition =
    `calc(50% - ${turn(longitude).toFixed(1)}px) calc(50% + ${turn(latitude).toFixed(1)}px)`;
}

export function showPlace(place) {
  const map = make("div", "map", icon("place"));
  map.setAttribute("role", "img");
  map.setAttribute("aria-label", word("map_alt"));
  show(map, place);
  return map;
}

// The same map to choose on: a tap puts the pin there, a drag moves the map under it, arrows too.
export function choosePlace(place, onMove) {
  const map = showPlace(place);
  const now = { ...place };
  map.classList.add("choosing");
  map.tabIndex = 0;
  map.setAttribute("autofocus", "");
  map.setAttribute("role", "application");
  map.setAttribute("aria-label", word("map_choose"));
  const move = (right, down) => {
    now.longitude = within(now.longitude + right / PIXELS_PER_DEGREE, 180);
    now.latitude = within(now.latitude - down / PIXELS_PER_DEGREE, 90);
    show(map, now);
    onMove(now);
  };
  let from = null;
  let dragged = false;
  map.addEventListener("pointerdown", (event) => {
    from = [event.clientX, event.clientY];
    dragged = false;
    map.setPointerCapture(event.pointerId);
  });
  map.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = from;
    if (!dragged && Math.hypot(event.clientX - x, event.clientY - y) < 4) return;
    dragged = true;
    move(x - event.clientX, y - event.clientY);
    from = [event.clientX, event.clientY];
  });
  map.addEventListener("pointerup", (event) => {
    if (from && !dragged) {
      const box = map.getBoundingClientRect();
      move(event.clientX - box.x - box.width / 2, event.clientY - box.y - box.height / 2);
    }
    from = null;
  });
  map.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-12, 0], ArrowRight: [12, 0], ArrowUp: [0, -12], ArrowDown: [0, 12] }[event.key];
    if (!step) return;
    event.preventDefault();
    move(...step);
  });
  return {
    map,
    set: (latitude, longitude) => {
      Object.assign(now, { latitude, longitude });
      show(map, now);
    },
  };
}

const within = (degrees, most) => Math.max(-most, Math.min(most, degrees));
