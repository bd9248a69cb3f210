// The chart of a unit: which span is shown, what it needs, when it is drawn, and what the reader does with it.

import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { LevelChart } from "./chart.js";
import { ChartData } from "./chart-data.js";
import { FineStream } from "./chart-fine.js";
import { Gestures } from "./chart-gestures.js";
import * as layers from "./chart-layers.js";
import { ChartLegend } from "./chart-legend.js";
import * as marks from "./chart-marks.js";
import { fromAddress, moved, toAddress, WINDOWS, zoomed } from "./chart-plan.js";
import { ChartToolbar } from "./chart-toolbar.js";
import { UnitEvents } from "./unit-events.js";
import { RemarkDialog } from "./unit-remarks.js";
import { t } from "./words.js";

const MINUTE_MS = 60000;
const SETTLED_MS = 11000; // a minute is on record some 8 s after it has ended
const EVENTS_EVERY_MS = 60000;
const byId = (id) => document.getElementById(id);

export class UnitChart {
  // store has the labels; clock is the ZoneClock of the place; redraw() asks for draw() at the next animation frame.
  constructor(unitId, { store, clock, serverClock, redraw }) {
    Object.assign(this, { unitId, store, clock, redraw });
    this.now = () => serverClock.now() / 1000;
    this.view = { ...fromAddress(location.search), isPaused: false };
    this.data = new ChartData(unitId, this.now);
    this.events = new UnitEvents(unitId, this.now);
    this.legend = new ChartLegend(this.data, this.events, clock);
    this.limitWindowS = null;
    this.trouble = "";
    this.isLoaded = false;
    this.isNew = true;
    this.drawnSpan = null;
    this.line = this.data.readings(0, 0);
    this.clockChanges = [];
    this.chart = new LevelChart(byId("chart"), clock, this.painters());
    this.gestures = new Gestures(this.chart, this.wishes());
    this.fine = new FineStream(unitId, (frame) => this.takeFine(frame), () => this.changed());
    this.remarks = new RemarkDialog(unitId, clock, (text) => this.remarkMade(text));
    this.toolbar = new ChartToolbar(this);
    document.addEventListener("visibilitychange", () => this.turned());
    this.schedule();
  }

  painters() {
    const seen = (name, painter) => (scene) => this.view.series.includes(name) && painter(scene);
    return [
      (scene) => marks.exclusions(scene, this.events.exclusions),
      seen("band", (scene) => layers.band(scene, this.data)),
      seen("lp", (scene) => layers.readings(scene, this.line)),
      seen("lmax", (scene) => layers.extremes(scene, this.data)),
      seen("laeq", (scene) => layers.means(scene, this.data)),
      seen("rolling", (scene) => layers.rolling(scene, this.data)),
      (scene) => layers.outOfRange(scene, this.data, this.line),
      seen("limit", (scene) => marks.limitLines(scene, this.events.limits)),
      (scene) => marks.clockMarks(scene, this.clockChanges),
      (scene) => marks.moment(scene, this.view.momentS),
      (scene) => marks.cursor(scene, this.gestures?.selection),
      (scene) => marks.strip(scene, this.events.list),
    ];
  }

  wishes() {
    return {
      point: (seconds) => this.point(seconds),
      step: (direction) => this.step(direction),
      edge: (direction) => this.point(this.span[direction < 0 ? 0 : 1]),
      zoomTo: (span) => this.zoomTo(span),
      zoomBy: (factor, seconds) => this.zoomTo(zoomed(this.span, factor, seconds ?? this.chart.cursorS ?? this.span[1], this.now())),
      pan: (share) => this.zoomTo(moved(this.span, share * (this.span[1] - this.span[0]), this.now())),
      back: () => this.backToLive(),
      mark: (span) => this.remarks.open(span),
    };
  }

  get isLive() {
    return this.view.span === null;
  }

  get span() {
    if (!this.isLive) return this.view.span;
    const nowS = this.now();
    return [nowS - WINDOWS[this.view.window], nowS];
  }

  // -- what the reader wants ----------------------------------------------------------------------------------

  point(seconds) {
    this.chart.cursorS = seconds;
    this.changed();
  }

  // From one reading to the next, or from one period to the next where these are drawn.
  step(direction) {
    const [fromS, untilS] = this.span;
    const { plan, steps } = this.data;
    const line = this.data.readings(fromS, untilS);
    const times = plan.hasReadings ? line.times.filter((_, at) => line.levels[at] !== null) : steps.ends.map((end) => end - steps.stepS / 2);
    const inside = times.filter((time) => time >= fromS && time <= untilS);
    if (inside.length === 0) return this.point(direction < 0 ? fromS : untilS);
    const here = this.chart.cursorS ?? (direction < 0 ? Infinity : -Infinity);
    const next = direction < 0 ? inside.filter((time) => time < here - 0.01) : inside.filter((time) => time > here + 0.01);
    const places = direction < 0 ? next.reverse() : next;
    this.point(places[Math.min(Math.abs(direction), places.length) - 1] ?? (direction < 0 ? inside[0] : inside.at(-1)));
  }

  choose(window) {
    Object.assign(this.view, { window, span: null, momentS: null, wrong: "", isPaused: false });
    this.moveOn();
  }

  zoomTo(span) {
    if (span[1] - span[0] < 1) return;
    Object.assign(this.view, { span: zoomed(span, 1, (span[0] + span[1]) / 2, this.now()), isPaused: false });
    this.moveOn();
  }

  backToLive() {
    if (this.isLive && !this.view.wrong) return;
    this.choose(this.view.window);
    document.querySelector("[data-window][aria-pressed=true]")?.focus();
  }

  // The picture stands still; readings go on being taken, and are there when it goes on.
  pause() {
    if (this.view.isPaused) return this.choose(this.view.window);
    Object.assign(this.view, { span: this.span, isPaused: true });
    this.changed(true);
  }

  toggleSeries(name) {
    const { series } = this.view;
    this.view.series = series.includes(name) ? series.filter((each) => each !== name) : [...series, name];
    this.changed(true);
  }

  annotate() {
    const { cursorS } = this.chart;
    if (this.isLive || this.view.isPaused) this.remarks.open(cursorS === null ? [this.now() - 60, this.now()] : [cursorS, cursorS]);
    else this.remarks.open(this.span);
  }

  // For who may make them, they may also take them back; asked first, for figures are judged anew.
  async withdraw({ id, text }) {
    const lines = [text, t("It counts no more; it stays on record that it was there, and who withdrew it.")];
    if (!(await askFirst({ title: t("Withdraw this remark?"), lines, action: t("Withdraw") }))) return;
    try {
      await call(`/${encodeURIComponent(this.unitId)}/remarks/${id}`, { method: "DELETE" });
      this.remarkMade(t("The remark counts no more."));
    } catch (error) {
      this.remarkMade(t("The remark was not withdrawn: {reason}", { reason: error.message }));
    }
  }

  remarkMade(text) {
    byId("load-outcome").textContent = text;
    this.loadEvents();
  }

  moveOn() {
    this.chart.cursorS = null;
    this.changed(true);
    clearTimeout(this.waiting); // a pinch asks for many spans one after the other
    this.waiting = setTimeout(() => this.load(), this.isLoaded ? 120 : 0);
  }

  changed(isAddress = false) {
    this.isNew = true;
    if (isAddress) {
      const search = this.view.isPaused ? location.search : toAddress(this.view);
      history.replaceState(null, "", `${location.pathname}${search}${location.hash}`);
      this.toolbar.draw();
    }
    this.redraw();
  }

  // -- what it needs --------------------------------------------------------------------------------------------

  // Levels and events of the span, at once; a trouble is told below the chart, and what is there stays.
  async load() {
    const { span } = this;
    const events = this.loadEvents();
    try {
      await this.data.load(span, this.limitWindowS);
      this.isLoaded = true;
      this.trouble = "";
    } catch (error) {
      this.trouble = t("The past could not be loaded: {reason}", { reason: error.message });
    }
    this.changed();
    await events;
  }

  async loadEvents() {
    this.eventsMs = performance.now();
    await this.events.load(this.span);
    this.changed();
    this.toolbar.drawEvents();
  }

  // A page that comes to the fore again has missed minutes.
  turned() {
    if (document.hidden) this.hiddenMs = performance.now();
    else if (this.isLoaded && performance.now() - this.hiddenMs > MINUTE_MS) this.load();
  }

  // New minutes, a little after each has ended and not for all readers in the same instant.
  schedule() {
    const waitMs = MINUTE_MS - ((this.now() * 1000 - SETTLED_MS) % MINUTE_MS) + 4000 * Math.random();
    setTimeout(() => {
      if (this.isLive && this.isLoaded && !document.hidden) this.extend();
      this.schedule();
    }, waitMs);
  }

  async extend() {
    if (performance.now() - this.eventsMs > EVENTS_EVERY_MS / 2) this.loadEvents();
    try {
      await this.data.extend(this.span);
      this.trouble = "";
    } catch (error) {
      this.trouble = t("New minutes could not be loaded: {reason}", { reason: error.message });
    }
    this.changed();
  }

  take(frame) {
    this.data.take(frame);
    this.redraw();
  }

  // It has the level alone; the other figures stay what the last reading showed.
  takeFine(frame) {
    this.data.takeFine(frame);
    if (frame.feed_status === "ok") {
      const { timestamp, feed_status, measurement_state, lp, over, under } = frame;
      this.store.take({ ...this.store.frame, timestamp, feed_status, measurement_state, lp, over, under });
    }
    this.redraw();
  }

  // The line follows the limits that stand, the rolling mean the window of one that is rolling.
  hearLimits({ limits }) {
    const rollingOne = limits.find(({ kind, now }) => kind === "rolling" && now);
    const windowS = rollingOne ? (Date.parse(rollingOne.now.ends_at) - Date.parse(rollingOne.now.starts_at)) / 1000 : null;
    const isOther = this.events.takeLimits(limits);
    if (windowS !== this.limitWindowS) {
      this.limitWindowS = windowS;
      if (this.isLoaded) this.load();
    } else if (isOther) {
      this.events.loadLimits(this.span).then(() => this.changed());
    }
  }

  // -- what is drawn --------------------------------------------------------------------------------------------

  // Only when something is new, or the present has moved on by as much as can be seen.
  draw() {
    const { span, isNew } = this;
    this.drawSentences(span);
    const pixelS = (span[1] - span[0]) / (byId("chart").clientWidth || 320);
    const isFar = !this.drawnSpan || Math.abs(span[1] - this.drawnSpan[1]) >= pixelS / 2 || span[0] !== this.drawnSpan[0];
    if (!isNew && !(isFar && (this.isLive || !this.drawnSpan)) && !this.data.plan.hasReadings) return;
    this.isNew = false;
    if (isNew || !this.drawnSpan || span[1] - this.drawnSpan[1] > 60) this.clockChanges = marks.clockChanges(span, this.clock.zone);
    this.drawnSpan = span;
    this.line = this.data.readings(...span);
    this.chart.show(span, this.data.extent(span, this.line));
    this.drawWords(span);
  }

  drawWords(span) {
    const { cursorS } = this.chart;
    const isCursor = cursorS !== null && cursorS >= span[0] && cursorS <= span[1];
    const values = isCursor ? this.data.valuesAt(cursorS, this.line) : this.data.newest(span, this.line);
    this.legend.drawNames(this.store.labels);
    this.legend.drawValues(values, isCursor, this.store.labels);
    const key = `${this.view.window} ${this.view.span} ${this.data.steps.ends.at(-1)}`;
    this.legend.drawSummary(span, this.store.labels, key !== this.summaryKey);
    this.summaryKey = key;
    if (!byId("chart-table").hidden) this.legend.drawTable(byId("chart-table"), span, this.store.labels);
    const place = byId("chart");
    place.setAttribute("aria-valuemin", Math.round(span[0]));
    place.setAttribute("aria-valuemax", Math.round(span[1]));
    place.setAttribute("aria-valuenow", Math.round(isCursor ? cursorS : span[1]));
  }

  drawSentences(span) {
    this.toolbar.say("fine-note", this.fine.sentence);
    this.toolbar.say("moment-text", this.toolbar.whereText(span));
    byId("moment").hidden = this.isLive && !this.view.wrong;
    if (this.trouble || byId("load-outcome").dataset.kind === "bad") {
      this.toolbar.say("load-outcome", this.trouble);
      byId("load-outcome").dataset.kind = this.trouble ? "bad" : "";
    }
  }
}
