// The chart's frame: local time below, a fixed decibel scale at the side, and painters that draw between.

import uPlot from "../vendor/uplot-1.6.32/uPlot.esm.js";
import { colour, onColours } from "./colours.js";
import { number } from "./words.js";

const LOW_DB = 30;
const HIGH_DB = 100;
export const STRIP_PX = 26;
const COLOURS = ["text", "muted", "line", "card", "lp", "laeq", "rolling", "lmax", "band", "limit", "limit-amber", "hatch", "live", "lost", "accent"];

// 30–100 dB; wider only when what is shown leaves it, in steps of 10 dB, so that the picture keeps still.
export function levelRange(low, high) {
  const least = low == null ? LOW_DB : Math.min(LOW_DB, Math.floor(low / 10) * 10);
  const most = high == null ? HIGH_DB : Math.max(HIGH_DB, Math.ceil(high / 10) * 10);
  return [least, most];
}

export class LevelChart {
  // clock is the ZoneClock of the place; painters are functions of the scene, in the order in which they draw.
  constructor(place, clock, painters) {
    this.place = place;
    this.clock = clock;
    this.painters = painters;
    this.span = [0, 1];
    this.levels = [LOW_DB, HIGH_DB];
    this.cursorS = null;
    this.build();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(place);
    onColours(() => this.build());
  }

  size() {
    const width = this.place.clientWidth || 320;
    return { width, height: Math.round(Math.min(460, Math.max(280, width * 0.42))) };
  }

  build() {
    this.plot?.destroy();
    this.colours = Object.fromEntries(COLOURS.map((name) => [name, colour(`--${name}`)]));
    const { muted, line } = this.colours;
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: muted, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const times = (_, splits, __, ___, stepS) => splits.map((time) => this.timeLabel(time, stepS));
    const options = {
      ...this.size(),
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), this.clock.zone),
      hooks: { draw: [() => this.paint()] },
      scales: { x: { time: true, range: () => this.span }, y: { range: () => this.levels } },
      axes: [
        { ...axis, size: 34 + STRIP_PX, gap: 8 + STRIP_PX, space: 84, values: times },
        { ...axis, size: 40, space: 20, incrs: [10, 20], values: (_, splits) => splits.map((level) => number(level)) },
      ],
      series: [{}, { show: false }],
    };
    this.plot = new uPlot(options, [this.span, [null, null]], this.place);
    for (const canvas of this.place.querySelectorAll("canvas")) canvas.setAttribute("aria-hidden", "true");
  }

  timeLabel(seconds, stepS) {
    const ms = seconds * 1000;
    if (stepS < 60) return this.clock.time(ms);
    const hour = this.clock.hour(ms);
    return stepS >= 86400 || (hour === "00:00" && stepS >= 3600) ? this.clock.weekday(ms) : hour;
  }

  // What the painters draw with; places in pixels of the canvas.
  get scene() {
    const { ctx, bbox } = this.plot;
    const ratio = devicePixelRatio || 1;
    return {
      ctx,
      ratio,
      box: bbox,
      span: this.span,
      levels: this.levels,
      colours: this.colours,
      cursorS: this.cursorS,
      x: (seconds) => this.plot.valToPos(seconds, "x", true),
      y: (level) => this.plot.valToPos(level, "y", true),
    };
  }

  paint() {
    const scene = this.scene;
    for (const painter of this.painters) {
      scene.ctx.save();
      painter(scene);
      scene.ctx.restore();
    }
  }

  show(span, [low, high]) {
    this.span = span;
    this.levels = levelRange(low, high);
    this.plot.setData([span, [null, null]]);
  }

  // Seconds at a place in CSS pixels from the left edge of the page; null beside the plot.
  secondsAt(clientX) {
    const left = clientX - this.plot.over.getBoundingClientRect().left;
    return left < 0 || left > this.plot.over.clientWidth ? null : this.plot.posToVal(left, "x");
  }
}
