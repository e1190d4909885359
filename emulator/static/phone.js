// The phone: one person's chat, kept live by server-sent events.

import { bubble, make, showReaction, showStatus, summary, writerOf } from "./bubble.js";
import { icon } from "./icons.js";
import { closeSheet, fillSheet, openSheet } from "./sheet.js";
import { day, dayName, lang, line, preciseTime, sentence, time, weekday, word } from "./words.js";

const WINDOW_SWITCH_S = 25 * 3600;
const LOG_LINES = 60;
const LONG_PRESS_MS = 500;

const one = (name) => document.querySelector(`[data-${name}]`);
const page = Object.fromEntries(
  ["messages", "chat", "empty", "typing", "trouble", "composer", "reply", "reply-name", "reply-text",
    "people", "log", "log-empty", "holder", "clock", "phone-clock", "phone", "send", "attach"]
    .map((name) => [name, one(name)]),
);
const field = page.composer.elements.text;

const state = { person: null, messages: new Map(), quoted: null, offset: 0, events: null };
const now = () => Date.now() / 1000 + state.offset;
const findMessage = (id) => state.messages.get(id);
const itemOf = (id) => page.messages.querySelector(`[data-message-id="${CSS.escape(id)}"]`);

// Talking to the emulator

async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.status === 204 ? null : answer.json();
}

const post = (path, body) => call("POST", path, body);

async function write(message) {
  try {
    await post("/_control/messages", { from: state.person.key, message });
    page.trouble.hidden = true;
    return true;
  } catch {
    showTrouble(word("not_sent"));
    return false;
  }
}

let reading = 0;
function read() {
  clearTimeout(reading);
  reading = setTimeout(() => {
    const unread = [...state.messages.values()].some((m) => !m.mine && m.status === "delivered");
    if (unread && document.visibilityState === "visible") {
      post("/_phone/read", { person: state.person.key }).catch(() => {});
    }
  }, 300);
}

function listen(key) {
  state.events?.close();
  const events = new EventSource(`/_phone/events?person=${encodeURIComponent(key)}`);
  state.events = events;
  const on = (name, then) => events.addEventListener(name, (event) => then(JSON.parse(event.data)));
  on("snapshot", showSnapshot);
  on("message", (message) => { addMessage(message, true); });
  on("status", ({ id, status }) => changeMessage(id, { status }));
  on("reaction", ({ id, emoji }) => changeMessage(id, { reaction: emoji }));
  on("typing", ({ seconds }) => showTyping(seconds));
  on("people", showPeople);
  on("log", addLogLine);
  on("faults", showFaults);
  on("clock", showClock);
  events.addEventListener("error", () => showTrouble(word("offline")));
}

// What is on the screen

function showTrouble(text) {
  page.trouble.textContent = text;
  page.trouble.hidden = false;
}

function showSnapshot(snapshot) {
  page.trouble.hidden = true;
  state.person = snapshot.person;
  state.messages.clear();
  page.messages.replaceChildren();
  showClock(snapshot.clock);
  showPeople(snapshot.people);
  showFaults(snapshot.faults);
  page.log.replaceChildren();
  page["log-empty"].hidden = false;
  for (const entry of snapshot.log) addLogLine(entry);
  // A screen reader should not be read the whole chat anew.
  page.chat.setAttribute("aria-live", "off");
  for (const message of snapshot.messages) addMessage(message, false);
  page.empty.hidden = state.messages.size > 0;
  page.chat.scrollTop = page.chat.scrollHeight;
  requestAnimationFrame(() => page.chat.setAttribute("aria-live", "polite"));
  field.disabled = false;
  read();
}

function addMessage(message, isNew) {
  if (state.messages.has(message.id)) return;
  const before = page.messages.lastElementChild;
  const nearEnd = page.chat.scrollHeight - page.chat.scrollTop - page.chat.clientHeight < 120;
  const date = day(message.at);
  if (page.messages.dataset.day !== date) {
    const separator = make("li", "day", dayName(message.at, now()));
    page.messages.append(separator);
    page.messages.dataset.day = date;
  }
  state.messages.set(message.id, message);
  const item = bubble(message, findMessage);
  const follows = before?.classList.contains("message")
    && before.classList.contains("mine") === message.mine
    && page.messages.lastElementChild === before;
  if (!follows) item.classList.add("first");
  if (isNew) item.classList.add("new");
  page.messages.append(item);
  page.empty.hidden = true;
  markAnswered(message);
  if (!message.mine) {
    showTyping(0);
    read();
  }
  if (isNew && (nearEnd || message.mine)) page.chat.scrollTop = page.chat.scrollHeight;
}

function changeMessage(id, change) {
  const message = state.messages.get(id);
  if (!message) return;
  Object.assign(message, change);
  const item = itemOf(id);
  if ("status" in change) showStatus(item, message);
  if ("reaction" in change) showReaction(item, message.reaction);
  read();
}

// Reply buttons serve once: WhatsApp greys them out after the first tap.
function markAnswered(message) {
  if (!message.content.interactive?.button_reply) return;
  const item = message.content.context && itemOf(message.content.context.id);
  for (const button of item?.querySelectorAll('[data-action="button"]') ?? []) button.disabled = true;
}

let typingEnds = 0;
function showTyping(seconds) {
  clearTimeout(typingEnds);
  page.typing.hidden = !seconds;
  if (!seconds) return;
  page.chat.scrollTop = page.chat.scrollHeight;
  typingEnds = setTimeout(() => showTyping(0), seconds * 1000);
}

function addLogLine(entry) {
  const stamp = make("time", "", preciseTime(entry.at));
  stamp.dateTime = new Date(entry.at * 1000).toISOString();
  page["log-empty"].hidden = true;
  page.log.prepend(make("li", entry.what === "send.refused" || entry.what === "webhook.retrying" ? "bad" : "", stamp, line(entry)));
  while (page.log.children.length > LOG_LINES) page.log.lastElementChild.remove();
}

function showPeople(people) {
  page.people.replaceChildren(...people.map((person) => {
    const note = make("small", "", person.wa_id ? `+${person.wa_id}` : word("hidden_number"));
    note.dir = person.wa_id ? "ltr" : "auto";
    const initial = make("span", "initial", person.name.replace(/^(أبو|أم) /, "").slice(0, 1));
    initial.setAttribute("aria-hidden", "true");
    const choice = make("button", "", initial, make("span", "", make("b", "", person.name), note));
    choice.type = "button";
    choice.dataset.person = person.key;
    if (person.key === state.person.key) choice.setAttribute("aria-current", "true");
    return make("li", "", choice);
  }));
  page.holder.replaceChildren(" · ", sentence("phone_of", { name: state.person.name }));
}

function showFaults(faults) {
  for (const kind of ["delay", "duplicate", "outage"]) {
    document.querySelector(`[data-switch="${kind}"]`).checked = faults.some((f) => f.kind === kind);
  }
}

function showClock(clock) {
  state.offset = clock.offset_s;
  document.querySelector('[data-switch="window"]').checked = clock.offset_s >= 24 * 3600;
  tickClock();
}

function tickClock() {
  const moment = now();
  page["phone-clock"].textContent = time(moment);
  page.clock.textContent = `${weekday(moment)} ${time(moment)}`;
}

// What the person does

function grow() {
  // An empty field has no text to take a direction from: it keeps the page's.
  field.dir = field.value ? "auto" : document.documentElement.dir;
  field.style.blockSize = "auto";
  field.style.blockSize = `${Math.min(field.scrollHeight, 132)}px`;
  page.send.classList.toggle("ready", field.value.trim() !== "");
}

function quote(id) {
  const message = state.messages.get(id);
  state.quoted = message ?? null;
  page.reply.hidden = !message;
  if (!message) return;
  page["reply-name"].textContent = writerOf(message);
  page["reply-text"].textContent = summary(message.content);
  field.focus();
}

async function submit() {
  const text = field.value.trim();
  if (!text || !state.person) return;
  const context = state.quoted ? { context: { id: state.quoted.id } } : {};
  field.value = "";
  grow();
  quote(null);
  if (!await write({ type: "text", text: { body: text }, ...context })) {
    field.value = text;
    grow();
  }
  field.focus();
}

const PLACE = () => ({
  type: "location",
  location: { latitude: 26.43442, longitude: 50.10326, name: word("place_name"), address: word("place_address") },
});

const ATTACHMENTS = {
  photo: () => ({ type: "image", image: {} }),
  voice: () => ({ type: "audio", audio: {} }),
  location: PLACE,
  poll: () => ({
    type: "unsupported",
    errors: [{
      code: 131051, title: "Message type unknown", message: "Message type unknown",
      error_data: { details: "Message type is currently not supported." },
    }],
    unsupported: { type: "poll" },
  }),
};

function attach() {
  const choices = Object.keys(ATTACHMENTS).map((name) => {
    const choice = make("button", "choice", icon(name === "location" ? "place" : name), word(`send_${name}`));
    choice.type = "button";
    choice.addEventListener("click", () => {
      closeSheet();
      write(ATTACHMENTS[name]());
    });
    return choice;
  });
  openSheet({ title: word("attach"), opener: page.attach });
  fillSheet(...choices);
}

function choose(message, opener) {
  const { interactive } = message.content;
  const rows = interactive.action.sections.flatMap((section) => [
    section.title ? make("h4", "", section.title) : null,
    make("ul", "", ...section.rows.map((row) => {
      const radio = make("input");
      Object.assign(radio, { type: "radio", name: "row", value: row.id });
      return make("li", "", make("label", "", make("span", "", row.title,
        row.description ? make("small", "", row.description) : null), radio));
    })),
  ]).filter(Boolean);
  openSheet({
    title: interactive.action.button,
    opener,
    onSend: (form) => {
      const row = interactive.action.sections.flatMap((s) => s.rows).find((r) => r.id === form.elements.row.value);
      if (!row) return false;
      write({ type: "interactive", interactive: { type: "list_reply", list_reply: row }, context: { id: message.id } });
      return true;
    },
  });
  fillSheet(...rows);
}

function fillFlow(message, opener) {
  const { flow_cta: title, flow_token: token } = message.content.interactive.action.parameters;
  const details = make("textarea");
  Object.assign(details, { name: "details", rows: 4, required: true, dir: "auto" });
  openSheet({
    title,
    opener,
    onSend: () => {
      const response = JSON.stringify({ flow_token: token, description: details.value });
      const reply = { name: "flow", body: "Sent", response_json: response };
      write({ type: "interactive", interactive: { type: "nfm_reply", nfm_reply: reply }, context: { id: message.id } });
      return true;
    },
  });
  fillSheet(make("label", "stacked", word("flow_text"), details));
}

function act(button) {
  const message = state.messages.get(button.closest("[data-message-id]").dataset.messageId);
  const context = { id: message.id };
  switch (button.dataset.action) {
    case "button": {
      const { reply } = message.content.interactive.action.buttons.find((b) => b.reply.id === button.dataset.replyId);
      write({ type: "interactive", interactive: { type: "button_reply", button_reply: reply }, context });
      break;
    }
    case "list":
      choose(message, button);
      break;
    case "flow":
      fillFlow(message, button);
      break;
    case "location":
      write({ ...PLACE(), context });
      break;
    case "contact": {
      const phone = state.person.phone ?? "966500000106";
      write({
        type: "contacts",
        contacts: [{ name: { formatted_name: state.person.name }, phones: [{ phone: `+${phone}`, type: "CELL", wa_id: phone }] }],
        context,
      });
      break;
    }
  }
}

function jumpTo(id) {
  const item = itemOf(id);
  item?.scrollIntoView({ block: "center" });
  item?.classList.remove("found");
  requestAnimationFrame(() => item?.classList.add("found"));
}

function pickPerson(key) {
  const address = new URL(location.href);
  address.searchParams.set("person", key);
  history.replaceState(null, "", address);
  for (const link of document.querySelectorAll("[data-language]")) {
    link.href = `?lang=${lang === "ar" ? "en" : "ar"}&person=${encodeURIComponent(key)}`;
  }
  quote(null);
  closeSheet();
  page.messages.dataset.day = "";
  listen(key);
}

async function flip(control) {
  const kind = control.dataset.switch;
  if (kind === "window") {
    await post("/_control/clock", { offset_s: control.checked ? WINDOW_SWITCH_S : 0 });
  } else if (control.checked) {
    await post("/_control/faults", { kind, ...(kind === "delay" ? { delay_ms: 3000 } : {}) });
  } else {
    await call("DELETE", `/_control/faults?kind=${kind}`);
  }
}

async function addPerson(form) {
  const { phone, name, hide_phone: hides } = form.elements;
  const problem = document.getElementById("new-person-problem");
  try {
    const person = await post("/_control/people", {
      phone: phone.value, name: name.value || null, hide_phone: hides.checked,
    });
    problem.hidden = true;
    phone.removeAttribute("aria-invalid");
    form.reset();
    form.closest("details").open = false;
    pickPerson(person.key);
    showPanels(false);
  } catch {
    problem.hidden = false;
    phone.setAttribute("aria-invalid", "true");
    phone.focus();
  }
}

function showPanels(open) {
  document.body.classList.toggle("panels-open", open);
  if (open) one("close-panels").focus();
  else if (getComputedStyle(one("open-panels")).display !== "none") one("open-panels").focus();
}

// Wiring

one("open-panels").append(icon("more"));
one("close-sheet").append(icon("close"));
one("cancel-reply").append(icon("close"));
page.attach.append(icon("attach"));
page.send.append(icon("send"));

page.composer.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
field.addEventListener("input", grow);
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
  if (event.key === "Escape") quote(null);
});
page.attach.addEventListener("click", attach);
one("cancel-reply").addEventListener("click", () => {
  quote(null);
  field.focus();
});
one("open-panels").addEventListener("click", () => showPanels(true));
one("close-panels").addEventListener("click", () => showPanels(false));

page.messages.addEventListener("click", (event) => {
  const target = event.target.closest("[data-action], [data-reply-to], [data-jump]");
  if (target?.dataset.action) act(target);
  else if (target?.dataset.replyTo) quote(target.dataset.replyTo);
  else if (target?.dataset.jump) jumpTo(target.dataset.jump);
});
let press = 0;
page.messages.addEventListener("pointerdown", (event) => {
  const item = event.pointerType === "touch" && event.target.closest("[data-message-id]");
  if (item) press = setTimeout(() => quote(item.dataset.messageId), LONG_PRESS_MS);
});
for (const ending of ["pointerup", "pointercancel", "pointermove"]) {
  page.messages.addEventListener(ending, () => clearTimeout(press));
}

page.people.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-person]");
  if (!choice) return;
  pickPerson(choice.dataset.person);
  showPanels(false);
});
one("new-person").addEventListener("submit", (event) => {
  event.preventDefault();
  addPerson(event.target);
});
for (const control of document.querySelectorAll("[data-switch]")) {
  control.addEventListener("change", () => {
    flip(control).catch(() => {
      control.checked = !control.checked;
      showTrouble(word("offline"));
    });
  });
}
document.addEventListener("visibilitychange", read);
setInterval(tickClock, 5000);

pickPerson(new URLSearchParams(location.search).get("person") ?? "966500000101");
