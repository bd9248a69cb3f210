// The page of one unit: figures, chart and control, fed by one event stream.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { Moment } from "./chart-moment.js";
import { LevelChart } from "./chart.js";
import * as format from "./format.js";
import { showLink } from "./link.js";
import { SlmmClient } from "./slmm-client.js";
import { ServerClock, UnitStore } from "./store.js";
import { UnitAlerts } from "./unit-alerts.js";
import { UnitLimits } from "./unit-limits.js";

const GRID = ["lmax", "lmin", "lpeak", "le", "ln1", "ln2", "ln3", "ln4", "ln5"];
const unit = document.getElementById("unit");
const unitId = unit.dataset.unitId;
const path = `/${encodeURIComponent(unitId)}`;
const byId = (id) => document.getElementById(id);

const clock = new ServerClock();
const store = new UnitStore(unitId, clock);
const chart = new LevelChart(byId("chart"), () => clock.now() / 1000);
let isDrawn = true;
let isAsking = false;
let isCurrent = false;
let client;
const moment = new Moment(chart, chooseWindow);
const alerts = new UnitAlerts(unitId, () => clock.now());
const limits = new UnitLimits(unitId, () => clock.now());
const badge = new AlertBadge();
const cells = buildGrid();
const BUTTONS = [byId("start"), byId("stop")].filter(Boolean); // only for those who may
const MOMENT = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

function buildGrid() {
  const found = {};
  for (const name of GRID) {
    const box = document.createElement("div");
    const term = document.createElement("dt");
    const value = document.createElement("dd");
    box.append(term, value);
    byId("grid").append(box);
    found[name] = { term, value };
  }
  return found;
}

function text(id, value) {
  const element = byId(id);
  if (element.textContent !== value) element.textContent = value;
}

function drawLabels() {
  const names = format.labels(store.labels);
  const isKnown = Boolean(store.labels?.frequency_weighting);
  for (const id of ["leq-label", "legend-leq"]) format.writeLabel(byId(id), names.leq, isKnown);
  for (const id of ["lp-label", "legend-lp"]) format.writeLabel(byId(id), names.lp, isKnown);
  for (const name of GRID) format.writeLabel(cells[name].term, names[name], isKnown);
}

// The newest levels; those under the pointer, with their time, while it is on the chart.
function drawLegend(frame) {
  const { time, lp, leq } = chart.point ?? { time: "", ...frame };
  text("legend-time", time);
  text("legend-lp-value", `${format.level(lp)} dB`);
  text("legend-leq-value", `${format.level(leq)} dB`);
}

function drawFigures(view) {
  const frame = view.isBlank ? {} : (store.frame ?? {});
  text("leq", format.level(frame.leq));
  text("lp", format.level(frame.lp));
  for (const name of GRID) {
    const shown = frame[name] == null ? "–" : `${format.level(frame[name])} dB`;
    if (cells[name].value.textContent !== shown) cells[name].value.textContent = shown;
  }
  const flags = (frame.flags ?? []).map(format.flag);
  byId("flags").hidden = flags.length === 0;
  text("flags", flags.join("; "));
  drawLegend(frame);
}

function drawRun({ measurement_state: state, measurement_start_time: startedAt }) {
  text("run-state", format.runState(state, startedAt, clock.now()));
  text("period", format.period(state, startedAt, clock.now()));
  const since = byId("run-since");
  since.hidden = state !== "Start" || !startedAt;
  if (since.hidden || since.dateTime === startedAt) return;
  since.dateTime = startedAt;
  since.textContent = `since ${MOMENT.format(Date.parse(startedAt))}`;
}

// Figures at most once per animation frame; age and verdict also without new data.
function draw() {
  isDrawn = true;
  const view = store.view();
  const verdict = format.verdict(view);
  byId("verdict").dataset.kind = verdict.kind;
  text("verdict-text", verdict.text);
  text("verdict-detail", verdict.detail ?? "");
  unit.classList.toggle("is-stale", verdict.kind !== "live");
  text("age", view.hasReading ? `${format.age(view.ageS)} old` : "no reading yet");
  drawRun(store.frame ?? {});
  for (const button of BUTTONS) button.disabled = isAsking || view.isRemoved;
  drawLabels();
  drawFigures(view);
  alerts.tick();
  limits.tick();
  moment.explain(store.columns);
  chart.show(store.columns);
}

function redraw() {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(draw);
}

async function command(verb) {
  isAsking = true;
  for (const button of BUTTONS) button.disabled = true;
  text("outcome", `${verb} sent; waiting for the meter …`);
  try {
    await call(`${path}/${verb}`, { method: "POST" });
    text("outcome", `The meter confirmed: ${verb}.`);
  } catch (error) {
    text("outcome", `The meter did not ${verb}: ${error.message}`);
  }
  isAsking = false;
  redraw();
}

function chooseWindow(seconds) {
  chart.windowS = seconds;
  for (const button of document.querySelectorAll("[data-window-s]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.windowS) === seconds));
  }
  redraw();
}

// What the event stream does not carry: configuration, last state and, before anything live, the trail.
async function load() {
  isCurrent = true;
  try {
    const { devices } = await call("/roster", { clock });
    const entry = devices.find((device) => device.unit_id === unitId);
    if (entry) {
      store.known(entry);
      store.backfill((await call(`${path}/history?hours=${moment.hours}`)).readings);
      moment.isLoaded = true;
      await alerts.load();
      await limits.load();
    } else {
      store.isRemoved = true;
    }
    text("load-outcome", "");
  } catch (error) {
    isCurrent = false;
    text("load-outcome", `The past could not be loaded: ${error.message}`);
  }
  redraw();
}

function removed() {
  store.isRemoved = true;
  client.close("the unit was removed");
  redraw();
}

async function begin() {
  text("zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
  for (const button of document.querySelectorAll("[data-window-s]")) {
    button.addEventListener("click", () => chooseWindow(Number(button.dataset.windowS)));
  }
  for (const button of BUTTONS) button.addEventListener("click", () => command(button.id));
  chart.onPoint = redraw;
  await load();
  client = new SlmmClient({
    units: [unitId],
    lastEventId: "earliest",
    onFrame(frame) {
      clock.heard(Date.parse(frame.timestamp));
      store.take(frame);
      redraw();
    },
    onStatus(event) {
      store.status(event);
      redraw();
    },
    onRoster: ({ change }) => (change === "removed" ? removed() : load()),
    onAlert(payload) {
      badge.hear(payload);
      alerts.hear(payload);
    },
    onLimits: (payload) => limits.hear(payload),
    onState(state, detail) {
      showLink(state, detail);
      if (state === "waiting") isCurrent = false;
      else if (state === "closed" || (state === "live" && !isCurrent)) {
        load();
        badge.refresh();
      }
    },
  });
  setInterval(redraw, 500);
  redraw();
}

begin();
