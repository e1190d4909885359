// Small makers of elements.

import { icon } from "./icons.js";

export function make(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(className, ...children) {
  const made = make("button", className, ...children);
  made.type = "button";
  return made;
}

export function iconButton(name, label, className = "icon-button") {
  const made = button(className, icon(name));
  made.setAttribute("aria-label", label);
  return made;
}

// Text whose direction is its own.
export function own(tag, className, text) {
  const made = make(tag, className, text);
  made.dir = "auto";
  return made;
}

// A name within a line: apart, so that it keeps its direction and the line keeps its own.
export const name = (text) => make("bdi", "", text);

export function latin(text) {
  const made = make("bdi", "", text);
  made.dir = "ltr";
  return made;
}

export function input(name, { label, className = "stacked", hint, ...settings }) {
  const made = document.createElement(settings.rows ? "textarea" : "input");
  made.name = name;
  made.autocomplete = "off";
  Object.assign(made, settings);
  return make("label", className, label, made, hint ? make("small", "", hint) : null);
}

export function select(name, { label, options, value = "", required = false }) {
  const made = make("select", "", ...options.map(([key, text]) => new Option(text, key)));
  Object.assign(made, { name, value, required });
  return make("label", "stacked", label, made);
}

export function tick(name, { label, checked = false, role }) {
  const made = document.createElement("input");
  Object.assign(made, { type: "checkbox", name, checked });
  if (role) made.setAttribute("role", role);
  return make("label", role === "switch" ? "switch" : "check", label, made);
}
