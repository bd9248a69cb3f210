// The page of one unit: figures, chart and control, fed by one event stream.

import { call } from "./api.js";
import { LevelChart } from "./chart.js";
import * as format from "./format.js";
import { showLink } from "./link.js";
import { SlmmClient } from "./slmm-client.js";
import { ServerClock, UnitStore } from "./store.js";

const GRID = ["lmax", "lmin", "lpeak", "le", "ln1", "ln2", "ln3", "ln4", "ln5"];
const unit = document.getElementById("unit");
const unitId = unit.dataset.unitId;
const path = `/${encodeURIComponent(unitId)}`;
const byId = (id) => document.getElementById(id);

const clock = new ServerClock();
const store = new UnitStore(unitId, clock);
const chart = new LevelChart(byId("chart"), () => clock.now() / 1000);
const cells = buildGrid();
let isDrawn = true;

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
  for (const id of ["leq-label", "legend-leq"]) format.writeLabel(byId(id), names.leq);
  for (const id of ["lp-label", "legend-lp"]) format.writeLabel(byId(id), names.lp);
  for (const name of GRID) format.writeLabel(cells[name].term, names[name]);
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
}

// Figures at most once per animation frame; age and verdict also without new data.
function draw() {
  isDrawn = true;
  const view = store.view();
  const verdict = format.verdict(view);
  byId("verdict").dataset.kind = verdict.kind;
  text("verdict", verdict.text);
  unit.classList.toggle("is-stale", verdict.kind !== "live");
  text("age", view.hasReading ? `${format.age(view.ageS)} old` : "no reading yet");
  const frame = store.frame ?? {};
  const run = format.runState(frame.measurement_state, frame.measurement_start_time, clock.now());
  text("run-state", run);
  text("period", format.period(frame.measurement_state, frame.measurement_start_time, clock.now()));
  drawLabels();
  drawFigures(view);
  chart.show(store.columns);
}

function redraw() {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(draw);
}

async function command(verb) {
  const buttons = [byId("start"), byId("stop")];
  for (const button of buttons) button.disabled = true;
  text("outcome", `${verb} sent; waiting for the meter …`);
  try {
    await call(`${path}/${verb}`, { method: "POST" });
    text("outcome", `The meter confirmed: ${verb}.`);
  } catch (error) {
    text("outcome", `The meter did not ${verb}: ${error.message}`);
  }
  for (const button of buttons) button.disabled = false;
}

function chooseWindow(button) {
  chart.windowS = Number(button.dataset.windowS);
  for (const other of document.querySelectorAll("[data-window-s]")) {
    other.setAttribute("aria-pressed", String(other === button));
  }
  redraw();
}

async function begin() {
  text("zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
  for (const button of document.querySelectorAll("[data-window-s]")) {
    button.addEventListener("click", () => chooseWindow(button));
  }
  byId("start").addEventListener("click", () => command("start"));
  byId("stop").addEventListener("click", () => command("stop"));
  try {
    const [roster, history] = await Promise.all([call("/roster", { clock }), call(`${path}/history?hours=2`, { clock })]);
    store.known(roster.devices.find((device) => device.unit_id === unitId));
    store.backfill(history.readings);
  } catch (error) {
    text("outcome", `The past could not be loaded: ${error.message}`);
  }
  new SlmmClient({
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
    onState: showLink,
  });
  setInterval(redraw, 500);
  redraw();
}

begin();
