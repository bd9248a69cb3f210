// The chart of a span with what belongs to it: levels, those compared with, the limit, exclusions, and why it is empty.

import uPlot from "../vendor/uplot-1.6.32/uPlot.esm.js";
import { call } from "./api.js";
import { element } from "./element.js";
import { HistoryChart } from "./history-chart.js";
import { spanQuery } from "./history-span.js";
import { locale, number, t } from "./words.js";

const METRICS = ["laeq", "lmax", "l10", "l90"];
const STEPS = [["10s", 10], ["1min", 60], ["5min", 300], ["15min", 900], ["1h", 3600], ["1d", 86400]];
const MOST_POINTS = 1500;
const byId = (id) => document.getElementById(id);

// What was asked for, else the finest that stays readable: 1 min for a day, 15 min for a week, 1 h for a month.
export function stepOf(span, asked) {
  if (asked && STEPS.some(([name]) => name === asked)) return asked;
  const length = (span.until - span.from) / 1000;
  return (STEPS.find(([, seconds]) => length / seconds <= MOST_POINTS) ?? STEPS.at(-1))[0];
}

const seconds = (stamp) => Date.parse(stamp) / 1000;

// The limit as points of a line of steps that are labelled by their end; null between hours without one.
export function limitColumns(steps, span) {
  const points = new Map();
  let last = null;
  for (const { starts_at: from, ends_at: until, level_db: level } of steps) {
    const [begin, end] = [Math.max(seconds(from), span.from / 1000), Math.min(seconds(until), span.until / 1000)];
    if (last !== null && begin > last) points.set((last + begin) / 2, null);
    if (last === null || begin > last) points.set(begin, level);
    points.set(end, level);
    last = end;
  }
  const times = [...points.keys()].sort((one, two) => one - two);
  return [times, times.map((time) => points.get(time))];
}

export class Levels {
  constructor() {
    this.metrics = METRICS;
    this.chart = null;
  }

  async load({ path, span, step, also, limitId, at }) {
    const levelsOf = (where, of) => call(`${where}/history?${spanQuery(of, Date.now())}&step=${step}&metrics=${METRICS.join()}`);
    const [found, other, remarks, standing] = await Promise.all([
      levelsOf(path, span),
      also ? levelsOf(also.path, also.span) : null,
      call(`${path}/remarks?${spanQuery(span, Date.now())}`),
      call(`${path}/limits/standing`),
    ]);
    const limit = standing.limits.find((each) => String(each.limit_id) === limitId) ?? standing.limits[0];
    const whole = `from=${new Date(span.from).toISOString()}&until=${new Date(span.until).toISOString()}`;
    // A limit of very many rows has no line over so long a time; the levels are shown all the same.
    const line = limit ? await call(`${path}/limits/${limit.limit_id}/line?${whole}`).catch(() => null) : null;
    return { span, found, other, also, line, at, excluded: remarks.remarks.filter(({ excludes, withdrawn_at: gone }) => excludes && !gone) };
  }

  draw({ span, found, other, also, line, at, excluded }, clock) {
    const isEmpty = METRICS.every((name) => found.levels[name].every((value) => value === null)) && !other;
    byId("zone").textContent = clock.zone;
    byId("chart").hidden = isEmpty;
    byId("legend").hidden = isEmpty;
    byId("no-levels").hidden = !isEmpty;
    byId("chart-note").textContent = isEmpty ? "" : this.note(found);
    if (isEmpty) {
      byId("no-levels-why").textContent =
        span.from > Date.now()
          ? t("This time is still to come; levels appear while the meter is read.")
          : t("No level is on record of this time: the meter was not read then, or what was read is no longer kept. Levels come in while the meter is read, and from its SD card.");
      return;
    }
    const style = { laeq: "laeq", lmax: "lmax", l10: "l10", l90: "l90" };
    const lines = METRICS.filter((name) => found.levels[name].some((value) => value !== null)).map((name) => ({ name: found.names[name].name, style: style[name] }));
    const columns = [[found.times.map(seconds), ...METRICS.filter((name) => found.levels[name].some((value) => value !== null)).map((name) => found.levels[name])]];
    if (other) {
      const shift = (span.from - also.span.from) / 1000;
      lines.push({ name: `${other.names.laeq.name}, ${also.name}`, style: "also" });
      columns.push([other.times.map((time) => seconds(time) + shift), other.levels.laeq]);
    }
    if (line?.steps.length) {
      lines.push({ name: t("limit {name}", { name: line.name }), style: "limit" });
      columns.push(limitColumns(line.steps, span));
    }
    const [times, ...values] = columns.length > 1 ? uPlot.join(columns) : columns[0];
    for (const [index, each] of lines.entries()) each.values = values[index];
    this.clock = clock;
    this.chart ??= new HistoryChart(byId("chart"), (point) => this.legend(point));
    const spans = excluded.map((remark) => [Date.parse(remark.starts_at), Date.parse(remark.ends_at)]);
    this.lines = lines;
    this.chart.show({ from: span.from, until: span.until, zone: span.zone, times, lines, excluded: spans, moment: at });
    this.legend(null);
  }

  // The highest mean in words, for those who do not see the chart.
  note(found) {
    const { laeq } = found.levels;
    const highest = laeq.reduce((best, value, index) => (value !== null && (best < 0 || value > laeq[best]) ? index : best), -1);
    if (highest < 0) return "";
    const end = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23", timeZone: found.zone });
    return t("Highest {name}: {level} dB, period to {time}", { name: found.names.laeq.name, level: number(laeq[highest], 1), time: end.format(Date.parse(found.times[highest])) });
  }

  legend(point) {
    const parts = this.lines.map(({ name, style }, index) => {
      const value = point?.values[index]?.[1];
      return element("span", { className: "legend-part" }, element("span", { className: `swatch swatch-${style}` }), name, element("span", { className: "legend-value" }, value == null ? "" : ` ${number(value, 1)} dB`));
    });
    if (point) parts.push(element("span", { className: "legend-time" }, this.clock.minute(point.second * 1000)));
    byId("legend").replaceChildren(...parts);
  }

  explain(sentence) {
    byId("chart").hidden = true;
    byId("legend").hidden = true;
    byId("no-levels").hidden = false;
    byId("no-levels-why").textContent = sentence;
  }
}
