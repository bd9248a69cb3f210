// What the chart says in words: names and values of its lines, what is under the cursor, and a summary for those who do not see it.

import { periodName } from "./chart-plan.js";
import { element, table } from "./element.js";
import * as format from "./format.js";
import { number, t, tn } from "./words.js";

const SUMMARY_EVERY_MS = 10000;
const SETTLED_S = 30; // what has just ended is not on record yet, which is no gap
const MOST_ROWS = 1500;
const FLAGS = { over: t("over-range"), under: t("under range"), gap: t("with gaps"), paused: t("paused"), reset: t("restarted"), weather: t("weather"), calibration: t("calibration"), excluded: t("excluded"), spread: t("spread evenly") };
const byId = (id) => document.getElementById(id);

export const BOUNDS = { ">": "≥ ", "<": "≤ " };
const bounded = (value, bound) => (value == null ? "–" : `${BOUNDS[bound] ?? ""}${format.level(value)}`);
const joined = ([symbol, subscript]) => `${symbol}${subscript}`;

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export class ChartLegend {
  // data and events are those of the chart; clock is that of the place.
  constructor(data, events, clock) {
    Object.assign(this, { data, events, clock, summaryMs: -Infinity, tableKey: "" });
  }

  names(known) {
    const { stepS, rollingS } = this.data.plan;
    return { lp: format.labels(known).lp, ...format.periodLabels(known, periodName(stepS), periodName(rollingS)) };
  }

  drawNames(known) {
    const names = this.names(known);
    const isKnown = Boolean(known?.frequency_weighting);
    document.querySelector("[data-series=lp]").hidden = !this.data.plan.hasReadings; // too many to be drawn
    for (const name of ["lp", "laeq", "rolling", "lmax", "l90", "l10"]) format.writeLabel(byId(`legend-${name}`), names[name], isKnown);
  }

  // Of the cursor, else of the newest.
  drawValues(values, isCursor, known) {
    const texts = {
      lp: `${values.mark === "over" ? "≥ " : values.mark === "under" ? "≤ " : ""}${format.level(values.lp)}`,
      laeq: bounded(values.laeq, values.bound),
      rolling: format.level(values.rolling),
      lmax: format.level(values.lmax),
      band: values.l90 == null || values.l10 == null ? "–" : `${format.level(values.l90)} – ${format.level(values.l10)}`,
    };
    for (const [name, text] of Object.entries(texts)) write(byId(`legend-${name}-value`), `${text} dB`);
    write(byId("legend-limit-value"), this.limitText(values.atS));
    const told = isCursor ? this.cursorText(values) : "";
    write(byId("legend-time"), told);
    const place = byId("chart");
    const valueText = isCursor ? `${told}. ${this.spoken(values, texts, known)}` : t("no moment chosen; the arrow keys choose one");
    if (place.getAttribute("aria-valuetext") !== valueText) place.setAttribute("aria-valuetext", valueText);
  }

  limitText(atS) {
    const found = this.events.limitsAt(atS);
    return found.length ? `${found.map(({ level }) => number(level, 1)).join(" / ")} dB` : t("none in force");
  }

  spoken(values, texts, known) {
    const names = this.names(known);
    const parts = values.lp === null ? [] : [`${joined(names.lp)} ${texts.lp} dB`];
    if (values.laeq != null) parts.push(`${joined(names.laeq)} ${texts.laeq} dB`);
    if (values.lmax != null) parts.push(`${joined(names.lmax)} ${texts.lmax} dB`);
    return parts.length ? parts.join(", ") : t("no data");
  }

  // "21 Nov 2026, 14:05:07 · minute to 14:06:00, 92 % known, over-range · excluded: weather".
  cursorText({ atS, lpAtS, endS, laeq, coverage, flags, source }) {
    const parts = [this.clock.moment((lpAtS ?? atS) * 1000)];
    if (endS !== null) {
      const told = [t("period to {time}", { time: this.clock.hour(endS * 1000) })];
      told.push(laeq == null ? t("no data") : t("{percent} % known", { percent: number(Math.floor(coverage * 100)) }));
      if (source === "poll") told.push(t("estimated from readings"));
      told.push(...flags.map((flag) => FLAGS[flag] ?? flag));
      parts.push(told.join(", "));
    } else if (lpAtS === null) {
      parts.push(t("no data"));
    }
    for (const each of this.events.exclusions) {
      if (each.startS <= atS && atS <= each.endS) parts.push(`${t("excluded")}: ${each.reason}`);
    }
    return parts.join(" · ");
  }

  // Of the whole span; at most every ten seconds, or at once when there is another span.
  drawSummary([fromS, untilS], known, isNew) {
    if (!isNew && performance.now() - this.summaryMs < SUMMARY_EVERY_MS) return;
    this.summaryMs = performance.now();
    const { steps } = this.data;
    const inside = steps.ends.map((end, at) => at).filter((at) => steps.ends[at] > fromS && steps.ends[at] - steps.stepS < untilS);
    const names = this.names(known);
    const span = t("Levels from {from} to {until}, {zone}.", { from: this.clock.minute(fromS * 1000), until: this.clock.minute(untilS * 1000), zone: this.clock.zone });
    const means = inside.filter((at) => steps.laeq[at] != null);
    const parts = [span];
    if (means.length === 0) {
      parts.push(t("Nothing is on record of that time."));
    } else {
      const levels = means.map((at) => steps.laeq[at]);
      parts.push(t("{name} between {low} and {high} dB.", { name: joined(names.laeq), low: format.level(Math.min(...levels)), high: format.level(Math.max(...levels)) }));
      const loudest = means.reduce((best, at) => (steps.lmax[at] > (steps.lmax[best] ?? -Infinity) ? at : best), means[0]);
      parts.push(t("Highest {name}: {level} dB, in the period to {time}.", { name: joined(names.lmax), level: format.level(steps.lmax[loudest]), time: this.clock.minute(steps.ends[loudest] * 1000) }));
      const missing = inside.filter((at) => steps.laeq[at] == null && steps.ends[at] < this.data.now() - SETTLED_S).length;
      if (missing) parts.push(tn(missing, "One period without data.", "{n} periods without data."));
    }
    const text = parts.join(" ");
    write(byId("chart-summary"), text);
  }

  // The same numbers as a table: single readings where they are drawn, else the periods; the newest first.
  drawTable(place, [fromS, untilS], known) {
    const { steps, plan } = this.data;
    const line = this.data.readings(fromS, untilS);
    const times = plan.hasReadings
      ? line.times.filter((time, at) => time >= fromS && line.levels[at] !== null)
      : steps.ends.filter((end) => end > fromS && end - steps.stepS < untilS).map((end) => end - steps.stepS / 2);
    const key = `${times.length} ${times[0]} ${times.at(-1)} ${joined(this.names(known).lp)} ${steps.ends.length} ${steps.ends.at(-1)} ${this.events.revision}`;
    if (key === this.tableKey) return;
    this.tableKey = key;
    const names = this.names(known);
    const columns = [{ title: plan.hasReadings ? t("time") : t("period to") }, ...(plan.hasReadings ? [names.lp] : []), names.laeq, names.rolling, names.lmax, names.l90, names.l10].map((each) =>
      Array.isArray(each) ? { title: `${joined(each)} (dB)`, isNumber: true } : each,
    );
    columns.push({ title: t("limit (dB)"), isNumber: true }, { title: t("remarks") });
    const shown = times.slice(-MOST_ROWS).reverse();
    const rows = shown.map((time) => this.row(this.data.valuesAt(time, line)));
    const caption = times.length > MOST_ROWS ? t("The newest {n} of {all} rows; the export has them all.", { n: MOST_ROWS, all: times.length }) : tn(times.length, "One row.", "{n} rows.");
    place.replaceChildren(element("p", { className: "hint" }, times.length ? caption : t("Nothing is on record of the time shown; choose a longer one above.")), ...(times.length ? [table(t("Levels of the time shown"), columns, rows)] : []));
  }

  row(values) {
    const time = this.data.plan.hasReadings ? this.clock.time(values.lpAtS * 1000) : this.clock.minute(values.endS * 1000);
    const remarks = [...(values.flags ?? []).map((flag) => FLAGS[flag] ?? flag)];
    if (values.mark) remarks.push(FLAGS[values.mark]);
    for (const each of this.events.exclusions) if (each.startS <= values.atS && values.atS <= each.endS) remarks.push(`${t("excluded")}: ${each.reason}`);
    const limit = this.events.limitsAt(values.atS).map(({ level }) => number(level, 1)).join(" / ") || "–";
    const levels = [bounded(values.laeq, values.bound), ...["rolling", "lmax", "l90", "l10"].map((name) => format.level(values[name]))];
    return [time, ...(this.data.plan.hasReadings ? [format.level(values.lp)] : []), ...levels, limit, remarks.join(", ")];
  }
}
