// The live chart: two lines over time, a fixed decibel scale, gaps as gaps.

import uPlot from "../vendor/uplot-1.6.32/uPlot.esm.js";
import { colour, onColours } from "./colours.js";

const LOW_DB = 30;
const HIGH_DB = 100;

// 30–100 dB; wider only when the data leave it, in steps of 10 dB, so that the picture keeps still.
function levelRange(_, low, high) {
  const least = low == null ? LOW_DB : Math.min(LOW_DB, Math.floor(low / 10) * 10);
  const most = high == null ? HIGH_DB : Math.max(HIGH_DB, Math.ceil(high / 10) * 10);
  return [least, most];
}

const minutes = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const seconds = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function times(_, splits, __, ___, stepS) {
  const format = stepS < 60 ? seconds : minutes;
  return splits.map((time) => format.format(time * 1000));
}

export class LevelChart {
  constructor(place, now) {
    this.place = place;
    this.now = now;
    this.windowS = 300;
    this.momentS = null; // in the middle of the window, instead of the present at its end
    this.data = [[], [], []];
    this.onPoint = () => {};
    this.build();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(place);
    onColours(() => this.build());
  }

  get window() {
    const nowS = this.now();
    const endS = this.momentS === null ? nowS : Math.min(nowS, this.momentS + this.windowS / 2);
    return [endS - this.windowS, endS];
  }

  size() {
    const width = this.place.clientWidth || 320;
    return { width, height: Math.round(Math.min(380, Math.max(220, width * 0.4))) };
  }

  build() {
    this.plot?.destroy();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const line = (label, name, width) => ({
      label,
      stroke: colour(name),
      width,
      points: { show: false },
      value: (_, value) => (value == null ? "–" : `${value.toFixed(1)} dB`),
    });
    const options = {
      ...this.size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      hooks: { setCursor: [() => this.onPoint()], draw: [(plot) => this.drawMoment(plot)] },
      scales: {
        x: { time: true, range: () => this.window },
        y: { range: levelRange },
      },
      axes: [{ ...axis, size: 32, space: 80, values: times }, { ...axis, size: 44, space: 20, incrs: [10, 20], values: (_, splits) => splits.map((db) => `${db}`) }],
      series: [{}, line("Lp", "--lp", 1.25), line("Leq", "--leq", 2.5)],
    };
    this.plot = new uPlot(options, this.data, this.place);
  }

  drawMoment({ ctx, bbox, valToPos }) {
    if (this.momentS === null) return;
    const x = Math.round(valToPos(this.momentS, "x", true));
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

  // The point under the pointer: its time, Lp and Leq; null when the pointer is elsewhere.
  get point() {
    const index = this.plot.cursor.idx;
    if (index == null || this.data[0][index] === undefined) return null;
    const [time, lp, leq] = this.data.map((column) => column[index]);
    return { time: seconds.format(time * 1000), lp, leq };
  }

  show(columns) {
    const from = this.window[0] - 120;
    const start = Math.max(0, columns[0].findIndex((time) => time >= from));
    this.data = columns.map((column) => column.slice(start));
    this.plot.setData(this.data);
  }
}
