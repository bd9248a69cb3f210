// Levels of a span: LAeq as steps, Lmax and LN as thin lines, the limit as dashed steps, gaps as gaps, exclusions hatched.

import uPlot from "../vendor/uplot-1.6.32/uPlot.esm.js";
import { colour, onColours } from "./colours.js";
import { locale } from "./words.js";

const LOW_DB = 30;
const HIGH_DB = 100;
const HATCH_PX = 8;
const steps = uPlot.paths.stepped({ align: -1 }); // a period is labelled by its end

function levelRange(_, low, high) {
  const least = low == null ? LOW_DB : Math.min(LOW_DB, Math.floor(low / 10) * 10);
  return [least, high == null ? HIGH_DB : Math.max(HIGH_DB, Math.ceil(high / 10) * 10)];
}

const STYLES = {
  laeq: { stroke: "--leq", width: 2, paths: steps },
  also: { stroke: "--old", width: 1.5, paths: steps, dash: [5, 3] },
  lmax: { stroke: "--lp", width: 1 },
  l10: { stroke: "--live", width: 0, paths: steps },
  l90: { stroke: "--live", width: 0, paths: steps },
  limit: { stroke: "--red", width: 2, paths: steps, dash: [8, 5] },
};

export class HistoryChart {
  constructor(place, onPoint) {
    this.place = place;
    this.onPoint = onPoint;
    this.shown = null;
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(place);
    onColours(() => this.shown && this.show(this.shown));
  }

  size() {
    const width = this.place.clientWidth || 320;
    return { width, height: Math.round(Math.min(420, Math.max(240, width * 0.36))) };
  }

  // { from, until (ms), zone, times (s), lines: [{ name, style, values }], excluded: [[from, until]] (ms), moment (ms) }
  show(shown) {
    this.shown = shown;
    this.plot?.destroy();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const series = shown.lines.map(({ name, style }) => ({
      label: name,
      ...STYLES[style],
      stroke: colour(STYLES[style].stroke),
      points: { show: false },
    }));
    const [above, below] = ["l10", "l90"].map((style) => shown.lines.findIndex((line) => line.style === style) + 1);
    this.plot = new uPlot(
      {
        ...this.size(),
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        tzDate: (s) => uPlot.tzDate(new Date(s * 1000), shown.zone),
        hooks: { setCursor: [() => this.onPoint(this.point)], drawClear: [(plot) => this.drawExcluded(plot)], draw: [(plot) => this.drawMoment(plot)] },
        scales: { x: { time: true, range: () => [shown.from / 1000, shown.until / 1000] }, y: { range: levelRange } },
        axes: [
          { ...axis, size: 34, space: 76, values: (_, splits, __, ___, stepS) => splits.map((s) => this.tick(s, stepS)) },
          { ...axis, size: 44, space: 20, incrs: [10, 20], values: (_, splits) => splits.map((db) => `${db}`) },
        ],
        series: [{}, ...series],
        bands: above && below ? [{ series: [above, below], fill: colour("--band") }] : [],
      },
      [shown.times, ...shown.lines.map(({ values }) => values)],
      this.place,
    );
    this.place.firstElementChild.setAttribute("aria-hidden", "true"); // the table beneath says the same
  }

  tick(second, stepS) {
    const options = stepS >= 86400 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const isMidnight = stepS < 86400 && this.shown.until - this.shown.from > 90000000;
    const clock = new Intl.DateTimeFormat(locale, { ...options, timeZone: this.shown.zone }).format(second * 1000);
    if (!isMidnight || clock !== "00:00") return clock;
    return new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", timeZone: this.shown.zone }).format(second * 1000);
  }

  // What lies under the pointer: its time in s and a value for each line; null elsewhere.
  get point() {
    const index = this.plot?.cursor.idx;
    if (index == null || this.shown.times[index] === undefined) return null;
    return { second: this.shown.times[index], values: this.shown.lines.map(({ name, values }) => [name, values[index]]) };
  }

  drawExcluded({ ctx, bbox, valToPos }) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.strokeStyle = colour("--muted");
    ctx.globalAlpha = 0.55;
    for (const [from, until] of this.shown.excluded) {
      const [left, right] = [valToPos(from / 1000, "x", true), Math.max(valToPos(until / 1000, "x", true), valToPos(from / 1000, "x", true) + 2)];
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, bbox.top, right - left, bbox.height);
      ctx.clip();
      ctx.beginPath();
      for (let x = left - bbox.height; x < right; x += HATCH_PX * devicePixelRatio) {
        ctx.moveTo(x, bbox.top + bbox.height);
        ctx.lineTo(x + bbox.height, bbox.top);
      }
      ctx.stroke();
      ctx.restore();
    }
    ctx.restore();
  }

  drawMoment({ ctx, bbox, valToPos }) {
    if (!this.shown.moment) return;
    const x = Math.round(valToPos(this.shown.moment / 1000, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.save();
    ctx.strokeStyle = colour("--lost");
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }
}
