// What the pages about the machine call things: tiers, queues, jobs, streams; and how they write spans of time.

import { element } from "./element.js";
import { size } from "./operation.js";
import { number, t, tn } from "./words.js";

const TIERS = {
  frames: [t("Every reading"), t("one a second and more, by unit and day")],
  minutes: [t("Minutes"), t("levels and percentiles of each minute")],
  hours: [t("Hours and days"), t("kept for ever, in one file with what was measured since yesterday")],
  trail: [t("Trail"), t("one reading a minute, behind the small charts")],
  logs: [t("Logs of the meters"), t("connections, commands, changes of state")],
  audit: [t("Audit log"), t("who did what")],
  messages: [t("Messages that went out"), t("the alerts themselves are kept for ever")],
  database: [t("Database"), t("one file for trail, logs, alerts, limits and accounts")],
  downloads: [t("Files from the cards"), t("what people fetched; kept until somebody deletes it")],
  originals: [t("Originals of the cards"), t("what the record was made of; kept for ever as evidence")],
  backups: [t("Backups"), t("of those made by themselves the newest; others until somebody deletes them")],
};

export function tierName(key) {
  const [name, note] = TIERS[key] ?? [key, ""];
  return element("span", {}, name, element("span", { className: "tier-note" }, note));
}

export const queueName = (name) =>
  ({ record: t("readings for the record"), trail: t("rows of the trail"), "device logs": t("entries of logs"), messages: t("messages about alerts") })[name] ?? name;

export const jobName = (name) =>
  ({
    prune: t("remove what is older than it is kept"),
    "write device logs": t("write the meters’ logs"),
    "end shelvings": t("bring shelved alerts back"),
    "make minutes": t("make minutes"),
    "judge limits": t("judge limits"),
    "settle the record": t("sort the record"),
    "put past days into files": t("put past days into files"),
    "seal hours": t("seal hours"),
    "seal files": t("seal files"),
    heartbeat: t("tell the outside that all is well"),
    "end revoked streams": t("end streams whose right is gone"),
  })[name] ?? name;

export const streamName = (kind) =>
  ({
    levels: t("levels"),
    shared: t("levels over share links"),
    notices: t("notices"),
    stream: t("100 ms stream"),
    log: t("logs"),
    alerts: t("alerts"),
    limits: t("limits"),
  })[kind] ?? kind;

export function span(seconds) {
  if (seconds == null) return "–";
  if (seconds < 60) return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
  if (seconds < 7200) return `${number(seconds / 60)} min`;
  if (seconds < 172800) return `${number(seconds / 3600)} h`;
  return tn(Math.round(seconds / 86400), "one day", "{n} days");
}

const UNTIL_DELETED = new Set(["downloads", "backups"]);

export function kept(tier) {
  if (tier.key === "database") return "–";
  if (UNTIL_DELETED.has(tier.key)) return t("until deleted");
  if (tier.keeps_days === null) return t("for ever");
  return tier.keeps_days < 3 ? `${number(tier.keeps_days * 24)} h` : tn(tier.keeps_days, "one day", "{n} days");
}

export function forecastText({ free_bytes: free, bytes_a_day: rate, days_until_full: days, is_estimate: isEstimate }) {
  const told = isEstimate ? t(" (estimated from what came within the last day)") : "";
  const growth = t("A day takes {size}{estimate}; {free} are free.", { size: size(rate), estimate: told, free: size(free) });
  const end = days === null ? t("At this rate the disk lasts for ten years and more.") : t("At this rate the disk is full in {time}.", { time: span(days * 86400) });
  return `${growth} ${end}`;
}
