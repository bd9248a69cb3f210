// How alert events are told: sentences, states, times. Pure functions.

import { labels, level } from "./format.js";
import { number, t } from "./words.js";

const DOWNWARD = new Set(["below", "<", "<="]);
const SEVERITIES = { red: t("Red"), amber: t("Amber") };
const END_REASONS = {
  cleared: t("the level is back to normal"),
  schedule_end: t("the hours of the rule are over; the level had not come back"),
  rule_changed: t("the rule was changed"),
  rule_disabled: t("the rule was switched off"),
  rule_deleted: t("the rule was deleted"),
  unit_removed: t("the unit was taken off the roster"),
  closed_by_hand: t("closed by hand"),
  measurement_restarted: t("a new measurement was started"),
  no_data: t("the meter delivers no data any more"),
  orphaned: t("its rule is gone"),
  online: t("the meter delivers data again"),
  left_alone: t("the meter is not read any more"),
};
const TRANSITIONS = {
  onset: t("began"),
  ended: t("ended"),
  escalated: t("turned red"),
  realarm: t("began again"),
  returned: t("back to normal, held open"),
  clearing: t("level is coming back"),
  resumed: t("rose again before it had ended"),
  recurred: t("happened again soon after"),
  recurrence_ended: t("the repetition ended"),
  acknowledged: t("acknowledged"),
  unacknowledged: t("acknowledgement taken back"),
  annotated: t("note added"),
};
const DELIVERIES = {
  pending: t("waits to be sent"),
  sending: t("is being sent"),
  sent: t("sent"),
  dead: t("given up"),
  cancelled: t("not sent: no longer needed"),
  merged: t("sent together with another message"),
  suppressed: t("not sent: snoozed"),
};

export const isOpen = (event) => event.clear_at === null;
export const isUnacknowledged = (event) => isOpen(event) && event.acknowledged_at === null;
export const severity = (event) => SEVERITIES[event.severity] ?? event.severity;
export const endReason = (name) => END_REASONS[name] ?? name?.replaceAll("_", " ") ?? t("nothing is known of the reason");
export const transition = (kind) => TRANSITIONS[kind] ?? kind.replaceAll("_", " ");
export const delivery = (status) => DELIVERIES[status] ?? status;
export const ruleName = (event) => event.rule_name ?? t("rule {number}", { number: event.rule_id });

const SINCE_START = " since the start"; // the only words in the name of a level

// A lost meter has no level; an event of an earlier version may have no name for its level.
function levelName(event) {
  if (event.rule_id === 0) return null;
  return named(event.level_name ?? labels(null)[event.metric]?.join("") ?? event.metric);
}

// The name of a level as the service writes it, in the reader's language.
export function named(name) {
  return name.endsWith(SINCE_START) ? t("{name} since the start", { name: name.slice(0, -SINCE_START.length) }) : name;
}

// An overloaded reading is a lower bound, one under range an upper one.
function bounded(event, value) {
  const values = { level: level(value) };
  if (event.flags.includes("over")) return t("at least {level} dB", values);
  return event.flags.includes("under") ? t("at most {level} dB", values) : t("{level} dB", values);
}

// "LAF 72.1 dB"; without a level, nothing.
export function figure(event, value = event.onset_value) {
  const name = levelName(event);
  return name === null || value === null ? "" : `${name} ${bounded(event, value)}`;
}

export function threshold({ comparison, threshold_db: value }) {
  const values = { level: level(value) };
  switch (comparison) {
    case "above":
    case ">":
      return t("above {level} dB", values);
    case ">=":
      return t("at or above {level} dB", values);
    case "below":
    case "<":
      return t("below {level} dB", values);
    case "<=":
      return t("at or below {level} dB", values);
    case "==":
      return t("equal to {level} dB", values);
    case "!=":
      return t("other than {level} dB", values);
  }
  return t("threshold {level} dB", values);
}

// The threshold that the level was beyond at the onset: the red one if it went so far at once.
function passed({ comparison, threshold_db, red_threshold_db: red, onset_value: value }) {
  const isRed = red != null && value !== null && (DOWNWARD.has(comparison) ? value < red : value > red);
  return { comparison, threshold_db: isRed ? red : threshold_db };
}

// "LAF 72.1 dB, above 70.0 dB".
export function sentence(event) {
  const name = levelName(event);
  if (name === null) return event.detail ?? t("the meter delivers no data");
  const rule = threshold(passed(event));
  return event.onset_value === null ? t("no valid {name} came; the rule is: {rule}", { name, rule }) : `${figure(event)}, ${rule}`;
}

// The worst it came to, where that is not what it began with.
export function peak(event, clock) {
  if (event.peak_value === null || event.peak_value === event.onset_value || levelName(event) === null) return "";
  const values = { level: bounded(event, event.peak_value), time: event.peak_at ? clock.time(event.peak_at) : "" };
  if (DOWNWARD.has(event.comparison)) return event.peak_at ? t("lowest {level} at {time}", values) : t("lowest {level}", values);
  return event.peak_at ? t("highest {level} at {time}", values) : t("highest {level}", values);
}

export function state(event) {
  if (!isOpen(event)) return { kind: "cleared", text: t("cleared"), detail: endReason(event.end_reason) };
  if (event.is_latched) return { kind: "latched", text: t("latched"), detail: t("back to normal; it ends when somebody acknowledges it") };
  return event.acknowledged_at ? { kind: "acknowledged", text: t("acknowledged") } : { kind: "active", text: t("active") };
}

export function acknowledged(event, clock) {
  if (!event.acknowledged_at) return "";
  return t("acknowledged by {name} at {time}", { name: event.acknowledged_by ?? t("somebody"), time: clock.moment(event.acknowledged_at) });
}

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const values = { days: number(Math.floor(whole / 86400)), hours: Math.floor(whole / 3600) % 24, minutes: Math.floor(whole / 60) % 60, seconds: whole % 60 };
  if (whole >= 86400) return t("{days} d {hours} h", values);
  if (whole >= 3600) return t("{hours} h {minutes} min", values);
  return whole >= 60 ? t("{minutes} min {seconds} s", values) : t("{seconds} s", values);
}

export const beginOf = (event) => event.breach_at ?? event.onset_at;

// "since … for …" while it is open, "from … to …" when it is over; always with the zone.
export function period(event, clock, nowMs) {
  const begin = beginOf(event);
  const values = { begin: clock.moment(begin), zone: clock.zone };
  if (isOpen(event)) return t("since {begin} {zone}, for {length}", { ...values, length: duration((nowMs - Date.parse(begin)) / 1000) });
  const isSameDay = clock.day(begin) === clock.day(event.clear_at);
  const end = isSameDay ? clock.time(event.clear_at) : clock.moment(event.clear_at);
  return t("{begin} to {end} {zone}, {length}", { ...values, end, length: duration((Date.parse(event.clear_at) - Date.parse(begin)) / 1000) });
}

// Red before amber, unacknowledged before acknowledged, then the newest first.
export function byUrgency(a, b) {
  const rank = (event) => (event.severity === "red" ? 0 : 2) + (event.acknowledged_at ? 1 : 0);
  return rank(a) - rank(b) || byTime(a, b);
}

export const byTime = (a, b) => Date.parse(b.onset_at) - Date.parse(a.onset_at) || b.id - a.id;

// What is read aloud; only what has just become bad is worth an interruption, and nothing that is snoozed.
export function announcement({ unit_id: unitId, change, event }) {
  const values = { severity: severity(event), unit: unitId, rule: ruleName(event) };
  const texts = {
    onset: t("{severity} alert, unit {unit}: {rule}", values),
    realarm: t("{severity} alert again, unit {unit}: {rule}", values),
    escalated: t("{severity} alert now, unit {unit}: {rule}", values),
  };
  if (!texts[change] || event.suppressed) return "";
  const figures = figure(event, change === "onset" ? event.onset_value : event.peak_value);
  return `${texts[change]}${figures ? `, ${figures}` : ""}`;
}
