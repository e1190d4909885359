// A voice message: its waveform, which is also how one moves within it.

import { button, make } from "./make.js";
import { icon } from "./icons.js";
import { spoken, word } from "./words.js";

const BARS = 34;
let playing = null;

function bars(heights) {
  return heights.map((height, bar) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const size = 3 + height * 23;
    for (const [name, value] of Object.entries({
      x: bar * 6, y: 14 - size / 2, width: 3, height: size, rx: 1.5,
    })) rect.setAttribute(name, value);
    return rect;
  });
}

// How long a sound is, and its loudness in as many steps as there are bars.
async function measured(file) {
  try {
    const sound = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(await file.arrayBuffer());
    const samples = sound.getChannelData(0);
    const step = Math.max(1, Math.floor(samples.length / BARS));
    const peaks = Array.from({ length: BARS }, (_, bar) => {
      let peak = 0;
      for (let at = bar * step; at < (bar + 1) * step; at += 16) peak = Math.max(peak, Math.abs(samples[at] ?? 0));
      return peak;
    });
    const most = Math.max(...peaks, 0.01);
    return { seconds: sound.duration, heights: peaks.map((peak) => peak / most) };
  } catch {
    // A kind of sound that can perhaps be played all the same.
    return { seconds: 0, heights: null };
  }
}

const whenSeen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    whenSeen.unobserve(target);
    target.dispatchEvent(new Event("seen"));
  }
});

export function player(address) {
  const sound = new Audio();
  sound.preload = "metadata";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${BARS * 6 - 3} 28`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(...bars(Array.from({ length: BARS }, (_, bar) => 0.1 + (((bar * 7919) % 23) / 30))));
  const toggle = button("play", icon("play"));
  const place = document.createElement("input");
  Object.assign(place, { type: "range", min: 0, max: 1000, value: 0, step: 10 });
  place.setAttribute("aria-label", word("voice_position"));
  const clock = make("time", "", "0:00");
  const speed = button("speed", "1×");
  speed.setAttribute("aria-label", word("voice_speed"));
  const box = make("div", "voice", toggle, make("div", "wave", svg, place), clock, speed, make("span", "unseen", word("voice_of")));

  let seconds = 0;
  const show = () => {
    const length = Number.isFinite(sound.duration) ? sound.duration : seconds;
    const share = length ? sound.currentTime / length : 0;
    place.value = Math.round(share * 1000);
    place.setAttribute("aria-valuetext", spoken(sound.currentTime));
    [...svg.children].forEach((bar, at) => bar.classList.toggle("heard", at / BARS < share));
    clock.textContent = spoken(sound.paused && !sound.currentTime ? length : sound.currentTime);
    toggle.replaceChildren(icon(sound.paused ? "play" : "pause"));
    toggle.setAttribute("aria-label", word(sound.paused ? "play" : "pause"));
  };
  toggle.addEventListener("click", () => {
    if (!sound.paused) return sound.pause();
    if (playing !== sound) playing?.pause();
    playing = sound;
    return sound.play().catch(() => {});
  });
  place.addEventListener("input", () => {
    const length = Number.isFinite(sound.duration) ? sound.duration : seconds;
    sound.currentTime = (place.value / 1000) * length;
    show();
  });
  speed.addEventListener("click", () => {
    sound.playbackRate = { 1: 1.5, 1.5: 2, 2: 1 }[sound.playbackRate];
    speed.textContent = `${sound.playbackRate}×`;
  });
  for (const news of ["play", "pause", "timeupdate", "loadedmetadata", "durationchange"]) {
    sound.addEventListener(news, show);
  }
  sound.addEventListener("ended", () => {
    sound.currentTime = 0;
    show();
  });
  const fail = () => {
    toggle.disabled = true;
    place.disabled = true;
    box.classList.add("gone");
    clock.textContent = word("media_gone");
  };
  sound.addEventListener("error", fail);
  show();
  box.addEventListener("seen", async () => {
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok) return fail();
    const file = await answer.blob();
    const measure = await measured(file);
    ({ seconds } = measure);
    if (measure.heights) svg.replaceChildren(...bars(measure.heights));
    // Kept here as a whole, so that one can move within it.
    sound.src = URL.createObjectURL(file);
    return show();
  });
  whenSeen.observe(box);
  return box;
}
