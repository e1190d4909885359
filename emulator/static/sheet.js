// The sheet that rises from the bottom of a phone.

import { word } from "./words.js";

export class Sheet {
  #opened = null;

  constructor(phone) {
    const part = (name) => phone.querySelector(`[data-${name}]`);
    this.layer = part("sheet");
    this.form = part("sheet-form");
    this.veil = part("veil");
    this.body = part("sheet-body");
    this.title = part("sheet-title");
    this.problem = part("sheet-problem");
    this.button = part("sheet-send");
    this.behind = [...phone.children].filter((child) => child !== this.layer && child !== this.veil);
    this.form.addEventListener("input", () => this.check());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    part("close-sheet").addEventListener("click", () => this.close());
    this.veil.addEventListener("click", () => this.close());
    phone.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  get isOpen() {
    return this.#opened !== null;
  }

  // `onSend` gets the form and says whether the sheet may close, or throws the text of a problem;
  // without it there is no send button.
  open({ title, opener, parts, onSend, label = word("send") }) {
    const before = this.#opened?.opener;
    this.#opened?.onClose?.();
    this.#opened = { opener: opener ?? before, onSend };
    this.title.textContent = title;
    this.layer.setAttribute("aria-label", title);
    this.button.hidden = !onSend;
    this.button.textContent = label;
    this.body.replaceChildren(...parts.filter(Boolean));
    this.body.scrollTop = 0;
    this.layer.hidden = false;
    this.veil.hidden = false;
    for (const part of this.behind) part.inert = true;
    this.tell(null);
    this.check();
    const first = this.body.querySelector("[autofocus]")
      ?? this.body.querySelector("input:not([type=hidden]), textarea, select, button, audio, video");
    (first ?? this.layer.querySelector("button")).focus();
  }

  set onClose(then) {
    if (this.#opened) this.#opened.onClose = then;
  }

  check() {
    this.button.disabled = !this.form.checkValidity();
  }

  tell(problem) {
    this.problem.textContent = problem ?? "";
    this.problem.hidden = !problem;
  }

  close() {
    if (!this.#opened) return;
    const { opener, onClose } = this.#opened;
    this.#opened = null;
    this.layer.hidden = true;
    this.veil.hidden = true;
    this.body.replaceChildren();
    for (const part of this.behind) part.inert = false;
    onClose?.();
    if (opener?.isConnected) opener.focus();
  }

  async #send() {
    const opened = this.#opened;
    if (!opened?.onSend || this.button.disabled) return;
    this.button.disabled = true;
    this.layer.setAttribute("aria-busy", "true");
    this.tell(null);
    try {
      if (await opened.onSend(this.form) && this.#opened === opened) this.close();
    } catch (failure) {
      this.tell(typeof failure === "string" ? failure : word("not_sent"));
    } finally {
      this.layer.removeAttribute("aria-busy");
      this.check();
    }
  }
}
