// "Use my position": puts where the browser is into the fields of its form. Without this file, or where the
// browser knows no position, there is no button, and the form goes without.
import htmx from "htmx.org/dist/htmx.esm.js";

const PATIENCE = 20_000;

htmx.onLoad((element) => {
  if (!navigator.geolocation) return;
  for (const part of element.querySelectorAll?.("[data-position]") ?? []) equip(part);
  if (element.matches?.("[data-position]")) equip(element);
});

function equip(part) {
  if (!part.hidden) return;
  part.hidden = false;
  const [latitude, longitude] = part.querySelectorAll("input");
  const button = part.querySelector("button");
  const status = part.querySelector("[role=status]");
  const say = (what) => {
    status.textContent = what ? status.dataset[what] : "";
    button.setAttribute("aria-pressed", String(what === "found"));
  };
  if (latitude.value && longitude.value) say("found");
  button.addEventListener("click", () => {
    if (latitude.value) {
      [latitude.value, longitude.value] = ["", ""];
      say("");
      return;
    }
    say("waiting");
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        [latitude.value, longitude.value] = [coords.latitude.toFixed(6), coords.longitude.toFixed(6)];
        say("found");
      },
      () => say("failed"),
      { enableHighAccuracy: true, timeout: PATIENCE, maximumAge: 60_000 },
    );
  });
}
