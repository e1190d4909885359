// The page: the phones that lie on the table, who holds them, and the panel beside them.

import { mediaAddress, post } from "./api.js";
import { icon } from "./icons.js";
import { button, latin, make, name } from "./make.js";
import { Panel } from "./panel.js";
import { Phone } from "./phone.js";
import { lang, sentence, time, weekday, word } from "./words.js";

const MOST_PHONES = 3;
const NOURA = "966500000101";
const small = matchMedia("(width < 760px)");

const one = (name) => document.querySelector(`[data-${name}]`);
const stage = one("stage");
const table = one("phones");
const phones = [];
let current = null;
let people = [];
let offset = 0;

const panel = new Panel({ now: () => now(), onClock: showClock });
const now = () => Date.now() / 1000 + offset;

const desk = {
  now,
  // Every phone hears what concerns all of them; the first one speaks for them.
  onShared(phone, event, value) {
    if (phone !== phones[0]) return;
    if (event === "snapshot") {
      panel.showSnapshot(value);
      showPeople(value.people);
    } else if (event === "people") {
      showPeople(value);
    } else {
      panel.take(event, value);
    }
  },
  onUnread: () => showSwitches(),
  onRenamed() {
    keepAddress();
    showPeople(people);
  },
  menu: (phone) => ({
    close: phones.length > 1 ? () => removePhone(phone) : null,
    openPanel: small.matches ? () => openPanel(true) : null,
  }),
  view,
};

// The phones

function addPhone(key) {
  const phone = new Phone(key, desk);
  phones.push(phone);
  table.append(phone.root);
  // A press counts as well: Safari does not focus a button that is clicked.
  for (const event of ["focusin", "pointerdown"]) phone.root.addEventListener(event, () => makeCurrent(phone));
  makeCurrent(phone);
  return phone;
}

function removePhone(phone) {
  const at = phones.indexOf(phone);
  phones.splice(at, 1);
  phone.remove();
  makeCurrent(phones[Math.min(at, phones.length - 1)]);
  // Another phone may now be the one that speaks for all.
  if (at === 0) phones[0].listen();
  current.focus();
}

function makeCurrent(phone) {
  if (current === phone && phone.root.classList.contains("current") && stage.dataset.count === String(phones.length)) return;
  current = phone;
  stage.dataset.count = phones.length;
  for (const each of phones) each.root.classList.toggle("current", each === phone);
  keepAddress();
  showPeople(people);
  phone.read();
}

// The address says who holds the phones, so that a link or a reload brings them back.
function keepAddress() {
  const address = new URL(location.href);
  address.searchParams.delete("person");
  for (const phone of phones) address.searchParams.append("person", phone.key);
  history.replaceState(null, "", address);
  address.searchParams.set("lang", lang === "ar" ? "en" : "ar");
  for (const link of document.querySelectorAll("[data-language]")) link.href = address.search;
}

const phoneOf = (key) => phones.find((phone) => phone.key === key);

function choosePerson(key) {
  const open = phoneOf(key);
  if (open) makeCurrent(open);
  else {
    current.choose(key);
    keepAddress();
    showPeople(people);
  }
  openPanel(false);
  current.focus();
}

function toggleBeside(key) {
  const open = phoneOf(key);
  if (open) removePhone(open);
  else if (phones.length < MOST_PHONES) {
    addPhone(key).focus();
    openPanel(false);
  }
}

// The people

function initial(holder) {
  const made = make("span", "initial", holder.replace(/^(أبو|أم) /, "").slice(0, 1));
  made.setAttribute("aria-hidden", "true");
  return made;
}

function besideButton(person, isOpen) {
  const made = button("icon-button beside", icon(isOpen ? "close" : "add"));
  made.dataset.beside = person.key;
  const label = sentence(isOpen ? "take_away" : "put_beside", { name: person.name }).textContent;
  made.setAttribute("aria-label", label);
  made.title = label;
  made.hidden = isOpen ? phones.length === 1 : phones.length >= MOST_PHONES;
  return made;
}

function showPeople(shown) {
  people = shown;
  const list = one("people");
  const focused = list.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
  list.replaceChildren(...people.map((person) => {
    const note = make("small", "", person.wa_id ? latin(`+${person.wa_id}`) : word("hidden_number"));
    const choice = button("person", initial(person.name), make("span", "", make("b", "", name(person.name)), note));
    choice.dataset.person = person.key;
    const open = phoneOf(person.key);
    choice.setAttribute("aria-pressed", String(Boolean(open)));
    if (open && open === current) choice.setAttribute("aria-current", "true");
    return make("li", "", choice, besideButton(person, Boolean(open)));
  }));
  if (focused) {
    const [[name, key]] = Object.entries(focused);
    const again = list.querySelector(`[data-${name}="${CSS.escape(key)}"]`);
    if (again && !again.hidden) again.focus();
  }
  showSwitches();
}

// On a small screen only one phone fits: a row above it changes between them.
function showSwitches() {
  one("switcher").hidden = phones.length < 2;
  document.body.classList.toggle("with-switcher", phones.length > 1);
  const list = one("switches");
  const hadFocus = list.contains(document.activeElement);
  list.replaceChildren(...phones.map((phone) => {
    const holder = phone.person?.name ?? phone.key;
    const made = button("", initial(holder), make("span", "", name(holder)));
    if (phone === current) made.setAttribute("aria-current", "true");
    const { unread } = phone;
    if (unread && phone !== current) {
      made.append(make("b", "count", String(unread)), make("span", "unseen", word("unread")));
    }
    made.addEventListener("click", () => makeCurrent(phone));
    return make("li", "", made);
  }));
  if (hadFocus) list.querySelector("[aria-current]")?.focus();
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
    choosePerson(person.key);
  } catch {
    problem.hidden = false;
    phone.setAttribute("aria-invalid", "true");
    phone.focus();
  }
}

// The clock

function showClock(clock) {
  ({ offset_s: offset } = clock);
  tickClock();
}

function tickClock() {
  one("clock").textContent = `${weekday(now())} ${time(now())}`;
  for (const phone of phones) phone.showClock();
}

// The panel

function openPanel(open) {
  const isOpen = document.body.classList.contains("panel-open");
  if (open === isOpen) return;
  document.body.classList.toggle("panel-open", open);
  table.inert = open;
  if (open) one("close-panel").focus();
  else current.focus();
}

function foldPanel(folded) {
  document.body.classList.toggle("panel-folded", folded);
  const fold = one("fold-panel");
  fold.setAttribute("aria-expanded", String(!folded));
  fold.textContent = word(folded ? "unfold_panel" : "fold_panel");
  sessionStorage.setItem("panel-folded", folded ? "yes" : "");
}

// The viewer

const viewer = one("viewer");
function view(message, id) {
  const title = document.getElementById("viewer-title");
  const picture = one("viewer-picture");
  const part = message.content.image ?? message.content.sticker;
  title.textContent = word(message.content.sticker ? "sticker_of" : "image_of");
  picture.src = mediaAddress(id);
  picture.alt = part?.caption ? "" : title.textContent;
  one("viewer-save").href = picture.src;
  const caption = one("viewer-caption");
  caption.textContent = part?.caption ?? "";
  caption.hidden = !part?.caption;
  viewer.showModal();
}

// Wiring

one("open-panel").append(icon("controls"));
one("viewer-save").append(icon("save"));
one("viewer-close").append(icon("close"));
one("viewer-close").addEventListener("click", () => viewer.close());
viewer.addEventListener("click", (event) => {
  if (event.target === viewer) viewer.close();
});
one("open-panel").addEventListener("click", () => openPanel(true));
one("close-panel").addEventListener("click", () => openPanel(false));
one("fold-panel").addEventListener("click", () => foldPanel(!document.body.classList.contains("panel-folded")));
one("skip").addEventListener("click", (event) => {
  event.preventDefault();
  current.focus();
});
one("people").addEventListener("click", (event) => {
  const choice = event.target.closest("[data-person], [data-beside]");
  if (choice?.dataset.person) choosePerson(choice.dataset.person);
  else if (choice) toggleBeside(choice.dataset.beside);
});
one("new-person").addEventListener("submit", (event) => {
  event.preventDefault();
  addPerson(event.target);
});
small.addEventListener("change", () => openPanel(false));
document.addEventListener("visibilitychange", () => {
  // A browser keeps few connections to one server: a page that nobody sees gives its own back.
  for (const phone of phones) {
    if (document.visibilityState === "visible") phone.listen();
    else phone.quiet();
  }
});
setInterval(tickClock, 5000);

if (sessionStorage.getItem("panel-folded")) foldPanel(true);
const asked = [...new Set(new URLSearchParams(location.search).getAll("person"))].slice(0, MOST_PHONES);
for (const key of asked.length ? asked : [NOURA]) addPhone(key);
makeCurrent(phones[0]);
