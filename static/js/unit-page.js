// The page of one unit: figures, chart, limits and control, fed by one event stream.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import * as format from "./format.js";
import { showLink } from "./link.js";
import { MeterLine } from "./meter-line.js";
import { SlmmClient } from "./slmm-client.js";
import { ServerClock, UnitStore } from "./store.js";
import { UnitAlerts } from "./unit-alerts.js";
import { UnitChart } from "./unit-chart.js";
import { UnitControl } from "./unit-control.js";
import { UnitFigures } from "./unit-figures.js";
import { UnitLimits } from "./unit-limits.js";
import { UnitPeriods } from "./unit-periods.js";
import { t } from "./words.js";
import { ZoneClock } from "./zone.js";

const ALERTS_MS = 1500; // several are told at once, also of those that are open when the page is opened
const unit = document.getElementById("unit");
const { unitId } = unit.dataset;
const byId = (id) => document.getElementById(id);

const serverClock = new ServerClock();
const now = () => serverClock.now();
const clock = new ZoneClock(unit.dataset.zone);
const store = new UnitStore(unitId, serverClock);
let isDrawn = true;
let isCurrent = false;
let client;
let eventsSoon;
const badge = new AlertBadge();
const alerts = new UnitAlerts(unitId, now, clock);
const limits = new UnitLimits(unitId, now, clock);
const meter = new MeterLine(unitId, byId("meter-line"), clock);
const figures = new UnitFigures(store);
const chart = new UnitChart(unitId, { store, clock, serverClock, redraw });
const control = new UnitControl(byId("unit-control"), unitId, now);
new UnitPeriods(byId("unit-periods"), unitId, unit.dataset.zone);

function write(id, value) {
  const element = byId(id);
  if (element.textContent !== value) element.textContent = value;
}

// Figures at most once per animation frame; age and verdict also without new data.
function draw() {
  isDrawn = true;
  const view = store.view();
  const verdict = format.verdict(view);
  byId("verdict").dataset.kind = verdict.kind;
  write("verdict-text", verdict.text);
  write("verdict-detail", verdict.detail ?? "");
  unit.classList.toggle("is-stale", verdict.kind !== "live");
  figures.draw(view, limits.lead, now());
  meter.draw(view, store.labels, now());
  control.run(store.frame?.measurement_state ?? null, store.frame?.measurement_start_time ?? null);
  control.tick();
  alerts.tick();
  limits.tick();
  chart.draw();
}

function redraw() {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(draw);
}

function hearLimits(payload) {
  limits.hear(payload);
  chart.hearLimits(payload);
  redraw();
}

// What the event stream does not carry: configuration, last state, alerts and the past. All at once: none waits for another.
async function load() {
  isCurrent = true;
  const [roster, standing] = await Promise.allSettled([loadRoster(), limits.load().then((found) => chart.hearLimits(found)), alerts.load(), meter.load(), chart.load()]);
  if (roster.reason || standing.reason) isCurrent = false;
  if (roster.reason) write("load-outcome", t("The unit's state could not be loaded: {reason}", { reason: roster.reason.message }));
  redraw();
}

async function loadRoster() {
  const { devices } = await call("/roster", { clock: serverClock });
  const entry = devices.find((device) => device.unit_id === unitId) ?? null;
  control.known(entry);
  if (entry) store.known(entry);
  else store.isRemoved = true;
  redraw();
}

function removed() {
  store.isRemoved = true;
  control.known(null);
  client.close(t("the unit was removed"));
  redraw();
}

function follow() {
  client = new SlmmClient({
    units: [unitId],
    lastEventId: "earliest",
    onFrame(frame) {
      serverClock.heard(Date.parse(frame.timestamp));
      store.take(frame);
      chart.take(frame);
    },
    onStatus(event) {
      store.status(event);
      control.hear(event);
      if ("held_by" in event) meter.load();
      redraw();
    },
    onRoster: ({ change }) => (change === "removed" ? removed() : load()),
    onAlert(payload) {
      badge.hear(payload);
      alerts.hear(payload);
      clearTimeout(eventsSoon);
      eventsSoon = setTimeout(() => chart.loadEvents(), ALERTS_MS);
    },
    onLimits: hearLimits,
    onTime: (ms) => serverClock.told(ms),
    onState(state, detail, nextAt) {
      showLink(state, detail, nextAt);
      if (state === "waiting") isCurrent = false;
      else if (state === "closed" || (state === "live" && !isCurrent)) {
        load();
        badge.refresh();
      }
    },
  });
}

write("zone", t("times in {zone}", { zone: clock.zone }));
load();
follow();
setInterval(redraw, 500);
redraw();
