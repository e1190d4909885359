// What the messages of a conversation do: pictures open large, sounds and videos play, quotes lead to their message.
import htmx from "htmx.org/dist/htmx.esm.js";

const viewer = () => document.getElementById("viewer");
const pictures = () => [...document.querySelectorAll("#messages [data-viewer]")];
// The address of the picture that is shown: its message may be drawn anew meanwhile.
let shown;
const place = (all) => all.findIndex((link) => link.href === shown);

function show(link) {
  const box = viewer();
  const all = pictures();
  const image = box.querySelector("[data-image]");
  shown = link.href;
  image.src = link.href;
  image.alt = link.querySelector("img").alt;
  box.querySelector("[data-caption]").textContent = link.dataset.caption;
  box.querySelector("[data-save]").href = `${link.href}?download`;
  box.querySelector("[data-place]").textContent = all.length > 1 ? `${place(all) + 1} / ${all.length}` : "";
  for (const button of box.querySelectorAll("[data-step]")) {
    button.disabled = !all[place(all) + Number(button.dataset.step)];
  }
  if (!box.open) box.showModal();
}

function step(by) {
  const all = pictures();
  const next = all[place(all) + by];
  if (next) show(next);
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("[data-viewer]");
  if (link) {
    event.preventDefault();
    show(link);
    return;
  }
  const box = event.target.closest("#viewer");
  if (!box) return;
  const button = event.target.closest("[data-step]");
  if (button) step(Number(button.dataset.step));
  else if (event.target.closest("[data-close]") || event.target.matches("#viewer, figure")) box.close();
});

document.addEventListener("keydown", (event) => {
  if (!viewer()?.open) return;
  const onward = document.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") step(event.key === onward ? 1 : -1);
  // Only the viewer closes, not what lies under it.
  if (event.key === "Escape") event.stopPropagation();
});

document.addEventListener(
  "close",
  (event) => {
    if (event.target.id !== "viewer") return;
    event.target.querySelector("[data-image]").removeAttribute("src");
    pictures()[place(pictures())]?.focus();
  },
  true,
);

// Players: the browser's own controls are replaced by ours, which fit the bubble.
const SPEEDS = [1, 1.5, 2];
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function equip(player) {
  const sound = player.querySelector("audio, video");
  const bar = player.querySelector(".player-bar");
  const [play, seek, time, speed] = ["play", "seek", "time", "speed"].map((name) => bar.querySelector(`[data-${name}]`));
  const [playing, paused] = ["playing", "paused"].map((name) => play.querySelector(`[data-when=${name}]`));
  const words = [play.getAttribute("aria-label"), play.dataset.pause];
  const lengthKnown = () => Number.isFinite(sound.duration);
  player.classList.add("is-ready");
  sound.removeAttribute("controls");
  bar.hidden = false;

  const draw = () => {
    playing.hidden = sound.paused;
    paused.hidden = !sound.paused;
    play.setAttribute("aria-label", words[sound.paused ? 0 : 1]);
    if (lengthKnown()) {
      seek.value = Math.round((sound.currentTime / sound.duration) * 1000);
      time.textContent = clock(sound.currentTime || !sound.paused ? sound.currentTime : sound.duration);
      seek.setAttribute("aria-valuetext", `${clock(sound.currentTime)} / ${clock(sound.duration)}`);
    }
  };
  for (const name of ["play", "pause", "timeupdate", "loadedmetadata", "durationchange", "ended"]) {
    sound.addEventListener(name, draw);
  }
  // Only one speaks at a time.
  sound.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio, video")) if (other !== sound) other.pause();
  });
  play.addEventListener("click", () => (sound.paused ? sound.play() : sound.pause()));
  seek.addEventListener("input", () => {
    if (lengthKnown()) sound.currentTime = (seek.value / 1000) * sound.duration;
  });
  speed.addEventListener("click", () => {
    const next = SPEEDS[(SPEEDS.indexOf(sound.playbackRate) + 1) % SPEEDS.length];
    sound.playbackRate = next;
    speed.textContent = `${next}×`;
    speed.setAttribute("aria-label", speed.getAttribute("aria-label").replace(/[\d.]+×/, `${next}×`));
  });
  draw();
}

htmx.onLoad((element) => {
  for (const player of element.querySelectorAll?.("[data-player]:not(.is-ready)") ?? []) equip(player);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.quote[href]");
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target) return;
  event.preventDefault();
  target.scrollIntoView({ block: "center", behavior: "smooth" });
  target.focus({ preventScroll: true });
  target.classList.add("is-shown");
  target.addEventListener("animationend", () => target.classList.remove("is-shown"), { once: true });
});

// Lines that are ready to be sent go where one writes, behind what stands there already.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-ready-line]");
  const field = document.getElementById("reply-text");
  if (!button || !field || field.disabled) return;
  field.value = [field.value.trimEnd(), button.dataset.readyLine].filter(Boolean).join("\n");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
});

// Reactions: a small bar of emoji at the message; ours again takes it back.
function closeBars() {
  for (const bar of document.querySelectorAll("article > .emoji-bar")) bar.remove();
  for (const button of document.querySelectorAll("[data-react][aria-expanded=true]")) button.setAttribute("aria-expanded", "false");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-react]");
  const emoji = event.target.closest("[data-emoji]");
  const isOpen = button?.getAttribute("aria-expanded") === "true";
  const article = (button ?? emoji)?.closest("article");
  if (emoji) {
    const values = { emoji: emoji.dataset.emoji, csrfmiddlewaretoken: document.querySelector("#composer [name=csrfmiddlewaretoken]").value };
    const address = article.querySelector("[data-react]").dataset.react;
    htmx.ajax("POST", address, { source: article, target: article, swap: "outerHTML", values });
  }
  closeBars();
  if (!button || isOpen) return;
  const bar = document.getElementById("emoji-bar").content.firstElementChild.cloneNode(true);
  bar.querySelector("[data-emoji='']").hidden = !button.dataset.ours;
  bar.querySelector(`[data-emoji="${button.dataset.ours || "none"}"]`)?.setAttribute("aria-pressed", "true");
  button.setAttribute("aria-expanded", "true");
  article.append(bar);
  bar.scrollIntoView({ block: "nearest" });
  bar.querySelector("button").focus({ preventScroll: true });
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const bar = document.querySelector("article > .emoji-bar");
  if (!bar) return;
  const article = bar.closest("article");
  closeBars();
  article.querySelector("[data-react]").focus();
});

// On a phone a tap on a message shows what can be done with it.
document.addEventListener("click", (event) => {
  const article = event.target.closest("article.bubble");
  for (const picked of document.querySelectorAll("article.is-picked")) if (picked !== article) picked.classList.remove("is-picked");
  if (article && !event.target.closest("a, button, summary, input, video, audio")) article.classList.toggle("is-picked");
});
