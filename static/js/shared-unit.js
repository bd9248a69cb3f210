// One unit on the page behind a share link: verdict, level, limit, chart and age.

import { call } from "./api.js";
import { element } from "./element.js";
import { labels } from "./format.js";
import { HOURS, SharedChart } from "./shared-chart.js";
import * as say from "./shared-words.js";
import { UnitStore } from "./store.js";
import { t } from "./words.js";
import { ZoneClock } from "./zone.js";

const OVERLAP_MS = 600000; // minutes come late where a meter was out of reach
const LIVE_OLD_S = 30;
const MINUTES_OLD_S = 180;

export class SharedUnit {
  constructor(root, clock) {
    this.root = root;
    this.unitId = root.dataset.unitId;
    this.zone = new ZoneClock(root.dataset.zone);
    this.now = clock;
    this.store = new UnitStore(this.unitId, clock, 100);
    this.standings = [];
    this.minutes = new Map();
    this.steps = [];
    this.lineOf = "";
    this.place = (name) => root.querySelector(`.shared-${name}`);
    this.legend = element("p", { className: "shared-legend" }, element("span", {}, t("mean of each minute, LAeq,1min in dB")));
    this.limitKey = element("span", { className: "limit-key", hidden: true });
    this.legend.append(this.limitKey);
    const box = this.place("chart");
    box.before(this.legend);
    box.setAttribute("role", "img");
    this.chart = new SharedChart(box, this.zone, () => clock.now());
    this.draw();
  }

  get path() {
    return `/${encodeURIComponent(this.unitId)}`;
  }

  get standing() {
    return say.worst(this.standings);
  }

  hearLimits({ limits }) {
    this.standings = limits;
    this.draw();
    this.loadLine().catch(() => {}); // asked for again with the next minute
  }

  // The minutes since those that are known, and the limit beside them.
  async load() {
    const nowMs = this.now.now();
    const known = Math.max(...this.minutes.keys(), 0) - OVERLAP_MS;
    const from = new Date(Math.max(nowMs - HOURS * 3600000, known)).toISOString();
    const found = await call(`${this.path}/history?${new URLSearchParams({ from, step: "1min", metrics: "laeq" })}`);
    const whole = found.is_last_open ? found.times.slice(0, -1) : found.times;
    for (const [index, time] of whole.entries()) this.minutes.set(Date.parse(time), found.levels.laeq[index]);
    for (const time of this.minutes.keys()) if (time < nowMs - (HOURS + 1) * 3600000) this.minutes.delete(time);
    await this.loadLine();
    this.chart.show(this.minutes, this.steps);
    this.place("chart").setAttribute("aria-label", say.chartText([...this.minutes.values()], HOURS));
    this.draw();
  }

  // The limit line is asked for once an hour and when the limit is another.
  async loadLine() {
    const { standing } = this;
    const nowMs = this.now.now();
    const wanted = standing ? `${standing.limit_id} ${standing.version} ${Math.floor(nowMs / 3600000)}` : "";
    if (wanted === this.lineOf) return;
    if (standing) {
      const from = new Date(nowMs - HOURS * 3600000).toISOString();
      const until = new Date(nowMs + 3600000).toISOString();
      const line = await call(`${this.path}/limits/${standing.limit_id}/line?${new URLSearchParams({ from, until })}`);
      this.steps = line.steps;
      this.limitKey.textContent = t("limit for {label}", { label: line.label });
    } else {
      this.steps = [];
    }
    this.lineOf = wanted;
    this.limitKey.hidden = this.steps.length === 0;
    this.chart.show(this.minutes, this.steps);
  }

  lastMinute() {
    const [at, level] = [...this.minutes].filter(([, value]) => value != null).at(-1) ?? [];
    return at === undefined ? null : { at, level };
  }

  draw() {
    const { standing, store } = this;
    const view = store.view();
    const figure = say.figure(standing, this.lastMinute(), this.zone);
    const isOld = figure.at !== null && this.now.now() - figure.at > 1000 * (standing?.resolution === "live" ? LIVE_OLD_S : MINUTES_OLD_S);
    const lastSeen = store.frame ? this.zone.minute(store.frame.timestamp) : "";
    const isMeasuring = store.frame?.measurement_state !== "Stop";
    const { kind, text } = this.hasEnded ? { kind: "grey", text: t("Old figures: the link has ended") } : say.verdict({ view, isMeasuring, isOld, lastSeen }, standing);
    this.place("verdict").dataset.kind = kind;
    write(this.place("verdict"), text);
    write(this.place("label"), figure.label);
    write(this.root.querySelector(".shared-level .value"), figure.level);
    write(this.place("period"), figure.period);
    this.root.classList.toggle("is-stale", isOld || view.isStale || Boolean(this.hasEnded));
    this.root.classList.toggle("is-now-stale", view.isStale || Boolean(this.hasEnded));
    this.drawFacts(view);
    write(this.place("age"), say.ageText(view.ageS));
  }

  drawFacts(view) {
    const { standing, store } = this;
    const [symbol, subscript] = labels(store.labels).lp;
    const now = view.isBlank || store.frame?.lp == null ? "" : `${symbol}${subscript} ${say.decibels(store.frame.lp)} dB`;
    const facts = [
      [t("Limit"), say.limitText(standing)],
      [t("Margin"), say.marginText(standing)],
      [t("Next"), say.changeText(standing, this.zone)],
      [t("Right now"), now, "shared-now"],
    ].filter(([, value]) => value);
    const key = JSON.stringify(facts);
    if (key === this.shownFacts) return;
    this.shownFacts = key;
    const pairs = facts.flatMap(([name, value, className = ""]) => [element("dt", {}, name), element("dd", { className }, value)]);
    this.place("facts").replaceChildren(...pairs);
  }
}

function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
