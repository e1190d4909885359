// WhatsApp's formatting: *bold*, _italic_, ~strike~, `code`, ```block```, lists, quotes and links.

const MARK = /```([\s\S]+?)```|`([^`\n]+)`|(?<![\p{L}\p{N}])([*_~])(?=\S)([^\n]+?)(?<=\S)\3(?![\p{L}\p{N}])|(https?:\/\/[^\s<>«»]+[^\s<>«».,;:!?،؛؟)\]])/gu;
const TAGS = { "*": "strong", "_": "em", "~": "s" };
const RTL = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
const STRONG_LETTER = /[\p{L}]/u;

export function directionOf(text) {
  const letter = text.match(STRONG_LETTER)?.[0];
  if (!letter) return document.documentElement.dir;
  return RTL.test(letter) ? "rtl" : "ltr";
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function link(address) {
  const made = element("a", address);
  made.href = address;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  made.dir = "ltr";
  return made;
}

function spans(text) {
  const made = document.createDocumentFragment();
  let done = 0;
  for (const match of text.matchAll(MARK)) {
    made.append(text.slice(done, match.index));
    done = match.index + match[0].length;
    const [, block, code, mark, marked, address] = match;
    if (block !== undefined) made.append(element("code", block));
    else if (code !== undefined) made.append(element("code", code));
    else if (address !== undefined) made.append(link(address));
    else {
      const span = document.createElement(TAGS[mark]);
      span.append(spans(marked));
      // Arabic has no italic: it is set apart by weight instead.
      if (mark === "_" && RTL.test(marked)) span.className = "upright";
      made.append(span);
    }
  }
  made.append(text.slice(done));
  return made;
}

// The same text on one line and without its marks.
export function plain(text) {
  return [...formatted(text).children].map((row) => row.textContent).join(" ");
}

export function formatted(text) {
  const made = document.createElement("div");
  made.className = "text";
  // A block of code may run over several lines; everything else ends with its line.
  for (const part of text.split(/(```[\s\S]+?```)/)) {
    if (part.startsWith("```")) {
      made.append(element("pre", part.slice(3, -3).replace(/^\n/, "")));
      continue;
    }
    const lines = part.replace(/^\n|\n$/g, part === text ? "$&" : "").split("\n");
    if (lines.length === 1 && !lines[0]) continue;
    for (const line of lines) {
      const quoted = line.match(/^> (.+)/)?.[1];
      const item = line.match(/^[-*•] (.+)/)?.[1];
      const row = document.createElement("p");
      row.dir = directionOf(quoted ?? item ?? line);
      if (quoted) row.className = "cited";
      if (item) row.className = "item";
      row.append(line ? spans(quoted ?? item ?? line) : "\u00a0");
      made.append(row);
    }
  }
  return made;
}
