// The page's words in its language, and the sentences made of them.

export const lang = document.documentElement.lang;
const locale = lang === "ar" ? "ar-SA-u-ca-gregory-nu-latn" : "en-GB";
const answer = await fetch("/static/words.json");
const words = (await answer.json())[lang];
const plural = new Intl.PluralRules(lang);
const RIYADH = { timeZone: "Asia/Riyadh" };

const clockOf = new Intl.DateTimeFormat("en-GB", { ...RIYADH, hour: "2-digit", minute: "2-digit" });
const preciseClockOf = new Intl.DateTimeFormat("en-GB", {
  ...RIYADH, hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const dateOf = new Intl.DateTimeFormat("en-CA", RIYADH);
const weekdayOf = new Intl.DateTimeFormat(locale, { ...RIYADH, weekday: "long" });
const longDateOf = new Intl.DateTimeFormat(locale, {
  ...RIYADH, day: "numeric", month: "long", year: "numeric",
});

export const word = (key) => words[key];

// A sentence with its values, each isolated so that names and codes keep their direction.
function filled(text, values) {
  const made = document.createElement("span");
  for (const part of text.split(/(\{\w+\})/)) {
    const name = part.match(/^\{(\w+)\}$/)?.[1];
    if (name) {
      const value = document.createElement("bdi");
      value.textContent = values[name] ?? "";
      made.append(value);
    } else {
      made.append(part);
    }
  }
  return made;
}

export const sentence = (key, values) => filled(words[key], values);

export function counted(noun, n) {
  const forms = words.counts[noun];
  return (forms[plural.select(n)] ?? forms.other).replace("{n}", n);
}

export const time = (seconds) => clockOf.format(seconds * 1000);
export const preciseTime = (seconds) => preciseClockOf.format(seconds * 1000);
export const day = (seconds) => dateOf.format(seconds * 1000);
export const weekday = (seconds) => weekdayOf.format(seconds * 1000);

export function dayName(seconds, now) {
  const date = day(seconds);
  if (date === day(now)) return words.today;
  if (date === day(now - 86400)) return words.yesterday;
  if (seconds < now && now - seconds < 6 * 86400) return weekday(seconds);
  return longDateOf.format(seconds * 1000);
}

// 75 seconds as 1:15.
export function spoken(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

const sizeOf = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
export function fileSize(bytes) {
  if (bytes < 1024 * 1024) return words.kilobytes.replace("{n}", sizeOf.format(Math.max(1, Math.round(bytes / 1024))));
  return words.megabytes.replace("{n}", sizeOf.format(bytes / 1024 / 1024));
}

function pauseInWords(seconds) {
  return seconds < 1 ? words.half_second : counted("seconds", Math.round(seconds));
}

function lineKey(entry) {
  const [, family, status] = (entry.kind ?? "").match(/^(message|status)\.(\w+)$/) ?? [];
  switch (entry.what) {
    case "webhook.delivered":
      if (family === "status") return `webhook.delivered.status.${status}`;
      if (family === "message") return "webhook.delivered.message";
      return entry.kind === "statuses" ? "webhook.delivered.statuses" : "webhook.delivered.account";
    case "webhook.retrying":
      return entry.status === null ? "webhook.unreachable" : "webhook.retrying";
    case "send.refused":
      return entry.code in words.codes ? "send.refused.known" : "send.refused";
    case "clock.moved":
      if (entry.hours === 0) return "clock.real";
      return entry.hours > 0 ? "clock.ahead" : "clock.behind";
    default:
      return entry.what.startsWith("template.") ? "template.changed" : entry.what;
  }
}

// One line of the log.
export function line(entry) {
  const [family, kind] = (entry.kind ?? "").includes(".") ? entry.kind.split(".") : ["message", entry.kind];
  const state = entry.what.replace("template.", "");
  const values = {
    ...entry,
    // What concerns nobody in particular concerns the account.
    name: entry.name ?? words.the_account,
    kind: words.kinds[kind] ?? words.kinds.text,
    field: family === "notice" ? words.notice_fields[kind] ?? kind : "",
    state: words.template_states[state] ?? state,
    fault: words.faults[entry.fault] ?? entry.fault,
    meaning: words.codes[entry.code],
    messages: counted("messages", entry.count ?? 0),
    hours: counted("hours", Math.abs(Math.round(entry.hours ?? 0))),
    pause: pauseInWords(entry.pause_s ?? 0),
    took: words.took.replace("{n}", Math.max(entry.took_s ?? 0, 0.01).toFixed(2)),
  };
  return filled(words.lines[lineKey(entry)] ?? entry.what, values);
}
