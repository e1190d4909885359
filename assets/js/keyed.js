// hx-swap="keyed": the target's children are brought in line with the fragment's, by their ids.
// What did not change is not touched: scroll position, focus, open forms and what was typed stay.
import htmx from "htmx.org/dist/htmx.esm.js";

// A child as the server wrote it: htmx and people change the living one.
const written = new WeakMap();
// Every form carries a token of its own, which says nothing about its content.
const TOKEN = /(name="csrfmiddlewaretoken" value=")[^"]*/g;
const spell = (element) => element.outerHTML.replace(TOKEN, "$1");

htmx.onLoad((element) => {
  const inside = element.parentNode?.querySelectorAll?.("[hx-swap=keyed]") ?? [];
  for (const target of [...inside, element.parentNode?.closest?.("[hx-swap=keyed]")]) {
    for (const child of target?.children ?? []) if (!written.has(child)) written.set(child, spell(child));
  }
});

/** Older rows that were fetched on top of the first page stay there when that is fetched anew. */
function kept(old, fresh, keep) {
  const rows = (list) => list.filter((child) => child.hasAttribute("data-row"));
  const present = new Set(fresh.map((child) => child.id));
  const edge = keep === "end" ? rows(fresh).at(-1) : rows(fresh)[0];
  const place = old.findIndex((child) => child.id === edge?.id);
  if (place < 0) return [];
  const beyond = keep === "end" ? old.slice(place + 1) : old.slice(0, place);
  const others = beyond.filter((child) => !child.hasAttribute("data-row") || !present.has(child.id));
  return rows(others).length ? others : [];
}

/** What somebody is listening to goes on: its player moves, all in one task, so that it never pauses. */
function keepPlaying(there, child) {
  // A sound that changes its document stops.
  document.adoptNode(child);
  for (const sound of there.querySelectorAll("audio, video")) {
    // By the attribute: what has no page yet resolves no address.
    const same = (player) => player.querySelector("audio, video")?.getAttribute("src") === sound.getAttribute("src");
    const place = [...child.querySelectorAll("[data-player]")].find(same);
    if (place && !sound.paused) place.replaceWith(sound.closest("[data-player]"));
  }
}

htmx.defineExtension("keyed", {
  isInlineSwap: (style) => style === "keyed",
  handleSwap(style, target, fragment) {
    if (style !== "keyed") return false;
    const source = fragment.querySelector(`#${CSS.escape(target.id)}`) ?? fragment;
    let fresh = [...source.children];
    const old = [...target.children];
    const keep = target.dataset.keep;
    const staying = keep ? kept(old, fresh, keep) : [];
    if (staying.length) {
      fresh = fresh.filter((child) => !child.hasAttribute("data-edge") && !staying.some((s) => s.id && s.id === child.id));
      fresh = keep === "end" ? [...fresh, ...staying] : [...staying, ...fresh];
    }
    for (const { name, value } of source.attributes ?? []) {
      if (name.startsWith("data-")) target.setAttribute(name, value);
    }
    const known = new Map(old.filter((child) => child.id).map((child) => [child.id, child]));
    const added = [];
    const wanted = fresh.map((child) => {
      if (staying.includes(child)) return child;
      const spelling = spell(child);
      const there = known.get(child.id);
      if (there && written.get(there) === spelling) return there;
      written.set(child, spelling);
      if (there) keepPlaying(there, child);
      added.push(child);
      return child;
    });
    for (const child of old) if (!wanted.includes(child)) child.remove();
    wanted.forEach((child, position) => {
      if (target.children[position] !== child) target.insertBefore(child, target.children[position] ?? null);
    });
    return added;
  },
});
