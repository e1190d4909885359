// What is inside a bubble: one message's content, kind by kind.

import { mediaAddress } from "./api.js";
import { directionOf, formatted, plain } from "./format.js";
import { icon } from "./icons.js";
import { button, latin, make, name, own } from "./make.js";
import { showPlace } from "./map.js";
import { player } from "./player.js";
import { fileSize, word } from "./words.js";

const MEDIA = new Set(["image", "video", "audio", "document", "sticker"]);

const FEW_EMOJI = /^(?:\p{RGI_Emoji}){1,3}$/v;

export const kindOf = (content) => content.type ?? "text";

// The parts of a template with its values filled in, as far as the emulator gave them.
export function shownOf(content) {
  const shown = content.template?.shown;
  if (!shown) return null;
  const header = typeof shown.header === "string" ? { type: "text", text: shown.header } : shown.header;
  return {
    ...shown,
    header: header && { ...header, type: header.type.toLowerCase() },
    buttons: (shown.buttons ?? []).map((one) => ({ ...one, type: (one.type ?? "quick_reply").toLowerCase() })),
  };
}

// What a message says in one line, for quotes.
export function summary(content) {
  const kind = kindOf(content);
  const part = content[kind];
  switch (kind) {
    case "text":
      return plain(part.body);
    case "interactive": {
      const chosen = part.list_reply ?? part.button_reply;
      if (chosen) return chosen.title;
      return part.nfm_reply ? word("form_of") : plain(part.body?.text ?? "");
    }
    case "button":
      return part.text;
    case "template":
      return plain(shownOf(content)?.body ?? "") || word("template_of");
    case "contacts":
      return part[0]?.name.formatted_name ?? word("contacts_of");
    default:
      return part?.caption || part?.filename || part?.name || word(`${kind}_of`) || word("unsupported_of");
  }
}

// The text that can be copied.
export function textOf(content) {
  const kind = kindOf(content);
  if (kind === "text") return content.text.body;
  if (kind === "interactive") return content.interactive.body?.text ?? summary(content);
  if (kind === "template") return shownOf(content)?.body ?? "";
  if (MEDIA.has(kind)) return content[kind].caption ?? "";
  return kind === "button" ? content.button.text : "";
}

function described(iconName, title, note) {
  const made = make("div", "thing", icon(iconName), make("div", "", make("b", "", name(title))));
  if (note) made.lastElementChild.append(make("small", "", typeof note === "string" ? name(note) : note));
  return made;
}

const heading = (text) => own("p", "heading", text);
const foot = (text) => own("p", "foot", text);

// What stands in the place of a file that the provider no longer keeps.
function gone(kind) {
  return described(kind, word(`${kind}_of`), word("media_gone"));
}

function picture(part, kind) {
  const image = make("img");
  image.loading = "lazy";
  image.alt = part.caption ? "" : word(`${kind}_of`);
  const frame = button(kind === "sticker" ? "sticker" : "picture", image);
  frame.dataset.view = part.id;
  frame.setAttribute("aria-label", word(kind === "sticker" ? "open_sticker" : "open_picture"));
  image.addEventListener("error", () => frame.replaceWith(gone(kind)));
  image.src = mediaAddress(part.id);
  return frame;
}

function video(part) {
  const made = make("video", "video");
  Object.assign(made, { controls: true, preload: "metadata", playsInline: true });
  made.setAttribute("aria-label", part.caption ?? word("video_of"));
  made.addEventListener("error", () => made.replaceWith(gone("video")));
  made.src = mediaAddress(part.id);
  return made;
}

function file(part) {
  const filename = part.filename ?? word("document_of");
  const [, stem, ending] = filename.match(/^(.+)\.(\w{1,5})$/) ?? [null, filename, ""];
  const facts = make("small", "", ending ? latin(ending.toUpperCase()) : word("document_of"));
  // The ending of an Arabic name apart, or figures before it would change places with it.
  const isArabic = ending && directionOf(stem) === "rtl";
  const title = make("b", "", name(isArabic ? stem : filename), isArabic ? latin(`.${ending}`) : null);
  const made = make("a", "thing file", icon("document"), make("div", "", title, facts), icon("save"));
  Object.assign(made, { href: mediaAddress(part.id), download: filename });
  const told = (size) => size && facts.append(" · ", fileSize(size));
  if (part.file_size) told(part.file_size);
  else {
    // Its first byte is enough to be told how many there are.
    fetch(made.href, { headers: { Range: "bytes=0-0" } })
      .then((answer) => {
        if (answer.ok) told(Number(answer.headers.get("content-range")?.split("/")[1]));
        else made.replaceWith(gone("document"));
        return answer.body?.cancel();
      })
      .catch(() => {});
  }
  return made;
}

function mediaParts(kind, part) {
  // A picture that the business gave by address is the provider's to fetch; the page may not.
  if (!part.id) return [described(kind, part.filename ?? word(`${kind}_of`), part.link && latin(part.link))];
  const shown = {
    image: () => picture(part, "image"),
    sticker: () => picture(part, "sticker"),
    video: () => video(part),
    audio: () => player(mediaAddress(part.id)),
    document: () => file(part),
  }[kind]();
  return part.caption ? [shown, formatted(part.caption)] : [shown];
}

function place(part) {
  const coordinates = latin(`${Number(part.latitude).toFixed(5)}, ${Number(part.longitude).toFixed(5)}`);
  return [
    showPlace(part),
    part.name ? heading(part.name) : null,
    part.address ? formatted(part.address) : null,
    make("p", "foot", coordinates),
  ];
}

function contact(card) {
  const phone = card.phones?.[0]?.phone;
  return described("contacts", card.name.formatted_name, phone ? latin(phone) : card.org?.company);
}

function headerParts(header) {
  if (!header) return [];
  if (header.type === "text") return [heading(header.text)];
  if (header.type === "location") return header.location ? place(header.location) : [];
  return MEDIA.has(header.type) ? mediaParts(header.type, header[header.type] ?? {}) : [];
}

function answerParts(part) {
  const chosen = part.list_reply ?? part.button_reply;
  if (chosen) return [formatted(chosen.title), chosen.description ? foot(chosen.description) : null];
  return [described("form", word("form_of"), word("form_sent"))];
}

function templateParts(content) {
  const shown = shownOf(content);
  if (!shown) {
    return [described("form", content.template.name, word("template_of"))];
  }
  return [
    ...headerParts(shown.header),
    shown.body ? formatted(shown.body) : null,
    shown.footer ? foot(typeof shown.footer === "string" ? shown.footer : shown.footer.text) : null,
  ];
}

export function contentParts(content) {
  const kind = kindOf(content);
  const part = content[kind];
  if (MEDIA.has(kind)) return mediaParts(kind, part);
  switch (kind) {
    case "text": {
      const text = formatted(part.body);
      if (FEW_EMOJI.test(part.body.trim())) text.classList.add("large");
      return [text];
    }
    case "location":
      return place(part);
    case "contacts":
      return part.map(contact);
    case "button":
      return [formatted(part.text)];
    case "interactive":
      if (part.list_reply || part.button_reply || part.nfm_reply) return answerParts(part);
      return [
        ...headerParts(part.header),
        part.body ? formatted(part.body.text) : null,
        part.footer ? foot(part.footer.text) : null,
      ];
    case "template":
      return templateParts(content);
    case "unsupported":
      return [described("poll", word("poll_of"), word("unsupported_of"))];
    default:
      return [described("form", word(`${kind}_of`) ?? word("unsupported_of"))];
  }
}

function action(iconName, label, data) {
  const made = button("", iconName ? icon(iconName) : null, own("span", "", label));
  Object.assign(made.dataset, data);
  return made;
}

function outside(iconName, label, address) {
  const made = make("a", "", icon(iconName), own("span", "", label));
  Object.assign(made, { href: address, target: "_blank", rel: "noopener noreferrer" });
  return made;
}

function templateAction(shown, at) {
  const { type, text, url, phone_number: phone } = shown;
  switch (type) {
    case "url":
      return /^https?:/.test(url ?? "") ? outside("link", text, url) : null;
    case "phone_number":
      return outside("phone", text, `tel:${(phone ?? "").replace(/[^\d+]/g, "")}`);
    case "copy_code":
    case "otp":
      return action("copy", text, { action: "code", at });
    case "flow":
      return action("form", text, { action: "flow" });
    case "request_contact_info":
      return action("contacts", text, { action: "contact" });
    default:
      return action("reply", text, { action: "quick", at });
  }
}

// What can be tapped under a message of the business.
export function actions(content) {
  const { interactive } = content;
  switch (interactive?.type) {
    case "button":
      return interactive.action.buttons.map(({ reply }) =>
        action("reply", reply.title, { action: "button", replyId: reply.id }));
    case "list":
      return [action("list", interactive.action.button, { action: "list" })];
    case "cta_url": {
      const { display_text: label, url } = interactive.action.parameters;
      return [outside("link", label, url)];
    }
    case "location_request_message":
      return [action("place", word("share_location"), { action: "location" })];
    case "contact_request":
      return [action("contacts", word("share_phone"), { action: "contact" })];
    case "flow":
      return [action("form", interactive.action.parameters.flow_cta, { action: "flow" })];
    default:
      return (shownOf(content)?.buttons ?? []).map(templateAction).filter(Boolean);
  }
}
