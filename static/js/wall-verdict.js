// What is said of a meter, and of all of them, in one line: words first, colour second. Pure functions.

import * as format from "./format.js";
import * as limitWords from "./limit-words.js";
import { t, tn } from "./words.js";

// From the least to the most urgent; a meter nobody hears stands above one that is merely close to its limit.
const REASONS = ["idle", "live", "ok", "unjudged", "near", "warned", "silent", "old", "lost", "alert", "over"];
const KINDS = { idle: "grey", live: "live", ok: "ok", unjudged: "grey", near: "amber", warned: "amber", silent: "grey", old: "old", lost: "lost", alert: "red", over: "red" };

const said = (reason, text) => ({ reason, text, kind: KINDS[reason], rank: REASONS.indexOf(reason) });
const alertWords = (alerts) => tn(alerts.open, "one open alert", "{n} open alerts");

// view: of its store; worst: the most urgent standing of its limits, or null; alerts: null for a guest.
export function verdict({ view, worst, alerts }) {
  if (worst?.verdict === "red") return said("over", limitWords.verdict(worst));
  if (alerts?.severity === "red") return said("alert", alertWords(alerts));
  const seen = format.verdict(view);
  if (!view.isActive || view.isRemoved) return said("idle", seen.text);
  if (view.isReachable === false) return said("lost", seen.text);
  if (!view.hasReading) return said("silent", seen.text);
  if (view.isStale || view.isBlank) return said("old", seen.text);
  if (worst?.verdict === "amber") return said("near", limitWords.verdict(worst));
  if (alerts?.severity === "amber") return said("warned", alertWords(alerts));
  if (!worst?.verdict) return said("live", worst ? t("live, no limit is in force") : t("live, no limit is set"));
  return said(worst.verdict === "ok" ? "ok" : "unjudged", limitWords.verdict(worst));
}

export const worstOf = (verdicts) => verdicts.reduce((one, other) => (other.rank > one.rank ? other : one));

// "12 meters: 1 over its limit, 2 without data".
export function summary(verdicts) {
  const count = (...reasons) => verdicts.filter(({ reason }) => reasons.includes(reason)).length;
  const [over, alert, near] = [count("over"), count("alert", "warned"), count("near")];
  const [silent, idle, unjudged] = [count("lost", "old", "silent"), count("idle"), count("unjudged")];
  const parts = [];
  if (over) parts.push(tn(over, "one over its limit", "{n} over their limits"));
  if (alert) parts.push(tn(alert, "one with an open alert", "{n} with open alerts"));
  if (near) parts.push(tn(near, "one close to its limit", "{n} close to their limits"));
  if (silent) parts.push(tn(silent, "one without data", "{n} without data"));
  if (unjudged) parts.push(tn(unjudged, "one not judged", "{n} not judged"));
  if (idle) parts.push(tn(idle, "one deactivated", "{n} deactivated"));
  const calm = count("ok") === verdicts.length ? tn(verdicts.length, "within its limit", "all within their limits") : t("nothing to report");
  const rest = parts.length ? parts.join(", ") : calm;
  return `${tn(verdicts.length, "one meter", "{n} meters")}: ${rest}`;
}

const WARNINGS = {
  wedged: () => t("control port wedged: switch the meter off and on"),
  battery_low: () => t("battery low"),
  clock_off: ({ value }) => (value > 0 ? t("clock {time} ahead", { time: format.age(value) }) : t("clock {time} behind", { time: format.age(-value) })),
  sd_low: ({ value }) => (value == null ? t("SD card nearly full") : t("SD card full in {time}", { time: days(value) })),
  sleep_mode_on: () => t("sleep mode is on"),
  web_active: () => t("web app is on: TCP and FTP are off"),
  ftp_active: () => t("FTP is on"),
  stopped_by_itself: () => t("stopped by itself"),
  settings_changed: () => t("settings changed"),
  transfer: () => t("busy with its files"),
};

const days = (value) => (value < 1 ? tn(Math.max(1, Math.round(value * 24)), "one hour", "{n} hours") : tn(Math.round(value), "one day", "{n} days"));

// A few words for a tile; what has none is said by the verdict already.
export const warning = (entry) => WARNINGS[entry.code]?.(entry) ?? "";
