// How levels, labels and times are written. Pure functions.

export const level = (value) => (value == null ? "–" : value.toFixed(1));

// Labels carry the weightings (LAF, LAeq, LA5); while they are not read yet, the bare symbol stands.
export function labels(known) {
  const weighting = known?.frequency_weighting ?? "";
  const time = known?.time_weighting ?? "";
  const percent = (index) => known?.percentiles?.[index];
  const base = (subscript) => ["L", weighting + subscript];
  return {
    lp: weighting ? base(time) : ["L", "p"],
    leq: base("eq"),
    le: base("E"),
    lmax: base(`${time}max`),
    lmin: base(`${time}min`),
    // The peak's own weighting cannot be read over the control port.
    lpeak: ["L", "peak"],
    ...Object.fromEntries(
      [0, 1, 2, 3, 4].map((index) => [`ln${index + 1}`, percent(index) ? base(percent(index)) : ["L", `N, slot ${index + 1}`]]),
    ),
  };
}

export function writeLabel(element, [symbol, subscript], isKnown = true) {
  const text = `${symbol}${subscript}`;
  if (element.dataset.text === text) return;
  element.dataset.text = text;
  element.title = isKnown ? "" : "weighting not read yet";
  const sub = document.createElement("sub");
  sub.textContent = subscript;
  element.replaceChildren(symbol, sub);
}

export function age(seconds) {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function elapsed(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(whole / 86400);
  const clock = `${two(Math.floor(whole / 3600) % 24)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return days ? `${days} d ${clock}` : clock;
}

export function runState(state, startedAt, nowMs) {
  if (state === "Start") {
    if (!startedAt) return "measuring, since before we looked";
    return `measuring for ${elapsed((nowMs - Date.parse(startedAt)) / 1000)}`;
  }
  return state === "Stop" ? "stopped" : "run state not known yet";
}

// The period a Leq belongs to: running since the start of the measurement, or held from the last one.
export function period(state, startedAt, nowMs) {
  if (state !== "Start") return state === "Stop" ? "held from the last measurement" : "period not known yet";
  return startedAt ? `running, ${elapsed((nowMs - Date.parse(startedAt)) / 1000)}` : "running, since before we looked";
}

const FLAGS = {
  over: "overload: the true level is higher",
  under: "under range: the true level is lower",
  pushed: "pushed from outside",
  lmax_fell: "Lmax fell: restarted, or a reading error",
  lmin_rose: "Lmin rose: restarted, or a reading error",
  le_fell: "LE fell: restarted, or a reading error",
};
export const flag = (name) => FLAGS[name] ?? `inconsistent figures (${name.replaceAll("_", " ")})`;

// What can be said of a unit at a glance; the text stands beside the colour, never colour alone.
// What ticks stands apart in detail, so that a screen reader is not told the time every second.
export function verdict({ isRemoved, isActive, isReachable, reason, isStale, isBlank, ageS, hasReading }) {
  if (isRemoved) return { kind: "grey", text: "no longer on the roster" };
  if (!isActive) return { kind: "grey", text: "deactivated: left alone on request" };
  if (isReachable === false) return { kind: "lost", text: `not reachable${reason ? `: ${reason}` : ""}` };
  if (!hasReading) return { kind: "grey", text: "no reading yet" };
  if (isBlank || isStale) return { kind: "old", text: "old data", detail: `: ${age(ageS)} without a reading` };
  return { kind: "live", text: "live" };
}
