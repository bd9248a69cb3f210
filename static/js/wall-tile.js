// One meter's tile: writes what has changed and nothing else.

import * as format from "./format.js";
import * as limitWords from "./limit-words.js";
import { Spark } from "./wall-spark.js";
import { warning } from "./wall-verdict.js";
import { t, tn } from "./words.js";

const template = document.getElementById("tile");
const PARTS = ["name", "site", "verdict", "alerts", "main", "main-label", "main-value", "main-age", "about", "lp", "lp-label", "hour", "flags", "state", "age"];
const DAY_MS = 86400000;

export class Tile {
  constructor(unit) {
    this.unit = unit;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.unitId = unit.unitId;
    this.parts = Object.fromEntries(PARTS.map((name) => [name, this.element.querySelector(`.tile-${name}`)]));
    this.parts.name.href = `/unit/${encodeURIComponent(unit.unitId)}`;
    this.spark = new Spark(this.element.querySelector(".spark"));
    this.texts = new Map();
    this.isVisible = true;
  }

  // Reading the document costs more than remembering what stands there.
  write(name, text) {
    if (this.texts.get(name) === text) return;
    this.texts.set(name, text);
    this.parts[name].textContent = text;
    if (name === "alerts" || name === "site" || name === "flags") this.parts[name].hidden = !text;
  }

  mark(name, value) {
    const key = `data-${name}`;
    if (this.texts.get(key) === value) return;
    this.texts.set(key, value);
    this.element.dataset[name] = value;
    if (name === "kind") this.parts.verdict.dataset.kind = value;
  }

  draw() {
    const { unit } = this;
    const { view, verdict, store } = unit;
    const frame = view.isBlank ? {} : (store.frame ?? {});
    this.write("name", unit.title);
    this.write("site", unit.site ?? "");
    this.mark("kind", verdict.kind);
    this.write("verdict", verdict.text);
    this.drawAlerts();
    const isOld = view.isStale || view.isBlank || !view.hasReading || view.isReachable === false || !view.isActive;
    const names = format.labels(store.labels);
    const isKnown = Boolean(store.labels?.frequency_weighting);
    this.mark("stale", String(isOld));
    if (unit.worst?.now) this.drawLimited(isOld);
    else this.drawRunning(view, names.leq, isKnown, isOld);
    format.writeLabel(this.parts["lp-label"], names.lp, isKnown);
    this.write("lp", format.level(frame.lp));
    this.write("state", this.state());
    this.mark("running", String(store.frame?.measurement_state === "Start"));
    this.write("age", view.hasReading ? t("{age} old", { age: seconds(view.ageS) }) : "");
    this.write("flags", [...unit.warnings.map(warning), ...(view.figures.flags ?? []).map(format.flag)].filter(Boolean).join("; "));
    if (this.drawnVersion !== unit.version || this.drawnHour !== this.hourNow()) this.drawHour();
  }

  drawAlerts() {
    const { alerts, verdict } = this.unit;
    const isSaid = ["alert", "warned"].includes(verdict.reason);
    this.write("alerts", alerts?.open && !isSaid ? tn(alerts.open, "one open alert", "{n} open alerts") : "");
    if (alerts?.severity) this.parts.alerts.dataset.severity = alerts.severity;
  }

  drawLimited(isOld) {
    const { worst } = this.unit;
    const { now } = worst;
    this.mark("struck", String(isOld || this.unit.isStandingOld()));
    format.writeLabel(this.parts["main-label"], [now.label.slice(0, 1), now.label.slice(1)]);
    this.write("main-value", `${now.bound === ">" ? "> " : now.bound === "<" ? "< " : ""}${format.level(now.level_db)}`);
    this.write("main-age", t("{age} old", { age: seconds(this.unit.standingAgeS()) }));
    this.write("about", limitWords.margin(worst));
  }

  drawRunning({ figures, figuresAgeS, areFiguresOld }, label, isKnown, isOld) {
    this.mark("struck", String(isOld || areFiguresOld));
    format.writeLabel(this.parts["main-label"], label, isKnown);
    this.write("main-value", format.level(figures.leq));
    this.write("main-age", areFiguresOld && !isOld && figures.leq != null ? t("{age} old", { age: seconds(figuresAgeS) }) : "");
    this.write("about", figures.leq == null ? "" : this.period());
  }

  // What does not tick need not be written every second: since when, not for how long.
  since() {
    const { store, clock, serverClock } = this.unit;
    const startedAt = store.frame?.measurement_start_time;
    if (!startedAt) return null;
    return serverClock.now() - Date.parse(startedAt) < DAY_MS ? clock.time(startedAt) : clock.minute(startedAt);
  }

  period() {
    const state = this.unit.store.frame?.measurement_state;
    if (state !== "Start") return state === "Stop" ? t("held from the last measurement") : t("period not known yet");
    const time = this.since();
    return time ? t("running since {time}", { time }) : t("running, since before we looked");
  }

  state() {
    const state = this.unit.store.frame?.measurement_state;
    if (state !== "Start") return state === "Stop" ? t("stopped") : t("run state not known yet");
    const time = this.since();
    return time ? t("measuring since {time}", { time }) : t("measuring, since before we looked");
  }

  hourNow() {
    return Math.floor(this.unit.serverClock.now() / 60000);
  }

  drawHour() {
    const levels = this.unit.hour();
    this.drawnVersion = this.unit.version;
    this.drawnHour = this.hourNow();
    this.spark.draw(levels, this.unit.limitDb);
    const known = levels.filter((level) => level != null);
    if (!known.length) return this.write("hour", t("Nothing on record of the last hour."));
    const [low, high] = [Math.min(...known), Math.max(...known)].map(format.level);
    this.write("hour", t("Minutes of the last hour: {low} to {high} dB.", { low, high }));
  }
}

// Whole seconds: what changes seldom is drawn seldom.
const seconds = (ageS) => (ageS < 100 ? `${Math.max(0, Math.floor(ageS))} s` : format.age(ageS));
