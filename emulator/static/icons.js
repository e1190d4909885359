// The page's few icons, drawn on a grid of 24.

const PATHS = {
  sent: ["M5 12.5l4.5 4.5L19 7.5"],
  delivered: ["M2 12.5l4.5 4.5 9-9.5", "M10 15.5l1.5 1.5L21 7.5"],
  waiting: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 7v5l3 2"],
  failed: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M12 7.5v5M12 16v.5"],
  send: ["M4.5 4.5l16 7.5-16 7.5 2.5-7.5z", "M7 12h6"],
  attach: ["M20 11l-8.2 8.2a5 5 0 0 1-7-7L13.4 3.6a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4L15 6.8"],
  add: ["M12 5v14M5 12h14"],
  more: ["M12 5.5v.01M12 12v.01M12 18.5v.01"],
  down: ["M6 9.5l6 6 6-6"],
  close: ["M6 6l12 12M18 6L6 18"],
  reply: ["M9 14L4 9l5-5", "M4 9h10a6 6 0 0 1 6 6v4"],
  forward: ["M15 14l5-5-5-5", "M20 9H10a6 6 0 0 0-6 6v4"],
  forward_many: ["M11 14l5-5-5-5", "M16.5 4l5 5-5 5", "M16 9H9a6 6 0 0 0-6 6v4"],
  list: ["M9 6h11M9 12h11M9 18h11M5 6v.01M5 12v.01M5 18v.01"],
  link: ["M10 14L20 4M14 4h6v6", "M18 14v4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2h4"],
  place: ["M12 21s-7-6.5-7-11.5a7 7 0 0 1 14 0C19 14.5 12 21 12 21z", "M12 7.5a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6z"],
  image: ["M4 6h16v13H4z", "M4 16l5-5 5 5 2-2 4 4", "M15.5 9.5v.01"],
  video: ["M3.5 7h11v10h-11z", "M14.5 10.5l6-3v9l-6-3"],
  audio: ["M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z", "M5 11a7 7 0 0 0 14 0M12 18v3"],
  document: ["M6 3h8l4 4v14H6z", "M14 3v4h4"],
  sticker: ["M20 13V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h7z", "M20 13h-5a2 2 0 0 0-2 2v5"],
  poll: ["M5 20V10M12 20V4M19 20v-7"],
  contacts: ["M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M4 20a8 8 0 0 1 16 0"],
  form: ["M5 4h14v16H5z", "M8 9h8M8 13h8M8 17h4"],
  play: ["M7 5l12 7-12 7z"],
  pause: ["M8 5v14M16 5v14"],
  save: ["M12 4v11M7 10.5l5 5 5-5M5 20h14"],
  copy: ["M9 9h11v11H9z", "M5 15H4V4h11v1"],
  edit: ["M4 20l1-4L16.5 4.5l3 3L8 19z", "M14 7l3 3"],
  bin: ["M4 7h16M9 7V4h6v3M6.5 7l1 13h9l1-13"],
  none: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M5.7 5.7l12.6 12.6"],
  smile: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z", "M8.5 14a4.2 4.2 0 0 0 7 0M9 9.5v.01M15 9.5v.01"],
  phone: ["M5 4h4l1.5 5-2.5 1.5a11 11 0 0 0 5.5 5.5l1.5-2.5 5 1.5v4a1.5 1.5 0 0 1-1.5 1.5A16 16 0 0 1 3.5 5.5 1.5 1.5 0 0 1 5 4z"],
  swap: ["M4 8h14M14 4l4 4-4 4", "M20 16H6M10 12l-4 4 4 4"],
  eye: ["M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z", "M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z"],
  bell: ["M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15z", "M10 21h4"],
  bell_off: ["M6 16V11a6 6 0 0 1 9-5.2M18 11v5l1.5 2h-15", "M10 21h4M4 4l16 16"],
  controls: ["M5 7h9M18 7h1M5 17h1M10 17h9", "M16 5a2 2 0 1 0 0 4 2 2 0 0 0 0-4z", "M8 15a2 2 0 1 0 0 4 2 2 0 0 0 0-4z"],
};
PATHS.read = PATHS.delivered;
PATHS.played = PATHS.delivered;
const TURNED_IN_ARABIC = new Set(["reply", "send", "list", "forward", "forward_many"]);

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
