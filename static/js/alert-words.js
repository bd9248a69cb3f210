// How alert events are told: sentences, states, times. Pure functions.

import { labels, level } from "./format.js";

const COMPARISONS = {
  above: "above", ">": "above", ">=": "at or above",
  below: "below", "<": "below", "<=": "at or below",
  "==": "equal to", "!=": "other than",
};
const DOWNWARD = new Set(["below", "<", "<="]);
const SEVERITIES = { red: "Red", amber: "Amber" };
const END_REASONS = {
  cleared: "the level is back to normal",
  schedule_end: "the hours of the rule are over; the level had not come back",
  rule_changed: "the rule was changed",
  rule_disabled: "the rule was switched off",
  rule_deleted: "the rule was deleted",
  unit_removed: "the unit was taken off the roster",
  closed_by_hand: "closed by hand",
  measurement_restarted: "a new measurement was started",
  no_data: "the meter delivers no data any more",
  orphaned: "its rule is gone",
  online: "the meter delivers data again",
  left_alone: "the meter is not read any more",
};
const TRANSITIONS = {
  onset: "began", ended: "ended", escalated: "turned red", realarm: "began again", returned: "back to normal, held open",
  clearing: "level is coming back", resumed: "rose again before it had ended",
  recurred: "happened again soon after", recurrence_ended: "the repetition ended",
  acknowledged: "acknowledged", unacknowledged: "acknowledgement taken back", annotated: "note added",
};
const DELIVERIES = {
  pending: "waits to be sent", sending: "is being sent", sent: "sent", dead: "given up",
  cancelled: "not sent: no longer needed", merged: "sent together with another message", suppressed: "not sent: snoozed",
};

export const isOpen = (event) => event.clear_at === null;
export const isUnacknowledged = (event) => isOpen(event) && event.acknowledged_at === null;
export const severity = (event) => SEVERITIES[event.severity] ?? event.severity;
export const endReason = (name) => END_REASONS[name] ?? name?.replaceAll("_", " ") ?? "nothing is known of the reason";
export const transition = (kind) => TRANSITIONS[kind] ?? kind.replaceAll("_", " ");
export const delivery = (status) => DELIVERIES[status] ?? status;
export const ruleName = (event) => event.rule_name ?? `rule ${event.rule_id}`;

// A lost meter has no level; an event of an earlier version may have no name for its level.
function levelName(event) {
  if (event.rule_id === 0) return null;
  return event.level_name ?? labels(null)[event.metric]?.join("") ?? event.metric;
}

// An overloaded reading is a lower bound, one under range an upper bound.
const bound = ({ flags }) => (flags.includes("over") ? "at least " : flags.includes("under") ? "at most " : "");

// "LAF 72.1 dB"; without a level, nothing.
export function figure(event, value = event.onset_value) {
  const name = levelName(event);
  return name === null || value === null ? "" : `${name} ${bound(event)}${level(value)} dB`;
}

// "LAF 72.1 dB, above 70.0 dB".
export function sentence(event) {
  if (levelName(event) === null) return event.detail ?? "the meter delivers no data";
  const limit = `${COMPARISONS[event.comparison] ?? "threshold"} ${level(event.threshold_db)} dB`;
  if (event.onset_value === null) return `no valid ${levelName(event)} came; the rule is: ${limit}`;
  return `${figure(event)}, ${limit}`;
}

// The worst it came to, where that is not what it began with.
export function peak(event, clock) {
  if (event.peak_value === null || event.peak_value === event.onset_value || levelName(event) === null) return "";
  const word = DOWNWARD.has(event.comparison) ? "lowest" : "highest";
  const at = event.peak_at ? ` at ${clock.time(event.peak_at)}` : "";
  return `${word} ${bound(event)}${level(event.peak_value)} dB${at}`;
}

export function state(event) {
  if (!isOpen(event)) return { kind: "cleared", text: "cleared", detail: endReason(event.end_reason) };
  if (event.is_latched) return { kind: "latched", text: "latched", detail: "back to normal; it ends when somebody acknowledges it" };
  return event.acknowledged_at ? { kind: "acknowledged", text: "acknowledged" } : { kind: "active", text: "active" };
}

export function acknowledged(event, clock) {
  if (!event.acknowledged_at) return "";
  return `acknowledged by ${event.acknowledged_by ?? "somebody"} at ${clock.moment(event.acknowledged_at)}`;
}

export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

export const beginOf = (event) => event.breach_at ?? event.onset_at;

// "since … for …" while it is open, "from … to …" when it is over; always with the zone.
export function period(event, clock, nowMs) {
  const begin = beginOf(event);
  if (isOpen(event)) {
    return `since ${clock.moment(begin)} ${clock.zone}, for ${duration((nowMs - Date.parse(begin)) / 1000)}`;
  }
  const isSameDay = clock.day(begin) === clock.day(event.clear_at);
  const end = isSameDay ? clock.time(event.clear_at) : clock.moment(event.clear_at);
  const lasted = duration((Date.parse(event.clear_at) - Date.parse(begin)) / 1000);
  return `${clock.moment(begin)} to ${end} ${clock.zone}, ${lasted}`;
}

// Red before amber, unacknowledged before acknowledged, then the newest first.
export function byUrgency(a, b) {
  const rank = (event) => (event.severity === "red" ? 0 : 2) + (event.acknowledged_at ? 1 : 0);
  return rank(a) - rank(b) || byTime(a, b);
}

export const byTime = (a, b) => Date.parse(b.onset_at) - Date.parse(a.onset_at) || b.id - a.id;

// What is read aloud; only what has just become bad is worth an interruption, and nothing that is snoozed.
export function announcement({ unit_id: unitId, change, event }) {
  const words = { onset: " alert", realarm: " alert again", escalated: " alert now" }[change];
  if (!words || event.suppressed) return "";
  const figures = figure(event, change === "onset" ? event.onset_value : event.peak_value);
  return `${severity(event)}${words}, unit ${unitId}: ${ruleName(event)}${figures ? `, ${figures}` : ""}`;
}
