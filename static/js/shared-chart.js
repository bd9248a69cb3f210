// The last hours of one unit: a mean a minute as steps, the limit as a dashed line, gaps as gaps.

import uPlot from "../vendor/uplot-1.6.32/uPlot.esm.js";
import { colour, onColours } from "./colours.js";
import { number } from "./words.js";

export const HOURS = 6;
const LOW_DB = 30;
const HIGH_DB = 100;

function range(_, low, high) {
  const least = low == null ? LOW_DB : Math.min(LOW_DB, Math.floor(low / 10) * 10);
  const most = high == null ? HIGH_DB : Math.max(HIGH_DB, Math.ceil(high / 10) * 10);
  return [least, most];
}

export class SharedChart {
  constructor(place, clock, now) {
    Object.assign(this, { place, clock, now, data: [[], [], []] });
    this.build();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(place);
    onColours(() => this.build());
  }

  size() {
    const width = this.place.clientWidth || 320;
    return { width, height: Math.round(Math.min(300, Math.max(200, width * 0.36))) };
  }

  build() {
    this.plot?.destroy();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const steps = uPlot.paths.stepped({ align: -1 }); // a period is labelled by its end
    const ahead = uPlot.paths.stepped({ align: 1 });
    const options = {
      ...this.size(),
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true, range: () => [this.now() / 1000 - HOURS * 3600, this.now() / 1000] }, y: { range } },
      axes: [
        { ...axis, size: 30, space: 70, values: (_, splits) => splits.map((time) => this.clock.hour(time * 1000)) },
        { ...axis, size: 44, space: 16, incrs: [10, 20], values: (_, splits) => splits.map((level) => number(level)) },
      ],
      series: [
        {},
        { stroke: colour("--leq"), width: 2, paths: steps, points: { show: false } },
        { stroke: colour("--red"), width: 2, dash: [7, 5], paths: ahead, points: { show: false } },
      ],
    };
    this.plot = new uPlot(options, this.data, this.place);
  }

  // minutes: Map of end in ms to level; steps: pieces of the limit line.
  show(minutes, steps) {
    const times = new Set(minutes.keys());
    const [fromMs, untilMs] = [this.now() - HOURS * 3600000, this.now()];
    for (const { starts_at: startsAt, ends_at: endsAt } of steps) {
      times.add(Math.max(fromMs, Date.parse(startsAt)));
      times.add(Math.min(untilMs, Date.parse(endsAt)));
    }
    const sorted = [...times].filter((time) => time >= fromMs).sort((one, other) => one - other);
    const limits = sorted.map((time) => limitAt(steps, time));
    // A moment that only the limit has takes the level of the minute it lies in, or the steps would break there.
    const levels = sorted.map((time) => minutes.get(time) ?? minutes.get(Math.ceil(time / 60000) * 60000) ?? null);
    this.data = [sorted.map((time) => time / 1000), levels, limits];
    this.plot.setData(this.data);
  }
}

function limitAt(steps, time) {
  const found = steps.find(({ starts_at: from, ends_at: until }) => Date.parse(from) <= time && time <= Date.parse(until));
  return found?.level_db ?? null;
}
