// The page of all units: a tile each, fed by one event stream.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import * as format from "./format.js";
import { showLink } from "./link.js";
import { SlmmClient } from "./slmm-client.js";
import { ServerClock, UnitStore } from "./store.js";

const SPARK_S = 300;
const tiles = document.getElementById("tiles");
const template = document.getElementById("tile");
const clock = new ServerClock();
const badge = new AlertBadge();
const units = new Map();
let isCurrent = false;

function addTile(entry) {
  const tile = template.content.firstElementChild.cloneNode(true);
  const part = (name) => tile.querySelector(`.${name}`);
  const link = part("tile-name");
  link.textContent = entry.unit_id;
  link.href = `/unit/${encodeURIComponent(entry.unit_id)}`;
  tile.dataset.unitId = entry.unit_id;
  tiles.append(tile);
  const found = { tile, part, store: new UnitStore(entry.unit_id, clock) };
  units.set(entry.unit_id, found);
  return found;
}

// What the event stream does not carry: who is on the roster, and each unit's last state.
async function load() {
  isCurrent = true;
  try {
    show((await call("/roster", { clock })).devices);
    write(document.getElementById("load-outcome"), "");
  } catch (error) {
    isCurrent = false;
    write(document.getElementById("load-outcome"), `The units could not be loaded: ${error.message}`);
  }
  redraw();
}

function show(devices) {
  for (const entry of devices) (units.get(entry.unit_id) ?? addTile(entry)).store.known(entry);
  const present = new Set(devices.map((entry) => entry.unit_id));
  for (const [unitId, { tile }] of units) {
    if (present.has(unitId)) continue;
    tile.remove();
    units.delete(unitId);
  }
  document.getElementById("empty").hidden = units.size > 0;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function drawTile({ tile, part, store }) {
  const view = store.view();
  const verdict = format.verdict(view);
  const frame = view.isBlank ? {} : (store.frame ?? {});
  const names = format.labels(store.labels);
  tile.classList.toggle("is-stale", verdict.kind !== "live");
  part("verdict").dataset.kind = verdict.kind;
  write(part("verdict"), verdict.text);
  const isKnown = Boolean(store.labels?.frequency_weighting);
  format.writeLabel(part("tile-leq-label"), names.leq, isKnown);
  format.writeLabel(part("tile-lp-label"), names.lp, isKnown);
  write(part("tile-leq"), format.level(frame.leq));
  write(part("tile-lp"), format.level(frame.lp));
  write(part("tile-state"), format.runState(store.frame?.measurement_state, store.frame?.measurement_start_time, clock.now()));
  write(part("tile-age"), view.hasReading ? `${format.age(view.ageS)} old` : "");
  const flags = (frame.flags ?? []).map(format.flag);
  part("tile-flags").hidden = flags.length === 0;
  write(part("tile-flags"), flags.join("; "));
  drawSpark(part("spark"), store.columns);
}

function drawSpark(canvas, [times, , leqs]) {
  const context = canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  // Setting a canvas's size clears it as well.
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  context.scale(ratio, ratio);
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 2;
  context.beginPath();
  const end = clock.now() / 1000;
  let isDrawing = false;
  for (let index = 0; index < times.length; index++) {
    const level = leqs[index];
    const x = width * (1 - (end - times[index]) / SPARK_S);
    if (level == null || x < 0) {
      isDrawing = false;
      continue;
    }
    const y = height * (1 - (Math.min(100, Math.max(30, level)) - 30) / 70);
    if (isDrawing) context.lineTo(x, y);
    else context.moveTo(x, y);
    isDrawing = true;
  }
  context.stroke();
}

let isDrawn = true;
function redraw() {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(() => {
    isDrawn = true;
    for (const unit of units.values()) drawTile(unit);
  });
}

function prepareForm() {
  const form = document.getElementById("add-form");
  if (!form) return; // for those who may not add any
  const outcome = document.getElementById("add-outcome");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { unit_id, host, tcp_port } = Object.fromEntries(new FormData(form));
    try {
      await call("/roster", { method: "POST", body: { unit_id, host, tcp_port: Number(tcp_port) } });
      write(outcome, `${unit_id} added.`);
      form.reset();
    } catch (error) {
      write(outcome, error.message);
    }
  });
}

async function begin() {
  prepareForm();
  await load();
  new SlmmClient({
    onFrame(frame) {
      clock.heard(Date.parse(frame.timestamp));
      units.get(frame.unit_id)?.store.take(frame);
      redraw();
    },
    onStatus(event) {
      units.get(event.unit_id)?.store.status(event);
      redraw();
    },
    onRoster: load,
    onAlert: (payload) => badge.hear(payload),
    onState(state, detail) {
      showLink(state, detail);
      if (state === "waiting") isCurrent = false;
      else if (state === "live" && !isCurrent) {
        load();
        badge.refresh();
      }
    },
  });
  setInterval(redraw, 500);
}

begin();
