// Writing a place: the gazetteer offers names, and the point of the one that is taken.
let waiting;
const known = new Map();

document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-places]");
  if (!field) return;
  take(field);
  clearTimeout(waiting);
  waiting = setTimeout(() => ask(field), 250);
});

async function ask(field) {
  const words = field.value.trim();
  if (words.length < 2) return;
  let answer;
  try {
    answer = await fetch(`${field.dataset.places}?q=${encodeURIComponent(words)}`, { headers: { Accept: "application/json" } });
  } catch {
    return; // Offers are a help: without them one writes on.
  }
  if (!answer.ok || field.value.trim() !== words) return;
  const { items } = await answer.json();
  field.list.replaceChildren(
    ...items.map((item) => {
      const name = item.within ? `${item.name}، ${item.within}` : item.name;
      known.set(name, item);
      return Object.assign(document.createElement("option"), { value: name });
    }),
  );
}

/** A name of the gazetteer brings its point along, where it has one. */
function take(field) {
  const at = known.get(field.value)?.at;
  if (!at) return;
  const form = field.form;
  [form.elements.latitude.value, form.elements.longitude.value] = at;
  form.elements.latitude.dispatchEvent(new Event("change", { bubbles: true }));
}
