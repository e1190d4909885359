// What a person can send: each function opens a sheet of the phone, or sends at once.

import { get, Refused, upload } from "./api.js";
import { quoteOf } from "./bubble.js";
import { icon } from "./icons.js";
import { button, input, latin, make, name, own, select, tick } from "./make.js";
import { choosePlace } from "./map.js";
import { kindOf, textOf } from "./parts.js";
import { compressed, sticker } from "./pictures.js";
import { player } from "./player.js";
import { fileSize, word } from "./words.js";

// The provider's limits for what a person sends.
const LARGEST = { video: 16 << 20, document: 100 << 20, audio: 16 << 20, sticker: 500 << 10 };
const ACCEPTED = {
  gallery: "image/*,video/mp4,video/3gpp",
  camera: "image/*",
  document: "",
  sticker: "image/*",
};
const HERE = { latitude: 26.43442, longitude: 50.10326 };
const EMOJI = [
  ..."👍👎👏🙏🤝💪👌👋", "✌️", "☝️",
  ..."😀😂🙂😉😊😍🤔😮😢😡😴🤲", "❤️",
  ..."💚🌹🌴🌧🔥💡🚧🚗🏠🕌🌙", "⭐", "✅", "❌", "❗", "❓",
];
const REACTIONS = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
const EDIT_WITHIN_S = 15 * 60;
const REVOKE_WITHIN_S = 2 * 24 * 3600;

const contextOf = (phone) => (phone.quoted ? { context: { id: phone.quoted.id } } : {});

function forwardChoice() {
  return select("forwarded", {
    label: word("forwarding"),
    options: [["", word("not_forwarded")], ["forwarded", word("forwarded")], ["frequently_forwarded", word("forwarded_many")]],
  });
}

const forwardContext = (form) => {
  const mark = form.elements.forwarded?.value;
  return mark ? { context: { [mark]: true } } : {};
};

function choice(iconName, label, then, className = "choice") {
  const made = button(className, icon(iconName), own("span", "", label));
  made.addEventListener("click", then);
  return made;
}

// Ready-made content; the emulator completes what an empty part leaves out.
const SAMPLES = {
  image: () => ({ type: "image", image: {} }),
  video: () => ({ type: "video", video: {} }),
  audio: () => ({ type: "audio", audio: {} }),
  document: () => ({ type: "document", document: {} }),
  sticker: () => ({ type: "sticker", sticker: {} }),
  place: () => ({ type: "location", location: { ...HERE, name: word("place_name"), address: word("place_address") } }),
  poll: () => ({
    type: "unsupported",
    errors: [{
      code: 131051, title: "Message type unknown", message: "Message type unknown",
      error_data: { details: "Message type is currently not supported." },
    }],
    unsupported: { type: "poll" },
  }),
};

export function attach(phone, opener) {
  const file = (kind) => () => chooseFile(phone, kind, opener);
  const sample = (name) => choice(name, word(`sample_${name}`), () => {
    phone.sheet.close();
    phone.write({ ...SAMPLES[name](), ...contextOf(phone) }).then((done) => done && phone.quote(null));
  }, "chip");
  phone.sheet.open({
    title: word("attach"),
    opener,
    parts: [
      make("div", "tiles",
        choice("image", word("attach_gallery"), file("gallery"), "tile"),
        choice("document", word("attach_document"), file("document"), "tile"),
        choice("sticker", word("attach_sticker"), file("sticker"), "tile"),
        choice("place", word("attach_location"), () => sendLocation(phone, {}), "tile"),
        choice("contacts", word("attach_contact"), () => sendContact(phone), "tile"),
        choice("forward", word("attach_forwarded"), () => sendForwarded(phone), "tile")),
      make("h3", "", word("samples")),
      make("div", "chips", ...Object.keys(SAMPLES).map(sample)),
    ],
  });
}

export function chooseFile(phone, kind, opener) {
  const { file } = phone.part;
  file.accept = ACCEPTED[kind];
  file.value = "";
  file.onchange = () => {
    if (file.files[0]) preview(phone, file.files[0], { kind, opener });
  };
  file.click();
}

function kindOfFile(file, asked) {
  if (asked === "document" || asked === "sticker") return asked;
  const [family] = file.type.split("/");
  if (family === "image") return "image";
  if (["video/mp4", "video/3gpp"].includes(file.type)) return "video";
  return family === "audio" ? "audio" : "document";
}

// Show what was chosen before it goes out.
export function preview(phone, file, { kind: asked, opener } = {}) {
  const kind = kindOfFile(file, asked);
  const address = URL.createObjectURL(file);
  const shown = {
    image: () => Object.assign(make("img", "preview"), { src: address, alt: word("image_of") }),
    sticker: () => Object.assign(make("img", "preview small"), { src: address, alt: word("sticker_of") }),
    video: () => Object.assign(make("video", "preview"), { src: address, controls: true, muted: true }),
    audio: () => player(address),
    document: () => make("div", "thing", icon("document"), make("div", "", make("b", "", name(file.name)), make("small", "", fileSize(file.size)))),
  }[kind]();
  phone.sheet.open({
    title: word(`${kind}_of`),
    opener: opener ?? phone.part.attach,
    parts: [
      shown,
      kind === "audio" || kind === "sticker" ? null : input("caption", { label: word("caption"), maxLength: 1024, dir: "auto" }),
      kind === "image" ? tick("as_file", { label: word("as_file") }) : null,
      forwardChoice(),
    ],
    onSend: (form) => sendFile(phone, file, form.elements.as_file?.checked ? "document" : kind, form),
  });
  phone.sheet.onClose = () => URL.revokeObjectURL(address);
}

async function sendFile(phone, file, kind, form) {
  let blob = file;
  if (kind === "image" || kind === "sticker") {
    try {
      blob = await (kind === "image" ? compressed(file) : sticker(file));
    } catch {
      throw word("not_a_picture");
    }
  }
  if (blob.size > (LARGEST[kind] ?? Infinity)) throw word("file_too_large");
  const caption = form.elements.caption?.value.trim();
  const part = {
    id: await kept(blob, file.name),
    ...(caption ? { caption } : {}),
    ...(kind === "document" ? { filename: file.name } : {}),
    ...(kind === "audio" ? { voice: false } : {}),
  };
  return phone.send({ type: kind, [kind]: part, ...contextOf(phone), ...forwardContext(form) });
}

async function kept(blob, name) {
  try {
    return (await upload(blob, name)).id;
  } catch (failure) {
    throw failure instanceof Refused && failure.status < 500 ? word("file_refused") : word("not_sent");
  }
}

export async function sendVoice(phone, sound) {
  const { id } = await upload(sound, "voice.ogg");
  return phone.send({ type: "audio", audio: { id, voice: true }, ...contextOf(phone) });
}

export const sendSampleVoice = (phone) => phone.write({ ...SAMPLES.audio(), ...contextOf(phone) });

// A place; `context` when it answers a request of the business.
export function sendLocation(phone, { context, opener }) {
  const number = { type: "number", step: "any", required: true, dir: "ltr", inputMode: "decimal" };
  const latitude = input("latitude", { label: word("latitude"), min: -90, max: 90, value: HERE.latitude, ...number });
  const longitude = input("longitude", { label: word("longitude"), min: -180, max: 180, value: HERE.longitude, ...number });
  const [north, east] = [latitude, longitude].map((label) => label.querySelector("input"));
  const { map, set } = choosePlace(HERE, (place) => {
    north.value = place.latitude.toFixed(5);
    east.value = place.longitude.toFixed(5);
  });
  for (const field of [north, east]) {
    field.addEventListener("input", () => {
      if (north.checkValidity() && east.checkValidity()) set(north.valueAsNumber, east.valueAsNumber);
    });
  }
  phone.sheet.open({
    title: word("attach_location"),
    opener,
    parts: [
      map,
      make("p", "quiet", word("map_hint")),
      make("div", "two", latitude, longitude),
      input("name", { label: word("place_label"), value: word("place_name"), dir: "auto" }),
      input("address", { label: word("address"), value: word("place_address"), dir: "auto" }),
    ],
    onSend: ({ elements }) => phone.send({
      type: "location",
      location: {
        latitude: elements.latitude.valueAsNumber,
        longitude: elements.longitude.valueAsNumber,
        ...(elements.name.value.trim() ? { name: elements.name.value.trim() } : {}),
        ...(elements.address.value.trim() ? { address: elements.address.value.trim() } : {}),
      },
      ...(context ? { context } : contextOf(phone)),
    }),
  });
}

export function contactCard(name, phone) {
  const digits = phone.replace(/\D/g, "");
  return {
    name: { formatted_name: name, first_name: name },
    phones: [{ phone: `+${digits}`, type: "CELL", wa_id: digits }],
    vcard: `BEGIN:VCARD\nVERSION:3.0\nN:;${name};;;\nFN:${name}\nTEL;type=CELL;waid=${digits}:+${digits}\nEND:VCARD`,
  };
}

function sendContact(phone) {
  phone.sheet.open({
    title: word("attach_contact"),
    parts: [
      input("name", { label: word("person_name"), required: true, dir: "auto" }),
      input("phone", { label: word("phone_number"), type: "tel", required: true, dir: "ltr", pattern: "[+\\d\\s\\-]{8,20}", placeholder: "966500000107" }),
    ],
    onSend: ({ elements }) => phone.send({
      type: "contacts",
      contacts: [contactCard(elements.name.value.trim(), elements.phone.value)],
      ...contextOf(phone),
    }),
  });
}

function sendForwarded(phone) {
  const mark = forwardChoice();
  mark.querySelector("select").value = "frequently_forwarded";
  phone.sheet.open({
    title: word("attach_forwarded"),
    parts: [input("text", { label: word("forwarded_text"), rows: 5, required: true, dir: "auto", maxLength: 4096 }), mark],
    onSend: (form) => phone.send({ type: "text", text: { body: form.elements.text.value.trim() }, ...forwardContext(form) }),
  });
}

export function pickEmoji(phone, opener) {
  const { text: field } = phone.part.composer.elements;
  phone.sheet.open({
    title: word("emoji"),
    opener,
    parts: [make("div", "emoji", ...EMOJI.map((emoji) => {
      const made = button("", emoji);
      made.addEventListener("click", () => {
        field.setRangeText(emoji, field.selectionStart, field.selectionEnd, "end");
        phone.sheet.close();
        phone.grow();
        field.focus();
      });
      return made;
    }))],
  });
}

// Answers to what the business asks

export function chooseRow(phone, message, opener) {
  const { action } = message.content.interactive;
  const rows = action.sections.flatMap((section) => [
    section.title ? own("h3", "", section.title) : null,
    make("ul", "", ...section.rows.map((row) => {
      const radio = make("input");
      Object.assign(radio, { type: "radio", name: "row", value: row.id, required: true });
      const words = own("span", "", row.title);
      if (row.description) words.append(own("small", "", row.description));
      return make("li", "", make("label", "", words, radio));
    })),
  ]);
  phone.sheet.open({
    title: action.button,
    opener,
    parts: rows,
    onSend: ({ elements }) => {
      const row = action.sections.flatMap((section) => section.rows).find(({ id }) => id === elements.row.value);
      return phone.send({ type: "interactive", interactive: { type: "list_reply", list_reply: row }, context: { id: message.id } });
    },
  });
}

function fieldOf(field) {
  const { name, label, type, required = false } = field;
  const options = (field.options ?? []).map((one) => (typeof one === "string" ? [one, one] : [one.id, one.title]));
  if (type === "select") return select(name, { label, required, options: [["", word("choose")], ...options] });
  if (type === "textarea") return input(name, { label, required, rows: 4, dir: "auto" });
  return input(name, {
    label, required, type: { date: "date", number: "number" }[type] ?? "text",
    dir: type === "date" || type === "number" ? "ltr" : "auto",
  });
}

// A part of a form with what the message says in its place: "${data.label_1}".
function said(part, data) {
  const name = typeof part === "string" ? /^\$\{data\.(\w+)\}$/.exec(part)?.[1] : undefined;
  return name === undefined ? part : data[name];
}

// The form of a flow, drawn from its fields; one field of text when nobody knows the flow.
export async function fillFlow(phone, message, { flow, title, token, data = {} }, opener) {
  let kept = {};
  let fields = [{ name: "description", label: word("flow_text"), type: "textarea", required: true }];
  let heading = title;
  try {
    const known = flow && await get(`/_phone/flows/${encodeURIComponent(flow)}`);
    if (known?.fields?.length) {
      fields = known.fields
        .map((field) => Object.fromEntries(Object.entries(field).map(([key, part]) => [key, said(part, data)])))
        .filter(({ visible }) => visible !== false);
    }
    kept = Object.fromEntries(Object.entries(known?.kept ?? {}).map(([name, key]) => [name, data[key]]));
    heading = known?.title ?? title;
  } catch (failure) {
    if (!(failure instanceof Refused) || failure.status !== 404) throw failure;
  }
  phone.sheet.open({
    title: heading,
    opener,
    parts: fields.map(fieldOf),
    onSend: ({ elements }) => {
      const values = Object.fromEntries(fields.map(({ name, type }) => {
        const { value } = elements.namedItem(name);
        return [name, type === "number" && value !== "" ? Number(value) : value];
      }));
      const response = JSON.stringify({ ...(token ? { flow_token: token } : {}), ...kept, ...values });
      return phone.send({
        type: "interactive",
        interactive: { type: "nfm_reply", nfm_reply: { name: "flow", body: "Sent", response_json: response } },
        context: { id: message.id },
      });
    },
  });
}

// What can be done with one message

export function openOptions(phone, message, opener) {
  const { sheet } = phone;
  const { content } = message;
  const kind = kindOf(content);
  const age = phone.now() - message.at;
  const react = (emoji) => () => {
    sheet.close();
    const taken = message.ownReaction === emoji;
    phone.write({ type: "reaction", reaction: { message_id: message.id, ...(taken ? {} : { emoji }) } });
  };
  const then = (act) => () => {
    sheet.close();
    act();
  };
  const parts = message.revoked ? [] : [
    make("div", "reactions", ...REACTIONS.map((emoji) => {
      const made = button("", emoji);
      made.setAttribute("aria-label", `${word("react")} ${emoji}`);
      made.setAttribute("aria-pressed", String(message.ownReaction === emoji));
      made.addEventListener("click", react(emoji));
      return made;
    })),
    choice("reply", word("reply"), then(() => phone.quote(message.id))),
    choice("forward", word("forward"), () => forward(phone, message)),
  ];
  const text = textOf(content);
  if (text && !message.revoked) {
    parts.push(choice("copy", word("copy"), then(() => navigator.clipboard?.writeText(text).catch(() => {}))));
  }
  if (message.mine && !message.revoked && kind === "text" && age < EDIT_WITHIN_S) {
    parts.push(choice("edit", word("edit"), () => edit(phone, message)));
  }
  if (message.mine && !message.revoked && age < REVOKE_WITHIN_S) {
    parts.push(choice("bin", word("revoke"), then(() =>
      phone.write({ type: "revoke", revoke: { original_message_id: message.id } }))));
  }
  if (!parts.length) parts.push(make("p", "quiet", word("nothing_to_do")));
  sheet.open({ title: word("message_menu"), opener, parts });
}

// Its own copy of a message's content, without what belonged to the first sending of it.
function copied(content) {
  const kind = kindOf(content);
  const whole = new Set(["image", "video", "audio", "document", "sticker", "location", "contacts"]);
  if (whole.has(kind)) return { type: kind, [kind]: content[kind] };
  return { type: "text", text: { body: textOf(content) || word(`${kind}_of`) } };
}

function forward(phone, message) {
  const mark = forwardChoice();
  const chosen = mark.querySelector("select");
  chosen.options[0].remove();
  chosen.value = message.content.context?.frequently_forwarded ? "frequently_forwarded" : "forwarded";
  phone.sheet.open({
    title: word("forward_to"),
    parts: [quoteOf(message, { jump: false }), mark],
    onSend: (form) => phone.send({ ...copied(message.content), ...forwardContext(form) }),
  });
}

function edit(phone, message) {
  phone.sheet.open({
    title: word("edit"),
    label: word("save_edit"),
    parts: [input("text", { label: word("message_text"), rows: 4, required: true, dir: "auto", value: message.content.text.body, maxLength: 4096 })],
    onSend: ({ elements }) => phone.send({
      type: "edit",
      edit: {
        original_message_id: message.id,
        message: { type: "text", text: { body: elements.text.value.trim() } },
      },
    }),
  });
}

// What the person does with the phone itself

export function openMenu(phone, opener, { close, openPanel }) {
  const { sheet, person } = phone;
  const then = (act) => () => {
    sheet.close();
    act();
  };
  sheet.open({
    title: person.name,
    opener,
    parts: [
      person.wa_id ? make("p", "quiet", latin(`+${person.wa_id}`)) : make("p", "quiet", word("hidden_number")),
      openPanel && choice("controls", word("controls"), then(openPanel)),
      person.phone && choice("phone", word("change_number"), () => changeNumber(phone)),
      choice("swap", word("change_id"), then(() => phone.changeId())),
      person.phone && choice("eye", word(person.hides_phone ? "show_phone" : "hide_phone"), then(() => phone.hide(!person.hides_phone))),
      choice("bell_off", word("stop_marketing"), then(() => phone.prefer("stop"))),
      choice("bell", word("resume_marketing"), then(() => phone.prefer("resume"))),
      close && choice("close", word("close_phone"), then(close)),
    ].filter(Boolean),
  });
}

function changeNumber(phone) {
  phone.sheet.open({
    title: word("change_number"),
    label: word("change_number"),
    parts: [
      make("p", "quiet", word("change_number_hint")),
      input("phone", { label: word("new_phone"), type: "tel", required: true, dir: "ltr", pattern: "[+\\d\\s\\-]{8,20}", placeholder: "966500000107" }),
    ],
    onSend: ({ elements }) => phone.changeNumber(elements.phone.value.replace(/\D/g, "")),
  });
}
