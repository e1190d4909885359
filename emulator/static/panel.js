// What is behind the phones: the network's faults, limits, templates, notices, the clock, the log.

import { call, get, post } from "./api.js";
import { button, latin, make, own, tick } from "./make.js";
import { counted, line, preciseTime, word } from "./words.js";

const LOG_LINES = 60;
const WINDOW_SWITCH_S = 25 * 3600;
const FIRST_FAULTS = ["delay", "duplicate", "outage"];
const WITH_CODE = new Set(["error", "fail", "rate_limit"]);
const BAD_NEWS = new Set(["send.refused", "webhook.retrying", "webhook.given_up", "webhook.unreachable"]);

const capitalised = (text) => text[0].toUpperCase() + text.slice(1);
const one = (name) => document.querySelector(`[data-${name}]`);

export class Panel {
  constructor({ now, onClock }) {
    this.now = now;
    this.onClock = onClock;
    this.switches = new Map();
    this.faults = [];
    for (const fold of document.querySelectorAll("[data-fold]")) this.#keepFold(fold);
    for (const advance of document.querySelectorAll("[data-advance]")) {
      advance.addEventListener("click", () => {
        const seconds = Number(advance.dataset.advance);
        this.#try(post("/_control/clock", seconds ? { advance_s: seconds } : { offset_s: 0 }));
      });
    }
    one("fault-code").append(...Object.entries(word("codes")).map(([code, meaning]) => new Option(`${code}: ${meaning}`, code)));
    this.#showNotices();
    this.#loadFaults();
  }

  showSnapshot(snapshot) {
    this.take("clock", snapshot.clock);
    this.take("faults", snapshot.faults);
    one("log").replaceChildren();
    one("log-empty").hidden = snapshot.log.length > 0;
    for (const entry of snapshot.log) this.#addLine(entry);
  }

  take(event, value) {
    if (event === "log") this.#addLine(value);
    else if (event === "faults") this.#showFaults(value);
    else if (event === "clock") this.#showClock(value);
  }

  // Do it, and say so when it could not be done.
  async #try(doing) {
    const trouble = one("panel-trouble");
    try {
      const answer = await doing;
      trouble.hidden = true;
      return answer;
    } catch {
      trouble.textContent = word("not_done");
      trouble.hidden = false;
      return null;
    }
  }

  #keepFold(fold) {
    const key = `fold-${fold.dataset.fold}`;
    fold.addEventListener("toggle", () => {
      sessionStorage.setItem(key, fold.open ? "open" : "");
      if (fold.open && fold.dataset.fold === "templates") this.#loadTemplates();
      if (fold.open && fold.dataset.fold === "options") this.#loadOptions();
    });
    // Opening it is a toggle as well, and loads what is inside.
    fold.open = sessionStorage.getItem(key) === "open";
  }

  // Faults

  async #loadFaults() {
    const answer = await this.#try(get("/_control/faults"));
    if (!answer) return;
    const kinds = Object.keys(answer.kinds);
    const first = FIRST_FAULTS.filter((kind) => kinds.includes(kind));
    one("main-faults").replaceChildren(
      ...first.map((kind) => this.#faultSwitch(kind, word(`switch_${kind}`))),
      this.#windowSwitch(),
    );
    one("more-faults").replaceChildren(
      ...kinds.filter((kind) => !first.includes(kind)).map((kind) =>
        this.#faultSwitch(kind, capitalised(word("faults")[kind] ?? answer.kinds[kind]))),
    );
    this.#showFaults(answer.items);
  }

  #faultSwitch(kind, label) {
    const made = tick(kind, { label, role: "switch" });
    const control = made.querySelector("input");
    this.switches.set(kind, control);
    control.addEventListener("change", async () => {
      const done = await this.#try(control.checked
        ? post("/_control/faults", { kind, ...this.#faultSettings(kind) })
        : call("DELETE", `/_control/faults?kind=${kind}`).then(() => true));
      if (!done) control.checked = !control.checked;
    });
    return make("li", "", made);
  }

  #faultSettings(kind) {
    const rate = one("fault-rate").value;
    const code = one("fault-code").value;
    const after = one("fault-after").checked;
    const delay = one("fault-delay").value;
    return {
      ...(rate === "once" ? { count: 1 } : { rate: Number(rate) }),
      ...(code && WITH_CODE.has(kind) ? { code: Number(code) } : {}),
      ...(after && (kind === "bad_gateway" || kind === "disconnect") ? { code: 1 } : {}),
      ...(delay && (kind === "delay" || kind === "timeout") ? { delay_ms: Number(delay) * 1000 } : {}),
    };
  }

  #showFaults(faults) {
    this.faults = faults;
    for (const [kind, control] of this.switches) control.checked = faults.some((fault) => fault.kind === kind);
  }

  // The clock

  #windowSwitch() {
    const made = tick("window", { label: word("switch_window"), role: "switch" });
    this.window = made.querySelector("input");
    this.window.checked = this.offset >= 24 * 3600;
    this.window.addEventListener("change", async () => {
      const done = await this.#try(post("/_control/clock", { offset_s: this.window.checked ? WINDOW_SWITCH_S : 0 }));
      if (!done) this.window.checked = !this.window.checked;
    });
    return make("li", "", made);
  }

  #showClock(clock) {
    this.offset = clock.offset_s;
    if (this.window) this.window.checked = this.offset >= 24 * 3600;
    const hours = Math.round(this.offset / 3600);
    one("clock-state").textContent = hours
      ? word(hours > 0 ? "clock_ahead" : "clock_behind").replace("{hours}", counted("hours", Math.abs(hours)))
      : word("clock_real");
    this.onClock(clock);
  }

  // Speed and limits

  async #loadOptions() {
    const options = await this.#try(get("/_control/options"));
    if (!options) return;
    one("options").replaceChildren(...Object.entries(options).map(([name, value]) => this.#option(name, value)));
  }

  #option(name, value) {
    const label = word("option_names")[name] ?? name;
    if (typeof value === "boolean") {
      const made = tick(name, { label, checked: value, role: "switch" });
      made.querySelector("input").addEventListener("change", (event) => this.#setOption(name, event.target.checked));
      return made;
    }
    const field = document.createElement("input");
    Object.assign(field, { type: "number", name, value, min: 0, step: "any", inputMode: "decimal", dir: "ltr" });
    field.addEventListener("change", () => {
      if (field.value !== "" && field.checkValidity()) this.#setOption(name, field.valueAsNumber);
    });
    return make("label", "", label, field);
  }

  async #setOption(name, value) {
    if (!await this.#try(post("/_control/options", { [name]: value }))) this.#loadOptions();
  }

  // Templates

  async #loadTemplates() {
    let items = [];
    try {
      ({ items } = await get("/_control/templates"));
    } catch {
      // An emulator without templates has none to show.
    }
    // What waits for a decision comes first.
    items.sort((a, b) => (b.status === "PENDING") - (a.status === "PENDING"));
    one("templates-empty").hidden = items.length > 0;
    one("templates").replaceChildren(...items.map((template) => this.#template(template)));
  }

  #template(template) {
    const state = template.status.toLowerCase();
    const body = template.components?.find(({ type }) => type.toLowerCase() === "body")?.text;
    const decide = (status, label) => {
      const made = button("plain-button", label);
      made.setAttribute("aria-label", `${label}: ${template.name}`);
      made.addEventListener("click", async () => {
        await this.#try(post("/_control/templates", {
          ...(template.id ? { id: template.id } : {}),
          name: template.name, language: template.language, status,
        }));
        await this.#loadTemplates();
        one("templates").closest("details").querySelector("summary").focus();
      });
      return made;
    };
    const choices = {
      APPROVED: word("approve"), REJECTED: word("reject"), PAUSED: word("pause_template"),
    };
    return make("li", "",
      make("p", "", make("b", "", latin(template.name)), " ", make("span", `state ${state}`, word("template_states")[state] ?? template.status)),
      make("p", "quiet", latin(template.language), " · ", word("template_categories")[template.category?.toLowerCase()] ?? template.category ?? ""),
      body ? own("p", "excerpt", body) : null,
      make("div", "buttons", ...Object.entries(choices)
        .filter(([status]) => status !== template.status)
        .map(([status, label]) => decide(status, label))));
  }

  // What the provider tells the business about its account

  #showNotices() {
    const names = word("notice_names");
    one("notices").replaceChildren(...Object.keys(names).map((notice) => {
      const made = button("plain-button", names[notice]);
      made.addEventListener("click", async () => {
        if (await this.#try(post("/_control/notices", { notice }))) {
          made.classList.add("done");
          setTimeout(() => made.classList.remove("done"), 1200);
        }
      });
      return make("li", "", made);
    }));
  }

  // The log

  #addLine(entry) {
    const log = one("log");
    const stamp = make("time", "", preciseTime(entry.at));
    stamp.dateTime = new Date(entry.at * 1000).toISOString();
    one("log-empty").hidden = true;
    log.prepend(make("li", BAD_NEWS.has(entry.what) ? "bad" : "", stamp, line(entry)));
    while (log.children.length > LOG_LINES) log.lastElementChild.remove();
    if (entry.what.startsWith("template.") && one("templates").closest("details").open) {
      clearTimeout(this.reloading);
      this.reloading = setTimeout(() => this.#loadTemplates(), 300);
    }
  }
}
