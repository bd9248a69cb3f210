// The backups that are made by themselves: when, of what, and what came of the last.

import { clock } from "./admin-parts.js";
import { element } from "./element.js";
import { number, t, tn } from "./words.js";

function plan(schedule) {
  const { at, timezone, keep, record_days: days, to } = schedule;
  const found = [t("Every day at {time} ({zone}); the newest {n} are kept. Each is restored to a place of its own to see that it can be, before it counts.", { time: at, zone: timezone, n: number(keep) })];
  if (days) found.push(tn(days, "What was measured is in it every day, where the disk has room for it.", "What was measured is in it every {n} days, where the disk has room for it."));
  else found.push(t("What was measured is not in it: SLMM_BACKUP_RECORD_DAYS is 0."));
  found.push(to ? t("Each is copied to {folder}, and read again there.", { folder: to }) : t("They lie on this disk only: with it they are lost. Let SLMM_BACKUP_TO name a folder on another machine."));
  return found.map((text) => element("p", { className: "hint" }, text));
}

function outcome(schedule) {
  const { error, name, succeeded_at: at, record_at: record, record_note: note, copy_error: copy, copied_at: copied, to, next_at: next } = schedule;
  const found = [];
  if (error) found.push(element("p", { className: "notice warning" }, t("The last could not be made: {reason}", { reason: error })));
  if (at) found.push(element("p", {}, t("Last: {name}, made and restored {time}.", { name, time: clock.minute(at) })));
  else if (!error) found.push(element("p", {}, t("None was made yet.")));
  if (note) found.push(element("p", { className: "notice warning" }, t("What was measured is left out: {reason}", { reason: note })));
  else if (record) found.push(element("p", {}, t("What was measured was last in one {time}.", { time: clock.minute(record) })));
  if (copy) found.push(element("p", { className: "notice warning" }, t("It could not be copied: {reason}", { reason: copy })));
  else if (to && copied) found.push(element("p", {}, t("Copied {time}.", { time: clock.minute(copied) })));
  if (next) found.push(element("p", {}, t("Next: {time}.", { time: clock.minute(next) })));
  return found;
}

/** Draws the card; nothing where none are made by themselves. */
export function drawNightly(place, schedule) {
  place.hidden = !schedule;
  if (schedule) place.querySelector("#nightly-state").replaceChildren(...outcome(schedule), ...plan(schedule));
}

/** What is known of whether a backup can be restored, in a sentence. */
export function proofNote({ proof }) {
  if (!proof || proof.error) return null;
  if (proof.readings === null) return t("verified by restoring {time}", { time: clock.minute(proof.at) });
  return t("verified by restoring {time}: {readings} readings, {files} files of past days", { time: clock.minute(proof.at), readings: number(proof.readings), files: number(proof.files) });
}
