// What the page behind a share link says, in words for people who do not measure sound themselves. Pure functions.

import { number, t, tn } from "./words.js";

export const decibels = (value) => (value == null ? "–" : number(value, 1));

const RANKS = ["ok", "no_data", "not_judged", "not_proven", "amber", "red"];

// Of several limits the one that matters most: the worst, else the one with the least margin.
export function worst(standings) {
  const rank = ({ verdict }) => RANKS.indexOf(verdict);
  const margin = ({ now }) => now?.margin_db ?? Infinity;
  return [...standings].sort((one, other) => rank(other) - rank(one) || margin(one) - margin(other))[0] ?? null;
}

// Of a unit whose readings are fresh: { kind, text }.
export function limitVerdict(standing) {
  if (!standing) return { kind: "none", text: t("No limit is set here; the level is shown for information") };
  if (!standing.verdict || !standing.now) return { kind: "none", text: t("No limit applies at this hour") };
  const { verdict, now } = standing;
  if (verdict === "ok") return { kind: "ok", text: t("Within the limit") };
  if (verdict === "red") return { kind: "red", text: t("The limit is exceeded") };
  if (verdict === "amber" && now.margin_db < 0) {
    return { kind: "amber", text: t("Above the limit so far; quieter minutes may still bring the mean back") };
  }
  if (verdict === "amber") return { kind: "amber", text: t("Within the limit, but close to it") };
  return { kind: "grey", text: t("Too little was measured in this period to say") };
}

// Of a unit as a whole; what is not measured now is grey, whatever the last verdict was.
export function verdict({ view, isMeasuring, isOld, lastSeen }, standing) {
  if (view.isRemoved) return { kind: "grey", text: t("This place is not measured any more") };
  if (!view.isActive) return { kind: "grey", text: t("The measurement here is switched off at present") };
  if (!view.hasReading) return { kind: "grey", text: t("Nothing was heard of the meter yet") };
  if (view.isStale) return { kind: "grey", text: t("No current figures: nothing was heard of the meter since {time}", { time: lastSeen }) };
  if (!isMeasuring) return { kind: "grey", text: t("The meter does not measure at the moment") };
  if (isOld) return { kind: "grey", text: t("The mean is not up to date at the moment; the level right now is") };
  return limitVerdict(standing);
}

const BOUNDS = { ">": "≥ ", "<": "≤ " };

// The big number: { level, label, period }, of a limit that stands, else of the last whole minute.
export function figure(standing, minute, clock) {
  const now = standing?.now;
  if (now?.level_db != null) {
    const level = `${BOUNDS[now.bound] ?? ""}${decibels(now.level_db)}`;
    const ends = standing.kind === "rolling" ? null : standing.period_ends_at; // its hours end then, no mean does
    const period = ends ? t("mean so far; the period ends at {time}", { time: clock.hour(ends) }) : t("mean of the time up to now");
    return { level, label: now.label, period, at: Date.parse(standing.at) };
  }
  if (!minute) return { level: "–", label: "", period: "", at: null };
  const period = t("mean of the minute to {time}", { time: clock.hour(minute.at) });
  return { level: decibels(minute.level), label: "LAeq,1min", period, at: minute.at };
}

export function limitText(standing) {
  if (!standing?.now) return "";
  return `${number(standing.now.limit_db, 1)} dB`;
}

export function marginText(standing) {
  const margin = standing?.now?.margin_db;
  if (margin == null) return "";
  const text = number(Math.abs(margin), 1);
  return margin < 0 ? t("{text} dB above the limit", { text }) : t("{text} dB below the limit", { text });
}

export function changeText(standing, clock) {
  const next = standing?.next_change;
  if (!next) return "";
  const time = clock.hour(next.at);
  if (next.level_db == null) return t("no limit from {time} on", { time });
  return t("{level} dB from {time} on", { level: number(next.level_db, 1), time });
}

export function ageText(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 90) return tn(Math.max(0, Math.round(seconds)), "last reading {n} second ago", "last reading {n} seconds ago");
  if (seconds < 5400) return tn(Math.round(seconds / 60), "last reading {n} minute ago", "last reading {n} minutes ago");
  return tn(Math.round(seconds / 3600), "last reading {n} hour ago", "last reading {n} hours ago");
}

// What the chart shows, for those who cannot see it.
export function chartText(levels, hours) {
  const known = levels.filter((level) => level != null);
  if (!known.length) return t("Chart of the last {hours} hours: nothing was measured.", { hours });
  const low = number(Math.min(...known), 1);
  const high = number(Math.max(...known), 1);
  return t("Chart of the last {hours} hours, one mean a minute: between {low} and {high} dB.", { hours, low, high });
}
