// Days, weeks and months of a site as spans of time, in its zone; what the address of the page says of them. Pure.

import { locale, t } from "./words.js";

const DAY_MS = 86400000;
export const KINDS = ["day", "week", "month", "own"];
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const WALL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/;

const parts = new Map();
function wallParts(zone) {
  if (!parts.has(zone)) {
    const options = { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    parts.set(zone, new Intl.DateTimeFormat("en-GB", options));
  }
  return parts.get(zone);
}

// "2026-11-20T14:05": what the clocks on the site show at an instant.
export function wall(ms, zone) {
  const found = Object.fromEntries(wallParts(zone).formatToParts(ms).map(({ type, value }) => [type, value]));
  return `${found.year}-${found.month}-${found.day}T${found.hour}:${found.minute}`;
}

// The instant at which the clocks show that; of the hour that comes twice, the first.
export function instant(text, zone) {
  const meant = Date.parse(`${text}:00Z`);
  const offsetAt = (ms) => Date.parse(`${wall(ms, zone)}:00Z`) - Math.floor(ms / 60000) * 60000;
  const candidates = [meant - offsetAt(meant - DAY_MS), meant - offsetAt(meant + DAY_MS)];
  return candidates.find((ms) => wall(ms, zone) === text) ?? Math.max(...candidates);
}

export const dateOf = (ms, zone) => wall(ms, zone).slice(0, 10);
const plus = (date, days) => new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

// First day and the day after the last.
function dates(kind, date) {
  if (kind === "week") {
    const first = plus(date, -((new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7));
    return [first, plus(first, 7)];
  }
  if (kind === "month") {
    const [year, month] = date.split("-").map(Number);
    return [`${date.slice(0, 7)}-01`, new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 10)];
  }
  return [date, plus(date, 1)];
}

// { kind, date, from, until (ms), zone } of what the address says; what makes no sense gives today.
export function spanOf(query, zone, nowMs) {
  const at = Date.parse(query.get("at") ?? "");
  const today = dateOf(nowMs, zone);
  if (query.get("span") === "own" && WALL.test(query.get("from") ?? "") && WALL.test(query.get("until") ?? "")) {
    const [from, until] = [instant(query.get("from"), zone), instant(query.get("until"), zone)];
    if (from < until) return { kind: "own", date: query.get("from").slice(0, 10), from, until, zone };
  }
  const kind = ["week", "month"].includes(query.get("span")) ? query.get("span") : "day";
  const asked = query.get("date") ?? "";
  const isDate = DATE.test(asked) && !Number.isNaN(Date.parse(asked));
  return calendarSpan(kind, isDate ? asked : Number.isNaN(at) ? today : dateOf(at, zone), zone);
}

export function calendarSpan(kind, date, zone) {
  const [first, end] = dates(kind, date);
  return { kind, date: first, from: instant(`${first}T00:00`, zone), until: instant(`${end}T00:00`, zone), zone };
}

// The span before or after, of the same kind; an own span moves by its length.
export function moved(span, by) {
  if (span.kind === "own") {
    const length = (span.until - span.from) * by;
    return { ...span, from: span.from + length, until: span.until + length };
  }
  const date = by < 0 ? plus(span.date, -1) : dates(span.kind, span.date)[1];
  return calendarSpan(span.kind, date, span.zone);
}

const long = (options) => new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" });
const dayFormat = long({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
const monthFormat = long({ month: "long", year: "numeric" });
const noon = (date) => Date.parse(`${date}T12:00:00Z`);

// ISO week: that of the Thursday.
export function isoWeek(date) {
  const thursday = plus(dates("week", date)[0], 3);
  const year = Number(thursday.slice(0, 4));
  const week = 1 + Math.floor((noon(thursday) - Date.UTC(year, 0, 1)) / DAY_MS / 7);
  return { year, week, text: `${year}-W${String(week).padStart(2, "0")}` };
}

export function spanName(span) {
  if (span.kind === "month") return monthFormat.format(noon(span.date));
  if (span.kind === "week") return t("Week {week}, {first} – {last}", { week: isoWeek(span.date).week, first: dayFormat.format(noon(span.date)), last: dayFormat.format(noon(plus(span.date, 6))) });
  if (span.kind === "day") return dayFormat.format(noon(span.date));
  return `${wall(span.from, span.zone).replace("T", " ")} – ${wall(span.until, span.zone).replace("T", " ")}`;
}

// What the report calls it; null for a span it has no form for.
export function reportQuery(span) {
  if (span.kind === "day") return `day=${span.date}`;
  if (span.kind === "week") return `week=${isoWeek(span.date).text}`;
  return span.kind === "month" ? `month=${span.date.slice(0, 7)}` : null;
}

export const spanQuery = (span, nowMs) => {
  const until = Math.min(span.until, Math.max(nowMs, span.from + 60000));
  return `from=${encodeURIComponent(new Date(span.from).toISOString())}&until=${encodeURIComponent(new Date(until).toISOString())}`;
};
