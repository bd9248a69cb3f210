// How the meter itself is: link, power, card, clock, weightings, calibration; what is not known is said to be so.

import { call } from "./api.js";
import { element } from "./element.js";
import { age } from "./format.js";
import { number, t, tn } from "./words.js";

const EVERY_MS = 60000;
const FEW_DAYS = 3;
const MUCH_OFF_S = 2;
const OLD_CALIBRATION_S = 35 * 86400;
const BATTERY = { full: t("battery full"), high: t("battery high"), middle: t("battery half"), low: t("battery low"), dead: t("battery empty"), empty: t("battery empty") };
const SVG = "http://www.w3.org/2000/svg";

const item = (icon, text, kind = "ok") => ({ icon, text, kind });

export function linkItem(view, status) {
  if (!view.isActive) return item("line", t("deactivated: left alone"), "unknown");
  if (status?.held_by) return item("line", t("held by {what}: not read meanwhile", { what: status.held_by }), "warn");
  if (view.isReachable === false) return item("line", view.reason || t("not reachable"), "bad");
  if (!view.hasReading) return item("line", t("not read yet"), "unknown");
  if (view.isStale) return item("line", t("silent for {age}", { age: age(view.ageS) }), "warn");
  return item("line", t("answers"));
}

export function powerItem(status) {
  const source = { E: t("external power"), I: t("on its batteries"), U: t("power over USB"), external: t("external power"), battery: t("on its batteries") }[status?.power_source];
  const level = status?.battery_level ?? "";
  const charge = BATTERY[level.toLowerCase()] ?? (/^\d+$/.test(level) ? t("battery {percent} %", { percent: level }) : level);
  const text = [source ?? status?.power_source, charge].filter(Boolean).join(", ");
  return text ? item("power", text, /low|dead|empty/i.test(level) || Number(level || 100) < 20 ? "warn" : "ok") : item("power", t("power not read yet"), "unknown");
}

export function cardItem(status) {
  if (status?.sd_remaining_mb == null) return item("card", t("SD card not read yet"), "unknown");
  const free = Number(status.sd_remaining_mb);
  const size = free >= 1000 ? t("{size} GB free", { size: number(free / 1000, 1) }) : t("{size} MB free", { size: number(free) });
  const days = status.sd_days_left;
  if (days == null) return item("card", size, free < 100 ? "warn" : "ok");
  return item("card", `${size}, ${days < 1 ? t("less than a day left") : tn(Math.floor(days), "one day left", "{n} days left")}`, days < FEW_DAYS ? "warn" : "ok");
}

export function clockItem(status) {
  const offset = status?.clock_offset_s;
  if (offset == null) return item("clock", t("clock not compared yet"), "unknown");
  if (Math.abs(offset) < 0.5) return item("clock", t("clock right"));
  const by = Math.abs(offset) < 120 ? `${number(Math.abs(offset), 1)} s` : age(Math.abs(offset));
  return item("clock", offset > 0 ? t("clock {by} ahead", { by }) : t("clock {by} behind", { by }), Math.abs(offset) > MUCH_OFF_S ? "warn" : "ok");
}

export function weightingItem(labels) {
  if (!labels?.frequency_weighting) return item("weighting", t("weightings not read yet"), "unknown");
  const time = { F: t("Fast"), S: t("Slow"), I: t("Impulse") }[labels.time_weighting] ?? labels.time_weighting ?? "–";
  return item("weighting", t("weighting {frequency}, {time}", { frequency: labels.frequency_weighting, time }));
}

export function calibrationItem(check, clock, nowMs) {
  if (check === undefined) return null; // not for guests
  if (check === null) return item("calibration", t("no calibration check on record"), "unknown");
  const drift = check.drift_db === null ? "" : `, ${t("drift {drift} dB", { drift: number(check.drift_db, 1) })}`;
  const isOld = nowMs - Date.parse(check.at) > OLD_CALIBRATION_S * 1000;
  return item("calibration", t("checked {day}", { day: clock.day(check.at) }) + drift, isOld ? "warn" : "ok");
}

export class MeterLine {
  constructor(unitId, place, clock) {
    this.path = `/${encodeURIComponent(unitId)}`;
    this.place = place;
    this.clock = clock;
    this.status = null;
    this.check = undefined;
    this.shown = "";
    setInterval(() => !document.hidden && this.load(), EVERY_MS);
  }

  // A unit of which nothing is known yet, and a guest, are refused: then the line says so by itself.
  async load() {
    const isGuest = !["viewer", "operator", "admin"].includes(document.documentElement.dataset.role);
    const wanted = [call(`${this.path}/status`), isGuest ? Promise.reject(new Error("guest")) : call(`${this.path}/calibrations?limit=1`)];
    const [status, checks] = await Promise.allSettled(wanted);
    if (status.value) this.status = status.value.data;
    if (checks.value) this.check = checks.value.calibrations[0] ?? null;
  }

  draw(view, labels, nowMs) {
    const items = [linkItem(view, this.status), powerItem(this.status), cardItem(this.status), clockItem(this.status), weightingItem(labels), calibrationItem(this.check, this.clock, nowMs)].filter(Boolean);
    const key = JSON.stringify(items);
    if (key === this.shown) return;
    this.shown = key;
    this.place.replaceChildren(...items.map(({ icon, text, kind }) => element("li", { dataset: { kind } }, symbol(icon), element("span", {}, text))));
  }
}

const SHEET = "/static/meter-icons.svg";
function symbol(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SHEET}#${name}`);
  svg.append(use);
  return svg;
}
