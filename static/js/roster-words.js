// How a meter of the roster is, in words: never livelier than what was last heard of it.

import { readingOf } from "./roster-fields.js";
import { number, t } from "./words.js";

const KEPT_S = 10;
const ROUNDS = 3; // what is older than so many readings is old

export const title = (entry) => entry.name || entry.unit_id;

// Seconds since the meter was last heard, or null.
export const ageS = (entry, nowMs) => (entry.status?.last_seen ? Math.max(0, (nowMs - Date.parse(entry.status.last_seen)) / 1000) : null);

// { kind, text }: kind is one of those of .verdict in the style sheet.
export function state(entry, nowMs) {
  const { status } = entry;
  if (!entry.is_active) return { kind: "grey", text: t("left alone on request") };
  if (!entry.tcp_enabled) return { kind: "grey", text: t("not read: TCP is switched off for it") };
  if (!status) return { kind: "grey", text: t("not heard of yet") };
  if (status.held_by) return { kind: "grey", text: t("busy: {what}", { what: status.held_by }) };
  if (status.is_reachable === false) return { kind: "lost", text: status.verdict ? t("not reachable: {why}", { why: status.verdict }) : t("not reachable") };
  const measures = { Start: t("measuring"), Stop: t("stopped") }[status.measurement_state] ?? t("answers; run state not known yet");
  const age = ageS(entry, nowMs);
  if (age === null) return { kind: "grey", text: t("no reading yet") };
  const everyS = entry.monitor_enabled ? KEPT_S : entry.poll_interval_seconds;
  if (!entry.monitor_enabled && !entry.poll_enabled && age > ROUNDS * KEPT_S) return { kind: "grey", text: t("not read: nobody looks at it") };
  if (age > ROUNDS * everyS) return { kind: "old", text: t("old data, was {state}", { state: measures }) };
  return { kind: "live", text: measures };
}

export function reading(entry) {
  const how = { kept: t("every second"), polled: t("every {n} s", { n: number(entry.poll_interval_seconds) }), watched: t("while somebody looks") }[readingOf(entry)];
  return entry.ftp_enabled ? t("{how}; card by FTP", { how }) : how;
}

export function fits(entry, words) {
  const all = [entry.unit_id, entry.name, entry.site, entry.host, entry.timezone].join(" ").toLowerCase();
  return words.every((word) => all.includes(word));
}
