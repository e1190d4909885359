// One message as a bubble.

import { mediaAddress } from "./api.js";
import { directionOf } from "./format.js";
import { icon } from "./icons.js";
import { button, iconButton, make, own } from "./make.js";
import { actions, contentParts, kindOf, summary } from "./parts.js";
import { time, word } from "./words.js";

const business = document.body.dataset.business;
export const writerOf = (message) => (message.mine ? word("you") : business);

// A quote, a link to the message that it quotes; without an id it only shows.
export function quoteOf(quoted, { jump = true } = {}) {
  const made = jump ? button("quote") : make("div", "quote");
  const kind = kindOf(quoted.content);
  const words = make("span", "", iconOf(kind), quoted.revoked ? word("revoked") : summary(quoted.content));
  words.dir = "auto";
  made.append(make("span", "quoted", make("b", "", writerOf(quoted)), words));
  if ((kind === "image" || kind === "sticker") && quoted.content[kind].id && !quoted.revoked) {
    const thumb = make("img");
    Object.assign(thumb, { src: mediaAddress(quoted.content[kind].id), alt: "" });
    thumb.addEventListener("error", () => thumb.remove());
    made.append(thumb);
  }
  if (jump) {
    made.dataset.jump = quoted.id;
    made.title = word("jump");
  }
  return made;
}

const WITH_ICON = new Set(["image", "video", "audio", "document", "sticker", "contacts"]);
const iconOf = (kind) => {
  if (kind === "location") return icon("place");
  return WITH_ICON.has(kind) ? icon(kind) : null;
};

function quote(message, findMessage) {
  const id = message.content.context?.id ?? message.content.context?.message_id;
  const quoted = id && findMessage(id);
  return quoted ? quoteOf(quoted) : null;
}

function forwarded({ context }) {
  if (context?.frequently_forwarded) return make("p", "forwarded", icon("forward_many"), word("forwarded_many"));
  return context?.forwarded ? make("p", "forwarded", icon("forward"), word("forwarded")) : null;
}

function advertisement({ referral }) {
  if (!referral) return null;
  return make("div", "quote", make("span", "quoted", make("b", "", word("from_ad")), own("span", "", referral.headline ?? referral.source_url ?? "")));
}

export function showStatus(item, message) {
  item.dataset.status = message.status;
  const place = item.querySelector("[data-tick]");
  place.replaceChildren(make("span", "unseen", word(message.status)));
  if (message.mine && !message.revoked) place.prepend(icon(message.status));
  place.className = `tick ${message.status}`;
}

// The business's reaction and the person's own share one chip.
export function showReactions(item, message) {
  item.querySelector(".reaction")?.remove();
  const given = [message.reaction, message.ownReaction].filter(Boolean);
  if (!given.length || message.revoked) return;
  const chip = make("span", "reaction", ...new Set(given), given.length > 1 ? make("small", "", "2") : null);
  chip.setAttribute("aria-label", `${word("reaction_of")} ${given.join(" ")}`);
  chip.setAttribute("role", "img");
  item.querySelector(".bubble").append(chip);
}

// A line of the chat itself, such as a changed number.
export function line(message, text) {
  const item = make("li", "day system", text);
  item.dataset.messageId = message.id;
  item.dataset.kind = "system";
  return item;
}

export function bubble(message, findMessage) {
  const stamp = make("time", "", time(message.at));
  stamp.dateTime = new Date(message.at * 1000).toISOString();
  const tick = make("span");
  tick.dataset.tick = "";
  const content = message.revoked
    ? [make("p", "revoked", icon("none"), word(message.mine ? "revoked_by_you" : "revoked"))]
    : [quote(message, findMessage), forwarded(message.content), advertisement(message.content), ...contentParts(message.content)];
  const footer = make("footer", "", message.edited && !message.revoked ? make("span", "", word("edited")) : null, stamp, tick);
  const box = make("div", "bubble", ...content, footer);
  const before = footer.previousElementSibling;
  const last = before?.matches(".text") ? before.lastElementChild : before;
  // The time stands in the last line when that line runs in the page's direction.
  if (last?.matches("p") && directionOf(last.textContent) === document.documentElement.dir) {
    last.classList.add("last");
    if (message.edited) last.classList.add("with-word");
    box.classList.add("snug");
  }
  const buttons = message.revoked ? [] : actions(message.content);
  if (buttons.length) box.append(make("div", "actions", ...buttons));
  const kind = message.content.interactive?.type ?? kindOf(message.content);
  const menu = iconButton("down", word("message_menu"), "message-menu");
  menu.dataset.options = "";
  menu.setAttribute("aria-haspopup", "dialog");
  const item = make("li", message.mine ? "message mine" : "message", box, menu);
  item.dataset.messageId = message.id;
  item.dataset.direction = message.mine ? "in" : "out";
  item.dataset.kind = kind;
  if (kind === "sticker" && !message.revoked) item.classList.add("bare");
  showStatus(item, message);
  showReactions(item, message);
  return item;
}
