// Writing a template: counters, variables inserted by a button, an example for each, rows of buttons.
import htmx from "htmx.org/dist/htmx.esm.js";

const VARIABLE = /\{\{\s*([^{}]*?)\s*\}\}/g;
const editor = () => document.querySelector("[data-template-editor]");
const variables = (text) => [...new Set([...text.matchAll(VARIABLE)].map((found) => found[1]).filter(Boolean))];

/** Counts as the provider does: in UTF-16 units, which is what a browser's length is. */
function count(form) {
  for (const counter of form.querySelectorAll("[data-counter]")) {
    const length = document.getElementById(counter.dataset.counter).value.replace(/\r\n/g, "\n").trim().length;
    counter.textContent = `${length} / ${counter.dataset.limit}`;
    counter.classList.toggle("is-over", length > Number(counter.dataset.limit));
  }
}

/** One example for each variable; one that went away keeps its words in case it comes back. */
function exemplify(form) {
  const rows = form.querySelector("[data-example-rows]");
  const wanted = [];
  const showsHeader = form.querySelector("[data-header-format]").value === "TEXT";
  if (showsHeader) for (const name of variables(form.elements.header_text.value)) wanted.push(["header", name]);
  for (const name of variables(form.elements.body.value)) wanted.push(["body", name]);
  const known = new Map([...rows.children].map((row) => [row.querySelector("input").name, row]));
  const staying = wanted.map(([place, name]) => {
    const key = `example.${place}.${name}`;
    const row = known.get(key) ?? form.querySelector("[data-example-row]").content.firstElementChild.cloneNode(true);
    if (!known.has(key)) {
      row.id = `field-${key}`;
      row.querySelector("bdi").textContent = `{{${name}}}`;
      row.querySelector("span").hidden = place !== "header";
      row.querySelector("input").name = key;
    }
    return row;
  });
  for (const row of rows.children) if (!staying.includes(row)) row.hidden = true;
  staying.forEach((row, position) => {
    row.hidden = false;
    if (rows.children[position] !== row) rows.insertBefore(row, rows.children[position] ?? null);
  });
  for (const row of rows.children) row.querySelector("input").disabled = row.hidden;
  form.querySelector("[data-examples]").hidden = !wanted.length;
}

function arrange(form) {
  form.querySelector("[data-header-text]").hidden = form.querySelector("[data-header-format]").value !== "TEXT";
  for (const row of form.querySelectorAll("[data-button-row]")) {
    row.dataset.kind = row.querySelector("select").value;
    const needsExample = row.dataset.kind === "COPY_CODE" || (row.dataset.kind === "URL" && row.querySelector(".for-value").value.includes("{{"));
    row.classList.toggle("needs-example", needsExample);
  }
  const spare = form.querySelector("[data-button-row][data-spare]");
  form.querySelector("[data-add-button]").hidden = !spare;
}

function refresh(form) {
  count(form);
  exemplify(form);
  arrange(form);
}

htmx.onLoad(() => editor() && refresh(editor()));
document.addEventListener("input", (event) => event.target.closest("[data-template-editor]") && refresh(editor()));

document.addEventListener("click", (event) => {
  const insert = event.target.closest("[data-insert-variable]");
  if (insert) {
    const field = document.getElementById(insert.dataset.insertVariable);
    const used = variables(field.value).map(Number).filter(Boolean);
    const words = `{{${Math.max(0, ...used) + 1}}}`;
    field.setRangeText(words, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (event.target.closest("[data-add-button]")) {
    const row = editor().querySelector("[data-button-row][data-spare]");
    delete row.dataset.spare;
    const kind = row.querySelector("select");
    kind.value = "QUICK_REPLY";
    refresh(editor());
    row.querySelector(".for-text").focus();
    kind.dispatchEvent(new Event("input", { bubbles: true }));
  }
});
