// A limit document in words, as the form shows it while it is being written. Pure functions.

import { locale, number, t } from "./words.js";

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const weekday = new Intl.DateTimeFormat(locale, { weekday: "short", timeZone: "UTC" });
export const dayName = (at) => weekday.format(Date.UTC(2024, 0, 1 + at)); // 1 January 2024 was a Monday

// "Mon–Fri", "Sat, Sun", "every day".
export function daysInWords(days = DAYS) {
  const chosen = DAYS.map((day) => days.includes(day));
  if (chosen.every(Boolean)) return t("every day");
  const runs = [];
  for (const [at, isChosen] of chosen.entries()) {
    if (!isChosen) continue;
    if (at && chosen[at - 1]) runs.at(-1)[1] = at;
    else runs.push([at, at]);
  }
  const told = ([first, last]) => (first === last ? dayName(first) : `${dayName(first)}${last - first > 1 ? "–" : ", "}${dayName(last)}`);
  return runs.map(told).join(", ") || t("no day");
}

const minutesOf = (clock) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

// "11h", "11h30min": how long the hours of a row are.
function lengthOf({ from, until }) {
  const begin = minutesOf(from || "00:00");
  let minutes = minutesOf(until || "24:00") - begin;
  if (minutes <= 0) minutes += 1440;
  return `${minutes >= 60 ? `${Math.floor(minutes / 60)}h` : ""}${minutes % 60 ? `${minutes % 60}min` : ""}`;
}

function quantityOf({ quantity, percent, frequency, time_weighting: time = "F" }) {
  const letter = frequency ?? "A";
  if (quantity === "ln") return `L${letter}${time}${percent ?? "N"}`;
  if (quantity === "lmax") return `L${letter}${time}max`;
  if (quantity === "lpeak") return `L${frequency ?? "C"}peak`;
  return quantity === "lr" ? "Lr" : `L${letter}eq`;
}

// LAeq,15min; LAeq,15min rolling; LAF10,1h: the name a level has in reports.
export function label(document, row) {
  const period = row.period ?? document.period ?? {};
  const base = quantityOf(document);
  if (period.kind === "whole") return `${base},${period.named ?? lengthOf(row)}`;
  return `${base},${period.length ?? "?"}${period.kind === "fixed" ? "" : ` ${period.kind}`}`;
}

const decibels = (value) => number(value, 1);
const levelOf = (row) => row.level_db ?? (row.background_db == null ? null : row.background_db + row.over_background_db);

// "LAeq,15min above 70.0 dB, Mon–Fri 07:00–20:00, amber from 67.0 dB".
export function sentence(document, row) {
  const level = levelOf(row);
  if (level === null || Number.isNaN(level)) return t("{label}: a level is missing", { label: label(document, row) });
  const values = {
    label: label(document, row),
    level: decibels(level),
    days: daysInWords(row.days),
    from: row.from || "–",
    until: row.until || "–",
  };
  const text =
    document.comparator === ">="
      ? t("{label} at or above {level} dB, {days} {from}–{until}", values)
      : t("{label} above {level} dB, {days} {from}–{until}", values);
  const amber = row.amber_db ?? (document.amber_offset_db == null ? null : level - document.amber_offset_db);
  const holidays = {
    as_sunday: t("public holidays count as Sundays"),
    skip: t("not on public holidays"),
    only: t("on public holidays only"),
  }[row.on_holidays];
  return [text, amber === null ? "" : t("amber from {level} dB", { level: decibels(amber) }), holidays].filter(Boolean).join(", ");
}

export const sentences = (document) => document.rows.map((row) => sentence(document, row));

// What is added, how it is rounded, what has to be known: one line below the rows.
export function judging(document) {
  const parts = (document.corrections ?? []).map(({ name, db }) => `${name} ${db > 0 ? "+" : ""}${decibels(db)} dB`);
  parts.push(document.round_to_db === 1 ? t("rounded to whole dB") : t("rounded to 0.1 dB"));
  parts.push(t("judged from {percent} % of the time on", { percent: number(Math.round((document.least_coverage ?? 0.75) * 100)) }));
  return parts.join(" · ");
}
