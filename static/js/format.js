// How levels, labels and times are written. Pure functions.

import { number, t } from "./words.js";

export const level = (value) => (value == null ? "–" : number(value, 1));

// Labels carry the weightings (LAF, LAeq, LA5); while they are not read yet, the bare symbol stands.
export function labels(known) {
  const weighting = known?.frequency_weighting ?? "";
  const time = known?.time_weighting ?? "";
  const percent = (index) => known?.percentiles?.[index];
  const base = (subscript) => ["L", weighting + subscript];
  return {
    lp: weighting && time ? base(time) : ["L", "p"],
    leq: base("eq"),
    le: base("E"),
    lmax: base(`${time}max`),
    lmin: base(`${time}min`),
    // The peak's own weighting cannot be read over the control port.
    lpeak: ["L", "peak"],
    ...Object.fromEntries(
      [0, 1, 2, 3, 4].map((index) => [`ln${index + 1}`, percent(index) ? base(percent(index)) : ["L", t("N, slot {slot}", { slot: index + 1 })]]),
    ),
  };
}

// The names of what the record gives for periods, such as LAeq,15min; the same base for the percentiles.
export function periodLabels(known, period, rollingPeriod) {
  const weighting = known?.frequency_weighting ?? "";
  const [, lmax] = labels(known).lmax;
  return {
    laeq: ["L", `${weighting}eq,${period}`],
    rolling: ["L", `${weighting}eq,${rollingPeriod}`],
    lmax: ["L", `${lmax},${period}`],
    l10: ["L", `${weighting}10,${period}`],
    l90: ["L", `${weighting}90,${period}`],
  };
}

// "LAeq,15min" as the service writes it, cut for writeLabel().
export const splitLabel = (name) => (name.startsWith("L") ? ["L", name.slice(1)] : [name, ""]);

export function writeLabel(element, [symbol, subscript], isKnown = true) {
  const text = `${symbol}${subscript}`;
  if (element.dataset.text === text) return;
  element.dataset.text = text;
  element.title = isKnown ? "" : t("weighting not read yet");
  const sub = document.createElement("sub");
  sub.textContent = subscript;
  element.replaceChildren(symbol, sub);
}

export function age(seconds) {
  if (seconds < 10) return `${number(Math.max(0, seconds), 1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return t("{n} days", { n: Math.round(seconds / 86400) });
}

export function elapsed(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(whole / 86400);
  const clock = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return days ? t("{days} d {clock}", { days, clock }) : clock;
}

export function runState(state, startedAt, nowMs) {
  if (state === "Start") {
    if (!startedAt) return t("measuring, since before we looked");
    return t("measuring for {time}", { time: elapsed((nowMs - Date.parse(startedAt)) / 1000) });
  }
  return state === "Stop" ? t("stopped") : t("run state not known yet");
}

// The period a Leq belongs to: running since the start of the measurement, or held from the last one.
export function period(state, startedAt, nowMs) {
  if (state !== "Start") return state === "Stop" ? t("held from the last measurement") : t("period not known yet");
  return startedAt ? t("running, {time}", { time: elapsed((nowMs - Date.parse(startedAt)) / 1000) }) : t("running, since before we looked");
}

const FLAGS = {
  over: t("overload: the true level is higher"),
  under: t("under range: the true level is lower"),
  pushed: t("pushed from outside"),
  lmax_fell: t("Lmax fell: restarted, or a reading error"),
  lmin_rose: t("Lmin rose: restarted, or a reading error"),
  le_fell: t("LE fell: restarted, or a reading error"),
};
export const flag = (name) => FLAGS[name] ?? t("inconsistent figures ({flag})", { flag: name.replaceAll("_", " ") });

// What can be said of a unit at a glance; the text stands beside the colour, never colour alone.
// What ticks stands apart in detail, so that a screen reader is not told the time every second.
export function verdict({ isRemoved, isActive, isReachable, reason, isStale, isBlank, ageS, hasReading }) {
  if (isRemoved) return { kind: "grey", text: t("no longer on the roster") };
  if (!isActive) return { kind: "grey", text: t("deactivated: left alone on request") };
  if (isReachable === false) return { kind: "lost", text: reason ? t("not reachable: {reason}", { reason }) : t("not reachable") };
  if (!hasReading) return { kind: "grey", text: t("no reading yet") };
  if (isBlank || isStale) return { kind: "old", text: t("old data"), detail: t(": {age} without a reading", { age: age(ageS) }) };
  return { kind: "live", text: t("live") };
}
