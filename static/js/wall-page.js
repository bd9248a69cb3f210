// The page of all units: a glance at all of them once a minute, and one event stream between.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { showLink } from "./link.js";
import { SlmmClient } from "./slmm-client.js";
import { ServerClock } from "./store.js";
import { BigWall } from "./wall-big.js";
import { Controls } from "./wall-controls.js";
import { TileList } from "./wall-list.js";
import { WallMap } from "./wall-map.js";
import { chosen } from "./wall-order.js";
import { Settings } from "./wall-settings.js";
import { Tile } from "./wall-tile.js";
import { WallUnit } from "./wall-unit.js";
import { summary, worstOf } from "./wall-verdict.js";
import { t } from "./words.js";

const TICK_MS = 1000;
const FEW = 12; // so many tiles follow every reading, more of them once a second
const GLANCE_S = 10; // after a minute has ended it is on record
const SPREAD_S = 15; // not all pages at the same second
const REORDER_TICKS = 10;
const SPEAK_MS = 10000;
const ALERT_SOON_MS = 400;
const byId = (id) => document.getElementById(id);

const clock = new ServerClock();
const badge = new AlertBadge();
const settings = new Settings();
const units = new Map();
const list = new TileList(byId("groups"));
const map = new WallMap(byId("map"));
const big = new BigWall(settings, () => arrange(true));
const controls = new Controls(settings, () => arrange(true), big);
const glanceAtS = GLANCE_S + Math.random() * SPREAD_S;
let isCurrent = false;
let isFollowed = false;
let loads = 0;
let lastGlanceMin = 0;
let ticks = 0;

// -- what is known ---------------------------------------------------------------------------------

// What was asked for last counts, whichever answer comes last: an older one would bring back a unit that is gone.
async function load() {
  isCurrent = true;
  const turn = ++loads;
  try {
    const [roster, glance] = await Promise.all([call("/roster", { clock }), call("/_wall")]);
    if (turn !== loads) return;
    show(roster.devices);
    takeIn(glance);
    write(byId("load-outcome"), "");
  } catch (error) {
    if (turn !== loads) return;
    isCurrent = false;
    write(byId("load-outcome"), t("The units could not be loaded: {why}", { why: error.message }));
  }
  drawAll();
  arrange(true);
}

function show(devices) {
  const present = new Set(devices.map((entry) => entry.unit_id));
  for (const unitId of [...units.keys()]) {
    if (present.has(unitId)) continue;
    list.remove(unitId);
    units.delete(unitId);
  }
  for (const entry of devices) {
    const isNew = !units.has(entry.unit_id);
    if (isNew) units.set(entry.unit_id, new WallUnit(entry.unit_id, clock));
    const unit = units.get(entry.unit_id);
    unit.store.known(entry);
    unit.judge();
    if (isNew) list.add(new Tile(unit));
  }
}

function takeIn(glance) {
  const startMs = Date.parse(glance.minutes_start_at);
  for (const info of glance.units) {
    const unit = units.get(info.unit_id);
    unit?.glance(info, startMs);
    unit?.judge();
  }
  write(byId("record-outcome"), glance.trouble ? t("Without the last hour: {why}", { why: glance.trouble }) : "");
}

// Minutes, warnings and alerts; what is missed once comes with the next.
async function look(minutes = 5) {
  try {
    takeIn(await call(`/_wall?minutes=${minutes}`));
    arrange(false);
  } catch {
    /* the head of the page tells that the service does not answer */
  }
}

function lookOnceAMinute() {
  const nowS = clock.now() / 1000;
  const minute = Math.floor((nowS - glanceAtS) / 60);
  if (minute === lastGlanceMin) return;
  const isFirst = lastGlanceMin === 0;
  const isFarBehind = minute - lastGlanceMin > 4;
  lastGlanceMin = minute;
  if (!isFirst && isCurrent) look(isFarBehind ? 60 : 5);
}

// -- what is shown ---------------------------------------------------------------------------------

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function drawAll() {
  for (const tile of list.tiles.values()) draw(tile);
}

function draw(tile) {
  const isOther = tile.unit.judge();
  if (isOther) isOrderOld = true;
  if (tile.isVisible || isOther || ticks % REORDER_TICKS === 0) tile.draw();
}

let isOrderOld = false;
function arrange(isAsked) {
  isOrderOld = false;
  const all = [...units.values()];
  controls.offer(all);
  controls.show();
  const isMap = settings.view === "map" && !big.isOn;
  const wanted = chosen(all, settings);
  byId("empty").hidden = all.length > 0 || !isCurrent;
  byId("no-match").hidden = all.length === 0 || wanted.length > 0;
  byId("controls").hidden = all.length === 0;
  byId("curves").hidden = isMap || wanted.length === 0;
  byId("groups").hidden = isMap;
  byId("map").hidden = !isMap || wanted.length === 0;
  list.arrange(wanted, controls.isBySite(), isAsked);
  const order = [...byId("groups").querySelectorAll(".tile")];
  big.lay(order);
  if (isMap) map.place(wanted);
  headline(wanted);
}

let spokenAt = -SPEAK_MS;
function headline(shown) {
  const strip = byId("headline");
  strip.hidden = shown.length === 0;
  if (!shown.length) return;
  const verdicts = shown.map((unit) => unit.verdict);
  const text = summary(verdicts);
  write(strip, text);
  strip.dataset.kind = worstOf(verdicts).kind;
  if (performance.now() - spokenAt < SPEAK_MS || byId("spoken").textContent === text) return;
  spokenAt = performance.now();
  write(byId("spoken"), text);
}

function tick() {
  ticks += 1;
  drawAll();
  if (isOrderOld || ticks % REORDER_TICKS === 0) arrange(false);
  else headline(chosen([...units.values()], settings));
  list.headlines();
  map.draw();
  big.tick();
  lookOnceAMinute();
}

// -- what is heard ---------------------------------------------------------------------------------

function hearFrame(frame) {
  clock.heard(Date.parse(frame.timestamp));
  const unit = units.get(frame.unit_id);
  if (!unit?.store.take(frame)) return;
  if (units.size <= FEW) draw(list.tiles.get(frame.unit_id));
}

let alertSoon;
function hearAlert(payload) {
  badge.hear(payload);
  clearTimeout(alertSoon);
  alertSoon = setTimeout(() => look(1), ALERT_SOON_MS);
}

function hearState(state, detail, nextAt) {
  showLink(state, detail, nextAt);
  if (state === "waiting") isCurrent = isFollowed = false;
  else if (state === "live" && !isFollowed) {
    isFollowed = true; // a unit added between the first answer and the open stream is asked for once more
    load();
    badge.refresh();
  }
}

async function begin() {
  if (big.isOn) big.begin();
  big.watchPointer();
  await load();
  new SlmmClient({
    onTime: (ms) => clock.told(ms),
    onFrame: hearFrame,
    onStatus: (event) => units.get(event.unit_id)?.store.status(event),
    onLimits: (event) => units.get(event.unit_id)?.hearLimits(event.limits),
    onRoster: load,
    onAlert: hearAlert,
    onState: hearState,
  });
  setInterval(tick, TICK_MS);
}

begin();
