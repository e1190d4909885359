// One message as a bubble.

import { directionOf, formatted, plain } from "./format.js";
import { icon } from "./icons.js";
import { time, word } from "./words.js";

export function make(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const business = document.querySelector("[data-business]").textContent;
export const writerOf = (message) => (message.mine ? word("you") : business);

const KIND_WORDS = {
  image: "photo_of", video: "video_of", audio: "voice_of", document: "file_of",
  sticker: "sticker_of", location: "location_of", contacts: "contact_of",
  unsupported: "unsupported_of", template: "template_of", reaction: "reaction_of",
};

// What a message says in one line, for quotes.
export function summary(content) {
  const kind = content.type ?? "text";
  if (kind === "text") return plain(content.text.body);
  if (kind === "interactive") {
    const { interactive } = content;
    const chosen = interactive.list_reply ?? interactive.button_reply;
    if (chosen) return chosen.title;
    return interactive.nfm_reply ? word("form_of") : plain(interactive.body.text);
  }
  return content[kind]?.caption || content[kind]?.name || word(KIND_WORDS[kind] ?? "unsupported_of");
}

function picture(file, alt, height) {
  const image = make("img", "picture");
  // The size is known before the file comes, so that the chat does not jump.
  Object.assign(image, { width: 320, height });
  image.src = `/static/${file}`;
  image.alt = alt;
  return image;
}

function wave() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 186 28");
  svg.setAttribute("aria-hidden", "true");
  for (let bar = 0; bar < 31; bar += 1) {
    const height = 4 + ((bar * 7919) % 23);
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({
      x: bar * 6, y: 14 - height / 2, width: 3, height, rx: 1.5,
    })) rect.setAttribute(name, value);
    svg.append(rect);
  }
  return svg;
}

function described(iconName, title, note) {
  return make("div", "thing", icon(iconName), make("div", "", make("b", "", title), note ? make("small", "", note) : null));
}

function heading(text) {
  const made = make("p", "heading", text);
  made.dir = "auto";
  return made;
}

function foot(text) {
  const made = make("p", "foot", text);
  made.dir = "auto";
  return made;
}

function media(kind, part) {
  const file = {
    image: () => picture("photo.svg", word("photo_alt"), 146),
    video: () => described("play", word("video_of")),
    audio: () => make("div", "voice", icon("play"), wave(), make("span", "", "0:14"), make("span", "unseen", word("voice_of"))),
    document: () => described("file", part.filename ?? word("file_of")),
    sticker: () => described("photo", word("sticker_of")),
  }[kind]();
  return part.caption ? [file, formatted(part.caption)] : [file];
}

function interactiveParts(interactive) {
  const { header, body, footer } = interactive;
  const parts = [];
  if (header?.type === "text") parts.push(heading(header.text));
  else if (header) parts.push(...media(header.type, header[header.type]));
  parts.push(formatted(body.text));
  if (footer) parts.push(foot(footer.text));
  return parts;
}

function contentParts(content) {
  const kind = content.type ?? "text";
  const part = content[kind];
  switch (kind) {
    case "text":
      return [formatted(part.body)];
    case "image": case "video": case "audio": case "document": case "sticker":
      return media(kind, part);
    case "location":
      return [picture("map.svg", word("map_alt"), 106), part.name ? heading(part.name) : null,
        formatted(part.address || `${part.latitude}, ${part.longitude}`)];
    case "contacts":
      return part.map((contact) => described("person", contact.name.formatted_name, contact.phones?.[0]?.phone));
    case "interactive":
      if (part.list_reply || part.button_reply) {
        const chosen = part.list_reply ?? part.button_reply;
        return [formatted(chosen.title), chosen.description ? foot(chosen.description) : null];
      }
      if (part.nfm_reply) return [described("form", word("form_of"))];
      return interactiveParts(part);
    case "unsupported":
      return [described("poll", word("poll_of"), word("unsupported_of"))];
    default:
      return [described("form", word(KIND_WORDS[kind] ?? "unsupported_of"))];
  }
}

function actionButton(iconName, label, data) {
  const button = make("button", "", iconName ? icon(iconName) : null, label);
  button.type = "button";
  Object.assign(button.dataset, data);
  return button;
}

function actions({ interactive }) {
  switch (interactive?.type) {
    case "button":
      return interactive.action.buttons.map(({ reply }) =>
        actionButton("reply", reply.title, { action: "button", replyId: reply.id }));
    case "list":
      return [actionButton("list", interactive.action.button, { action: "list" })];
    case "cta_url": {
      const { display_text: label, url } = interactive.action.parameters;
      const address = make("a", "", icon("link"), label);
      Object.assign(address, { href: url, target: "_blank", rel: "noopener noreferrer" });
      return [address];
    }
    case "location_request_message":
      return [actionButton("place", word("share_location"), { action: "location" })];
    case "contact_request":
      return [actionButton("person", word("share_phone"), { action: "contact" })];
    case "flow":
      return [actionButton("form", interactive.action.parameters.flow_cta, { action: "flow" })];
    default:
      return [];
  }
}

function quoteOf(message, findMessage) {
  const id = message.content.context?.id ?? message.content.context?.message_id;
  const quoted = id && findMessage(id);
  if (!quoted) return null;
  const text = make("span", "", summary(quoted.content));
  text.dir = "auto";
  const quote = make("button", "quote", make("b", "", writerOf(quoted)), text);
  quote.type = "button";
  quote.dataset.jump = id;
  quote.title = word("jump");
  return quote;
}

export function showStatus(item, message) {
  item.dataset.status = message.status;
  const place = item.querySelector("[data-tick]");
  place.replaceChildren(make("span", "unseen", word(message.status)));
  if (message.mine) place.prepend(icon(message.status));
  place.className = `tick ${message.status}`;
}

export function showReaction(item, emoji) {
  item.querySelector(".reaction")?.remove();
  if (emoji) item.querySelector(".bubble").append(make("span", "reaction", emoji));
}

export function bubble(message, findMessage) {
  const stamp = make("time", "", time(message.at));
  stamp.dateTime = new Date(message.at * 1000).toISOString();
  const tick = make("span");
  tick.dataset.tick = "";
  const box = make("div", "bubble", quoteOf(message, findMessage), ...contentParts(message.content),
    make("footer", "", stamp, tick));
  const before = box.lastElementChild.previousElementSibling;
  const last = before?.matches(".text") ? before.lastElementChild : before;
  // The time stands in the last line when that line runs in the page's direction.
  if (last?.matches("p") && directionOf(last.textContent) === document.documentElement.dir) {
    last.classList.add("last");
    box.classList.add("snug");
  }
  const buttons = actions(message.content);
  if (buttons.length) box.append(make("div", "actions", ...buttons));
  const reply = make("button", "reply-to", icon("reply"));
  reply.type = "button";
  reply.dataset.replyTo = message.id;
  reply.setAttribute("aria-label", word("reply"));
  const item = make("li", message.mine ? "message mine" : "message", box, reply);
  item.dataset.messageId = message.id;
  item.dataset.direction = message.mine ? "in" : "out";
  item.dataset.kind = message.content.interactive?.type ?? message.content.type ?? "text";
  showStatus(item, message);
  if (message.reaction) showReaction(item, message.reaction);
  return item;
}
