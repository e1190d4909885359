// One phone: one person's chat, kept live by server-sent events of its own.

import { post } from "./api.js";
import { bubble, line, showReactions, showStatus, writerOf } from "./bubble.js";
import { icon } from "./icons.js";
import { make } from "./make.js";
import { kindOf, shownOf, summary } from "./parts.js";
import { Recorder } from "./recorder.js";
import * as sending from "./send.js";
import { Sheet } from "./sheet.js";
import { day, dayName, sentence, spoken, time, word } from "./words.js";

const LONG_PRESS_MS = 450;
const LONGEST_VOICE_S = 300;
const NEAR_END_PX = 120;
const template = document.querySelector("[data-phone-template]");

export class Phone {
  // `desk` is the page around it: onShared(phone, event, value), onUnread(phone), clock(),
  // menu(phone), onFailure(phone).
  constructor(key, desk) {
    this.desk = desk;
    this.root = template.content.firstElementChild.cloneNode(true);
    this.part = Object.fromEntries(
      [...this.root.querySelectorAll("*")].flatMap((part) => Object.keys(part.dataset).map((name) => [name, part])),
    );
    this.field = this.part.composer.elements.text;
    this.sheet = new Sheet(this.root);
    this.isAtEnd = true;
    this.recording = null;
    this.#wire();
    this.choose(key);
  }

  now() {
    return this.desk.now();
  }

  // Hand the phone to another person.
  choose(key) {
    this.key = key;
    this.person = null;
    // What it offers depends on who holds the phone, which the first snapshot tells.
    this.part.menu.disabled = true;
    this.messages = new Map();
    this.part.messages.replaceChildren();
    this.part.messages.dataset.day = "";
    this.part.holder.textContent = "";
    this.root.setAttribute("aria-label", word("phone"));
    this.root.dataset.person = key;
    this.field.value = "";
    this.showTyping(0);
    this.sheet.close();
    this.#dropRecording();
    this.quote(null);
    this.grow();
    this.listen();
  }

  remove() {
    this.quiet();
    this.#dropRecording();
    this.root.remove();
  }

  listen() {
    this.events?.close();
    const events = new EventSource(`/_phone/events?person=${encodeURIComponent(this.key)}`);
    this.events = events;
    const on = (name, then) => events.addEventListener(name, (event) => then(JSON.parse(event.data)));
    on("snapshot", (snapshot) => this.#showSnapshot(snapshot));
    on("message", (message) => this.#take(message, { isNew: true }));
    on("status", ({ id, status }) => this.#change(id, { status }));
    on("reaction", ({ id, emoji }) => this.#change(id, { reaction: emoji }));
    on("typing", ({ seconds }) => this.showTyping(seconds));
    on("people", (people) => {
      this.#showPerson(people.find((person) => this.#isMine(person)));
      this.desk.onShared(this, "people", people);
    });
    for (const name of ["log", "faults", "clock"]) {
      on(name, (value) => this.desk.onShared(this, name, value));
    }
    events.addEventListener("error", () => {
      // A stream that was refused is closed for good; one that broke off is tried again.
      if (events.readyState === EventSource.CLOSED) this.tell(word("nobody"));
      else this.tell(word("offline"));
    });
  }

  quiet() {
    this.events?.close();
    this.events = null;
  }

  get unread() {
    return [...this.messages.values()].filter((message) => !message.mine && message.status !== "read").length;
  }

  get isSeen() {
    return document.visibilityState === "visible" && this.root.offsetParent !== null;
  }

  // Whatever can now be seen is read, as on a real phone.
  read() {
    this.desk.onUnread(this);
    clearTimeout(this.reading);
    this.reading = setTimeout(() => {
      if (this.person && this.isSeen && this.unread) {
        post("/_phone/read", { person: this.person.key }).catch(() => {});
      }
    }, 300);
  }

  // Send, and say in the chat when that failed; whether it went.
  async write(message) {
    try {
      await this.send(message);
      return true;
    } catch {
      this.tell(word("not_sent"));
      return false;
    }
  }

  // Send; throws when that failed.
  async send(message) {
    await post("/_control/messages", { from: this.person.key, message });
    this.tell(null);
    if (message.context?.id && message.context.id === this.quoted?.id) this.quote(null);
    return true;
  }

  tell(trouble) {
    this.part.trouble.textContent = trouble ?? "";
    this.part.trouble.hidden = !trouble;
  }

  quote(id) {
    const message = this.messages.get(id) ?? null;
    this.quoted = message;
    this.part.reply.hidden = !message;
    if (!message) return;
    this.part.replyName.textContent = writerOf(message);
    this.part.replyText.textContent = summary(message.content);
    this.field.focus();
  }

  grow() {
    const { field } = this;
    // An empty field has no text to take a direction from: it keeps the page's.
    field.dir = field.value ? "auto" : document.documentElement.dir;
    field.style.blockSize = "auto";
    field.style.blockSize = `${Math.min(Math.max(field.scrollHeight, 46), 132)}px`;
    const isRecording = !this.part.recording.hidden;
    const hasText = field.value.trim() !== "";
    this.part.send.hidden = !hasText && !isRecording;
    this.part.record.hidden = hasText || isRecording;
  }

  showTyping(seconds) {
    clearTimeout(this.typingEnds);
    const nearEnd = this.#isNearEnd;
    this.part.typing.hidden = !seconds;
    if (!seconds) return;
    if (nearEnd) this.#toEnd();
    this.typingEnds = setTimeout(() => this.showTyping(0), seconds * 1000);
  }

  showClock() {
    this.part.phoneClock.textContent = time(this.now());
  }

  focus() {
    // On a touch screen the keyboard would rise before anybody wants to write.
    if (!matchMedia("(hover: none)").matches) this.field.focus();
    else this.part.chat.focus();
  }

  // The person's own settings with the provider

  async changeNumber(number) {
    if (!/^[1-9]\d{6,14}$/.test(number)) throw word("bad_number");
    const { person } = this;
    await this.send({
      type: "system",
      system: {
        body: `User ${person.name} changed from ${person.phone} to ${number}`,
        wa_id: number, type: "user_changed_number",
      },
    });
    return true;
  }

  async changeId() {
    const digits = [...crypto.getRandomValues(new Uint8Array(20))].map((byte) => byte % 10).join("");
    const userId = `SA.${digits}`;
    await this.write({
      type: "system",
      system: {
        body: `User ${this.person.name} has a new id`, user_id: userId, type: "user_changed_user_id",
      },
    });
  }

  async hide(hides) {
    await post("/_control/people", { phone: this.person.phone, hide_phone: hides }).catch(() => this.tell(word("not_sent")));
  }

  // Stop or resume what the business advertises.
  async prefer(value) {
    await post("/_control/notices", { notice: `${value}_marketing`, person: this.person.key })
      .then(() => this.tell(null), () => this.tell(word("not_sent")));
  }

  // Whether that is this phone's person; one of the two keys may have changed.
  #isMine(person) {
    return person.user_id === this.person?.user_id || (person.phone && person.phone === this.person?.phone);
  }

  #showPerson(person) {
    if (!person) return;
    this.person = person;
    this.part.menu.disabled = false;
    if (person.key !== this.key) {
      this.key = person.key;
      this.root.dataset.person = person.key;
      this.desk.onRenamed(this);
    }
    this.part.holder.replaceChildren(sentence("phone_of", { name: person.name }));
    this.root.setAttribute("aria-label", this.part.holder.textContent);
  }

  #showSnapshot(snapshot) {
    this.tell(null);
    this.#showPerson(snapshot.person);
    this.desk.onShared(this, "snapshot", snapshot);
    const atEnd = this.#isNearEnd || this.messages.size === 0;
    // A screen reader should not be read the whole chat anew.
    this.part.chat.setAttribute("aria-live", "off");
    for (const message of snapshot.messages) {
      if (this.messages.has(message.id)) {
        this.#change(message.id, { status: message.status, reaction: message.reaction });
      } else {
        this.#take(message, { isNew: false });
      }
    }
    this.part.empty.hidden = this.part.messages.childElementCount > 0;
    this.showClock();
    if (atEnd) this.#toEnd();
    requestAnimationFrame(() => this.part.chat.setAttribute("aria-live", "polite"));
    this.read();
  }

  // A message changes an earlier one, or is a bubble of its own.
  #take(message, { isNew }) {
    if (this.messages.has(message.id)) return;
    const { content } = message;
    switch (kindOf(content)) {
      case "reaction":
        this.#change(content.reaction.message_id, message.mine
          ? { ownReaction: content.reaction.emoji ?? "" } : { reaction: content.reaction.emoji ?? "" });
        break;
      case "edit": {
        const { original_message_id: id, message: said } = content.edit;
        const original = this.messages.get(id);
        const kind = said?.type ?? "text";
        if (original && said?.[kind]) {
          this.#change(id, { edited: true, content: { ...original.content, [kind]: { ...original.content[kind], ...said[kind] } } });
        }
        break;
      }
      case "revoke":
        this.#change(content.revoke.original_message_id, { revoked: true });
        break;
      default:
        this.#add(message, isNew);
    }
  }

  #add(message, isNew) {
    const { messages: list, empty } = this.part;
    const nearEnd = this.#isNearEnd;
    const before = list.lastElementChild;
    const date = day(message.at);
    if (list.dataset.day !== date) {
      list.append(make("li", "day", dayName(message.at, this.now())));
      list.dataset.day = date;
    }
    // The emulator tells a template as the person sees it beside what the business sent.
    if (message.shown && message.content.template) message.content.template.shown = message.shown;
    this.messages.set(message.id, message);
    const item = this.#drawn(message);
    const follows = before?.classList.contains("message")
      && before.classList.contains("mine") === message.mine
      && list.lastElementChild === before;
    if (!follows) item.classList.add("first");
    if (isNew) item.classList.add("new");
    list.append(item);
    empty.hidden = true;
    this.#reach(item.querySelector("[data-options]"));
    this.#markAnswered(message);
    if (!message.mine) {
      this.showTyping(0);
      this.read();
    }
    if (isNew && (nearEnd || message.mine)) this.#toEnd();
    else if (isNew) this.#showWayToEnd();
  }

  #drawn(message) {
    if (kindOf(message.content) === "system") return line(message, this.#systemText(message.content.system));
    return bubble(message, (id) => this.messages.get(id));
  }

  #systemText({ type, wa_id: phone, body }) {
    if (type === "user_changed_number") return sentence("number_changed", { phone: `+${phone}` });
    return type === "user_changed_user_id" ? word("id_changed") : body ?? "";
  }

  #change(id, change) {
    const message = this.messages.get(id);
    if (!message) return;
    Object.assign(message, change);
    const item = this.#itemOf(id);
    if (!item || item.dataset.kind === "system") return;
    if (change.revoked || change.content) {
      const fresh = this.#drawn(message);
      if (item.classList.contains("first")) fresh.classList.add("first");
      const [former, options] = [item, fresh].map((one) => one.querySelector("[data-options]"));
      options.tabIndex = former.tabIndex;
      item.replaceWith(fresh);
      this.#markAnsweredAnew();
    } else {
      if ("status" in change) showStatus(item, message);
      if ("reaction" in change || "ownReaction" in change) {
        const nearEnd = this.#isNearEnd;
        showReactions(item, message);
        if (nearEnd) this.#toEnd();
      }
    }
    this.read();
  }

  // Reply buttons serve once: WhatsApp greys them out after the first tap.
  #markAnswered({ content }) {
    if (!content.interactive?.button_reply && kindOf(content) !== "button") return;
    const item = content.context && this.#itemOf(content.context.id);
    const taps = item?.querySelectorAll('[data-action="button"], [data-action="quick"]') ?? [];
    for (const tap of taps) tap.disabled = true;
  }

  #markAnsweredAnew() {
    for (const message of this.messages.values()) this.#markAnswered(message);
  }

  // One message's options lie on the way of the Tab key, the arrows lead to the others.
  #reach(options) {
    if (!options) return;
    for (const other of this.part.messages.querySelectorAll('[data-options]:not([tabindex="-1"])')) other.tabIndex = -1;
    options.tabIndex = 0;
  }

  #itemOf(id) {
    return this.part.messages.querySelector(`[data-message-id="${CSS.escape(id)}"]`);
  }

  get #isNearEnd() {
    const { chat } = this.part;
    return chat.scrollHeight - chat.scrollTop - chat.clientHeight < NEAR_END_PX;
  }

  // Pictures grow when they come: who was at the end stays there.
  #stay() {
    if (this.isAtEnd) this.#toEnd();
  }

  #toEnd() {
    this.isAtEnd = true;
    this.part.chat.scrollTop = this.part.chat.scrollHeight;
    this.part.toEnd.hidden = true;
  }

  #showWayToEnd() {
    this.part.toEnd.hidden = this.#isNearEnd;
  }

  async #submit() {
    if (this.recording) return this.#endRecording();
    const text = this.field.value.trim();
    if (!text || !this.person) return undefined;
    const { quoted } = this;
    const context = quoted ? { context: { id: quoted.id } } : {};
    this.field.value = "";
    this.grow();
    this.quote(null);
    if (!await this.write({ type: "text", text: { body: text }, ...context })) {
      this.field.value = text;
      this.grow();
      this.quote(quoted?.id);
    }
    return this.field.focus();
  }

  // Recording

  async #beginRecording() {
    let recorder;
    try {
      recorder = await Recorder.begin();
    } catch {
      // No microphone, or not allowed: a ready-made voice message does instead.
      if (await sending.sendSampleVoice(this)) this.quote(null);
      return;
    }
    this.recording = recorder;
    this.part.field.hidden = true;
    this.part.recording.hidden = false;
    this.grow();
    const show = () => {
      this.part.recorded.textContent = spoken(recorder.seconds);
      if (recorder.seconds >= LONGEST_VOICE_S) this.#endRecording();
    };
    show();
    this.ticking = setInterval(show, 250);
    this.part.send.focus();
  }

  async #endRecording() {
    const recorder = this.#stopRecording();
    try {
      await sending.sendVoice(this, await recorder.end());
      this.quote(null);
    } catch {
      this.tell(word("not_recorded"));
    }
  }

  #dropRecording() {
    this.#stopRecording()?.end().catch(() => {});
  }

  #stopRecording() {
    const { recording } = this;
    if (!recording) return null;
    clearInterval(this.ticking);
    this.recording = null;
    this.part.recording.hidden = true;
    this.part.field.hidden = false;
    this.grow();
    this.field.focus();
    return recording;
  }

  // Wiring

  #act(tap) {
    const message = this.messages.get(tap.closest("[data-message-id]").dataset.messageId);
    const { content } = message;
    const context = { id: message.id };
    switch (tap.dataset.action) {
      case "button": {
        const { reply } = content.interactive.action.buttons.find((one) => one.reply.id === tap.dataset.replyId);
        return this.write({ type: "interactive", interactive: { type: "button_reply", button_reply: reply }, context });
      }
      case "quick": {
        const { text, payload } = shownOf(content).buttons[tap.dataset.at];
        return this.write({ type: "button", button: { payload: payload ?? text, text }, context });
      }
      case "code": {
        const { text, code } = shownOf(content).buttons[tap.dataset.at];
        return navigator.clipboard?.writeText(code ?? text).catch(() => {});
      }
      case "list":
        return sending.chooseRow(this, message, tap);
      case "flow":
        return sending.fillFlow(this, message, this.#flowOf(message), tap).catch(() => this.tell(word("offline")));
      case "location":
        return sending.sendLocation(this, { context, opener: tap });
      default:
        return this.write({
          type: "contacts",
          contacts: [sending.contactCard(this.person.name, this.person.phone ?? "966500000106")],
          context,
        });
    }
  }

  #flowOf({ content }) {
    const parameters = content.interactive?.action.parameters;
    if (parameters) {
      return { flow: parameters.flow_id ?? parameters.flow_name, title: parameters.flow_cta, token: parameters.flow_token,
        data: parameters.flow_action_payload?.data };
    }
    const shown = shownOf(content).buttons.find(({ type }) => type === "flow");
    return { flow: shown.flow_id ?? shown.flow_name, title: shown.text, token: shown.flow_token };
  }

  #jumpTo(id) {
    const item = this.#itemOf(id);
    item?.scrollIntoView({ block: "center" });
    item?.classList.remove("found");
    requestAnimationFrame(() => item?.classList.add("found"));
  }

  #openOptions(item, opener) {
    const message = this.messages.get(item.dataset.messageId);
    if (message) sending.openOptions(this, message, opener ?? item.querySelector("[data-options]"));
  }

  #wire() {
    const { part, field } = this;
    for (const [name, drawing] of Object.entries({
      menu: "more", closeSheet: "close", cancelReply: "close", attach: "attach", emoji: "smile",
      send: "send", record: "audio", dropRecording: "bin", toEnd: "down",
    })) part[name].append(icon(drawing));

    part.composer.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    field.addEventListener("input", () => this.grow());
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#submit();
      }
      if (event.key === "Escape") this.quote(null);
    });
    part.attach.addEventListener("click", () => sending.attach(this, part.attach));
    part.emoji.addEventListener("click", () => sending.pickEmoji(this, part.emoji));
    part.record.addEventListener("click", () => this.#beginRecording());
    part.dropRecording.addEventListener("click", () => this.#dropRecording());
    part.toEnd.addEventListener("click", () => this.#toEnd());
    part.chat.addEventListener("scroll", () => {
      this.isAtEnd = this.#isNearEnd;
      this.#showWayToEnd();
    }, { passive: true });
    new ResizeObserver(() => this.#stay()).observe(part.messages);
    part.cancelReply.addEventListener("click", () => {
      this.quote(null);
      field.focus();
    });
    part.menu.addEventListener("click", () => sending.openMenu(this, part.menu, this.desk.menu(this)));

    part.messages.addEventListener("click", (event) => {
      const target = event.target.closest("[data-action], [data-options], [data-jump], [data-view]");
      if (!target) return;
      const item = target.closest("[data-message-id]");
      if (target.dataset.action) this.#act(target);
      else if (target.dataset.jump) this.#jumpTo(target.dataset.jump);
      else if (target.dataset.view) this.desk.view(this.messages.get(item.dataset.messageId), target.dataset.view);
      else this.#openOptions(item, target);
    });
    part.messages.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!step || !event.target.matches("[data-options]")) return;
      event.preventDefault();
      const all = [...part.messages.querySelectorAll("[data-options]")];
      const next = all[all.indexOf(event.target) + step];
      this.#reach(next);
      next?.focus();
    });
    let press = 0;
    part.messages.addEventListener("pointerdown", (event) => {
      const item = event.pointerType === "touch" && event.target.closest("[data-message-id]");
      if (item) press = setTimeout(() => this.#openOptions(item), LONG_PRESS_MS);
    });
    for (const ending of ["pointerup", "pointercancel", "pointermove"]) {
      part.messages.addEventListener(ending, () => clearTimeout(press));
    }

    const offered = (event) => event.dataTransfer?.types.includes("Files");
    this.root.addEventListener("dragover", (event) => {
      if (!offered(event)) return;
      event.preventDefault();
      part.drop.hidden = false;
    });
    this.root.addEventListener("dragleave", (event) => {
      if (!this.root.contains(event.relatedTarget)) part.drop.hidden = true;
    });
    this.root.addEventListener("drop", (event) => {
      part.drop.hidden = true;
      if (!offered(event) || !event.dataTransfer.files[0]) return;
      event.preventDefault();
      sending.preview(this, event.dataTransfer.files[0]);
    });
    field.addEventListener("paste", (event) => {
      const [file] = event.clipboardData.files;
      if (!file) return;
      event.preventDefault();
      sending.preview(this, file);
    });
  }
}
