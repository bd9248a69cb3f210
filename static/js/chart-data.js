// What the chart draws: single readings, means of periods and their rolling mean, for the span that is shown.

import { call } from "./api.js";
import { isoTime, periodName, plan } from "./chart-plan.js";
import * as steps from "./chart-steps.js";

const LEAST_GAP_S = 5;
const MOST_READINGS = 14000; // 20 minutes of ten a second, and some
const FINE_RESTS_S = 2;
const FINE_S = 0.5;
const FINE_GAP_S = 1;

// Readings in order of time; null where a silence was too long to draw through.
export class LevelLine {
  constructor() {
    this.times = [];
    this.levels = [];
    this.marks = []; // "over", "under" or ""
    this.intervals = [];
  }

  get gapS() {
    const sorted = [...this.intervals].sort((a, b) => a - b);
    const usual = sorted[sorted.length >> 1] ?? 1;
    return usual < FINE_S ? FINE_GAP_S : Math.max(LEAST_GAP_S, 3.5 * usual);
  }

  append(at, level, mark = "") {
    const last = this.times.at(-1);
    if (last !== undefined) {
      if (at <= last) return;
      if (at - last > this.gapS) this.push((last + at) / 2, null, "");
      if (level !== null) this.intervals.push(at - last);
      if (this.intervals.length > 9) this.intervals.shift();
    }
    this.push(at, level, mark);
    if (this.times.length > MOST_READINGS) for (const column of [this.times, this.levels, this.marks]) column.splice(0, MOST_READINGS / 10);
  }

  push(at, level, mark) {
    this.times.push(at);
    this.levels.push(level);
    this.marks.push(mark);
  }
}

export class ChartData {
  constructor(unitId, now) {
    this.path = `/${encodeURIComponent(unitId)}/history`;
    this.now = now;
    this.past = new LevelLine();
    this.live = new LevelLine();
    this.steps = steps.none(60);
    this.rolling = [];
    this.plan = plan(300);
    this.fineUntilS = -Infinity;
    this.turn = 0;
  }

  // A frame of the event stream; while the stream of the meter itself flows, it has more and these are left out.
  take(frame) {
    const at = Date.parse(frame.timestamp) / 1000;
    if (at - this.fineUntilS > FINE_RESTS_S) this.add(at, frame);
  }

  takeFine(frame) {
    const at = Date.parse(frame.timestamp) / 1000;
    if (frame.feed_status === "ok") this.fineUntilS = at;
    this.add(at, frame);
  }

  add(at, frame) {
    const isReading = frame.feed_status !== "unreachable";
    this.live.append(at, isReading ? (frame.lp ?? null) : null, frame.over ? "over" : frame.under ? "under" : "");
  }

  // Everything of a span; what is asked for later wins, whichever answer comes last. Raises what call() raises.
  async load([fromS, untilS], limitWindowS) {
    const turn = ++this.turn;
    const nowS = this.now();
    const wanted = plan(untilS - fromS, limitWindowS);
    const endS = Math.min(untilS, nowS);
    const [means, past] = await Promise.all([
      this.ask(fromS - wanted.rollingS, endS, periodName(wanted.stepS), steps.METRICS),
      wanted.hasReadings ? this.ask(fromS - LEAST_GAP_S, endS, "1s", "lp").catch(() => null) : null,
    ]);
    if (turn !== this.turn) return;
    this.plan = wanted;
    this.past = pastLine(past);
    this.keep(steps.fromAnswer(means, nowS));
  }

  // The newest periods, put to those that are there.
  async extend([fromS]) {
    const turn = this.turn;
    const { stepS, rollingS } = this.plan;
    const sinceS = Math.max(fromS - rollingS, (this.steps.ends.at(-1) ?? -Infinity) - 2 * stepS);
    const answer = await this.ask(sinceS, this.now(), periodName(stepS), steps.METRICS);
    if (turn !== this.turn) return;
    this.keep(steps.merged(this.steps, steps.fromAnswer(answer, this.now()), fromS - rollingS));
  }

  keep(found) {
    this.steps = found;
    this.rolling = steps.rolling(found, this.plan.rollingS);
  }

  ask(fromS, untilS, step, metrics) {
    const query = new URLSearchParams({ from: isoTime(fromS), until: isoTime(Math.max(untilS, fromS + 1)), step, metrics });
    return call(`${this.path}?${query}`);
  }

  // The readings of a span: those on record, and from the first live one on these. One more on each side, for the line.
  readings(fromS, untilS) {
    const found = new LevelLine();
    if (!this.plan.hasReadings) return found;
    const liveFromS = this.live.times[0] ?? Infinity;
    for (const line of [this.past, this.live]) {
      const start = Math.max(0, steps.indexAt(line.times, fromS) - 1);
      for (let at = start; at < line.times.length && line.times[at] <= untilS; at++) {
        if (line === this.past && line.times[at] >= liveFromS - 0.5) break;
        if (at === 0 && line === this.live && liveFromS - (found.times.at(-1) ?? Infinity) > line.gapS) found.push(liveFromS - 0.1, null, "");
        found.push(line.times[at], line.levels[at], line.marks[at]);
      }
    }
    return found;
  }

  // The least and the highest level that is drawn; null and null without any.
  extent([fromS, untilS], line) {
    let [low, high] = [Infinity, -Infinity];
    const look = (level) => {
      if (level == null) return;
      if (level < low) low = level;
      if (level > high) high = level;
    };
    this.steps.ends.forEach((end, at) => {
      if (end <= fromS || end - this.steps.stepS >= untilS) return;
      for (const column of [this.steps.laeq, this.steps.lmax, this.steps.l90]) look(column[at]);
    });
    line.levels.forEach(look);
    return low === Infinity ? [null, null] : [low, high];
  }

  // The newest reading and the newest period of a span, each as far as it is known.
  newest([fromS, untilS], line) {
    const known = (levels, at) => levels[at] != null;
    let reading = line.times.length - 1;
    while (reading >= 0 && !known(line.levels, reading)) reading--;
    let period = steps.indexAt(this.steps.ends, untilS + this.steps.stepS) - 1;
    while (period >= 0 && !known(this.steps.laeq, period) && this.steps.ends[period] > fromS) period--;
    const values = this.valuesAt(reading < 0 ? untilS : line.times[reading], line);
    return { ...values, ...this.periodValues(this.steps.ends[period] > fromS ? period : -1), atS: untilS };
  }

  // Everything known of a moment; the nearest reading, not across a gap.
  valuesAt(atS, line = this.readings(atS - 30, atS + 30)) {
    const values = { atS, lp: null, lpAtS: null, mark: "" };
    const after = steps.indexAt(line.times, atS);
    const near = [after - 1, after].filter((at) => at >= 0 && at < line.times.length && line.levels[at] !== null);
    near.sort((one, other) => Math.abs(line.times[one] - atS) - Math.abs(line.times[other] - atS));
    if (near.length && Math.abs(line.times[near[0]] - atS) <= line.gapS / 2) {
      Object.assign(values, { lp: line.levels[near[0]], lpAtS: line.times[near[0]], mark: line.marks[near[0]] });
    }
    return { ...values, ...this.periodValues(steps.periodAt(this.steps, atS)) };
  }

  periodValues(at) {
    const names = ["laeq", "lmax", "l10", "l90", "coverage", "flags", "bound", "source"];
    const found = Object.fromEntries(names.map((name) => [name, at < 0 ? null : this.steps[name][at]]));
    return { ...found, endS: at < 0 ? null : this.steps.ends[at], rolling: at < 0 ? null : this.rolling[at] };
  }
}

function pastLine(answer) {
  const line = new LevelLine();
  answer?.times.forEach((time, at) => {
    if (answer.levels.lp[at] === null) return;
    const mark = ["over", "under"].find((flag) => answer.flags[at].includes(flag)) ?? "";
    line.append(Date.parse(time) / 1000, answer.levels.lp[at], mark);
  });
  return line;
}
