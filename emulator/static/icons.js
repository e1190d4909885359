// The page's few icons, drawn on a grid of 24.

const PATHS = {
  sent: ["M5 12.5l4.5 4.5L19 7.5"],
  delivered: ["M2 12.5l4.5 4.5 9-9.5", "M10 15.5l1.5 1.5L21 7.5"],
  waiting: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 7v5l3 2"],
  failed: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 7.5v5M12 16v.5"],
  send: ["M4.5 4.5l16 7.5-16 7.5 2.5-7.5z", "M7 12h6"],
  attach: ["M12 5v14M5 12h14"],
  more: ["M12 5.5v.010M12 12v.010M12 18.5v.01"],
  close: ["M6 6l12 12M18 6L6 18"],
  reply: ["M9 14L4 9l5-5", "M4 9h10a6 6 0 0 1 6 6v4"],
  list: ["M9 6h11M9 12h11M9 18h11M5 6v.010M5 12v.010M5 18v.01"],
  link: ["M10 14L20 4M14 4h6v6", "M18 14v4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2h4"],
  place: ["M12 21s-7-6.5-7-11.5a7 7 0 0 1 14 0C19 14.5 12 21 12 21z", "M12 7.5a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6z"],
  photo: ["M4 6h16v13H4z", "M4 16l5-5 5 5 2-2 4 4", "M15.5 9.5v.01"],
  voice: ["M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z", "M5 11a7 7 0 0 0 14 0M12 18v3"],
  poll: ["M5 20V10M12 20V4M19 20v-7"],
  play: ["M7 5l12 7-12 7z"],
  file: ["M6 3h8l4 4v14H6z", "M14 3v4h4"],
  person: ["M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M4 20a8 8 0 0 1 16 0"],
  form: ["M5 4h14v16H5z", "M8 9h8M8 13h8M8 17h4"],
};
PATHS.read = PATHS.delivered;
const TURNED_IN_ARABIC = new Set(["reply", "send", "list"]);

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", TURNED_IN_ARABIC.has(name) ? "icon turned" : "icon");
  for (const d of PATHS[name]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
