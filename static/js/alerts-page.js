// The inbox: what is open, what was, and what somebody does about it; live over the stream of alerts alone,
// for whoever follows levels makes every meter be read fast.

import { Actions } from "./alert-actions.js";
import { AlertBadge } from "./alert-badge.js";
import { arrange, Entry } from "./alert-entry.js";
import { listenForInboxKeys } from "./alert-keys.js";
import { Snoozes, showChannels } from "./alert-quiet.js";
import { Story } from "./alert-story.js";
import { byTime, byUrgency, isOpen, isUnacknowledged } from "./alert-words.js";
import { call } from "./api.js";
import { showLink } from "./link.js";
import { SlmmClient } from "./slmm-client.js";
import { ServerClock } from "./store.js";
import { number, t } from "./words.js";
import { ZoneClock } from "./zone.js";

const MOST_OPEN = 1000;
const PAGE = 20;
const SHOWN = ["open", "unacknowledged", "all"];
const byId = (id) => document.getElementById(id);
const template = byId("entry");
const now = new ServerClock();
const badge = new AlertBadge();
const events = new Map();
const entries = new Map();
const zones = new Map();
const names = new Map();
const clocks = new Map();
const snoozes = new Snoozes({ clockOf, ended: tell });
let filters = readFilters();
let hasMore = false;
let hasRules = true;
let oldestId = null;
let isCurrent = false;
let isFollowed = false;
let turn = 0;
let loaded = Promise.resolve();
let heard = [];

// -- filters -------------------------------------------------------------------------------------------

function readFilters() {
  const query = new URLSearchParams(location.search);
  const show = query.get("show");
  const severity = query.get("severity");
  return {
    show: SHOWN.includes(show) ? show : "all",
    severity: severity === "red" || severity === "amber" ? severity : "",
    unit: query.get("unit") ?? "",
  };
}

function choose(changes) {
  filters = { ...filters, ...changes };
  const query = new URLSearchParams();
  if (filters.show !== "all") query.set("show", filters.show);
  if (filters.severity) query.set("severity", filters.severity);
  if (filters.unit) query.set("unit", filters.unit);
  history.pushState(null, "", query.size ? `?${query}` : location.pathname);
  load();
}

function drawFilters() {
  for (const button of document.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === filters.show));
  }
  const form = byId("filters");
  const units = [...new Set([...zones.keys(), ...(filters.unit ? [filters.unit] : [])])].sort();
  const select = form.elements.unit;
  if ([...select.options].slice(1).map(({ value }) => value).join() !== units.join()) {
    select.replaceChildren(select.options[0], ...units.map((unitId) => new Option(unitId, unitId)));
  }
  select.value = filters.unit;
  form.elements.severity.value = filters.severity;
}

function fits(event) {
  if (filters.severity && event.severity !== filters.severity) return false;
  if (filters.unit && event.unit_id !== filters.unit) return false;
  if (filters.show === "all") return true;
  return filters.show === "open" ? isOpen(event) : isUnacknowledged(event);
}

// -- loading -------------------------------------------------------------------------------------------

function query(changes) {
  const wanted = { severity: filters.severity, unit: filters.unit, ...changes };
  return new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
}

async function ended(beforeId) {
  const found = (await call(`/_alerts/events?${query({ state: "ended", limit: PAGE, before_id: beforeId })}`)).events;
  return { found, isMore: found.length === PAGE };
}

// What fills an empty page: units and their rules. Asked for only while nothing is there to show.
async function findRules(units) {
  for (const unitId of units) {
    if ((await call(`/${encodeURIComponent(unitId)}/alerts/rules`)).count > 0) return true;
  }
  return false;
}

function load() {
  loaded = reload();
  return loaded;
}

async function reload() {
  const mine = ++turn;
  isCurrent = true;
  heard = [];
  drawFilters();
  try {
    const { devices } = await call("/roster", { clock: now });
    const state = filters.show === "unacknowledged" ? "unacknowledged" : "open";
    const open = (await call(`/_alerts/events?${query({ state, limit: MOST_OPEN })}`)).events;
    const past = filters.show === "all" ? await ended() : { found: [], isMore: false };
    const areThereRules = open.length + past.found.length > 0 || (await findRules(devices.map((device) => device.unit_id)));
    if (mine !== turn) return;
    zones.clear();
    names.clear();
    for (const device of devices) {
      zones.set(device.unit_id, device.timezone);
      names.set(device.unit_id, device.name);
    }
    clocks.clear();
    events.clear();
    hasRules = areThereRules;
    hasMore = past.isMore;
    oldestId = past.found.at(-1)?.id ?? null;
    for (const event of [...open, ...past.found, ...heard]) events.set(event.id, event);
    byId("load-outcome").textContent = "";
  } catch (error) {
    if (mine !== turn) return;
    isCurrent = false;
    byId("load-outcome").textContent = t("The alerts could not be loaded: {error}", { error: error.message });
  }
  drawFilters();
  draw();
  surroundings();
}

async function more() {
  const button = byId("more");
  button.disabled = true;
  try {
    let mine, past;
    do {
      mine = turn;
      past = await ended(oldestId);
      await loaded;
    } while (mine !== turn); // the list was made anew meanwhile, without what was to be added
    for (const event of past.found) events.set(event.id, event);
    hasMore = past.isMore;
    oldestId = past.found.at(-1)?.id ?? oldestId;
  } catch (error) {
    byId("load-outcome").textContent = t("More could not be loaded: {error}", { error: error.message });
  }
  button.disabled = false;
  draw();
  if (button.hidden) byId("recent-title").focus();
}

function surroundings() {
  snoozes.load();
  showChannels(clockOf(""));
}

// -- drawing -------------------------------------------------------------------------------------------

function clockOf(unitId) {
  const zone = zones.get(unitId) ?? "";
  if (!clocks.has(zone)) clocks.set(zone, new ZoneClock(zone));
  return clocks.get(zone);
}

function entryOf(event) {
  if (!entries.has(event.id)) entries.set(event.id, new Entry(template));
  const entry = entries.get(event.id);
  const clock = clockOf(event.unit_id);
  entry.draw(event, { clock, isKnown: zones.has(event.unit_id), name: names.get(event.unit_id) }, now.now());
  const details = entry.root.querySelector("details");
  if (details && !entry.story) entry.story = new Story(details, clock);
  if (entry.story) entry.story.eventId = event.id;
  return entry;
}

function draw() {
  const shown = [...events.values()].filter(fits);
  const open = shown.filter(isOpen).sort(byUrgency);
  const recent = shown.filter((event) => !isOpen(event)).sort(byTime);
  for (const id of entries.keys()) if (!events.has(id)) entries.delete(id);
  // An entry that moves from one list to the other keeps the focus: first out of the way, then the rest.
  arrange(byId("recent"), recent.map((event) => entryOf(event).root));
  arrange(byId("open"), open.map((event) => entryOf(event).root));
  byId("recent-box").hidden = filters.show !== "all";
  byId("more").hidden = !hasMore || filters.show !== "all";
  const isFiltered = Boolean(filters.severity || filters.unit || filters.show === "unacknowledged");
  explain("open-empty", open.length === 0, isFiltered ? "filtered" : zones.size === 0 ? "unitless" : hasRules ? "quiet" : "ruleless");
  explain("recent-empty", recent.length === 0, filters.severity || filters.unit ? "filtered" : "quiet");
  byId("open-title").textContent = open.length ? t("Open ({n})", { n: number(open.length) }) : t("Open");
  const firstUnit = byId("first-unit");
  if (firstUnit && zones.size) {
    firstUnit.textContent = zones.keys().next().value;
    byId("first-limits").href = `/unit/${encodeURIComponent(firstUnit.textContent)}/limits`;
  }
}

function explain(id, isEmpty, why) {
  const box = byId(id);
  box.hidden = !isEmpty || !isCurrent;
  for (const part of box.querySelectorAll("[data-why]")) part.hidden = part.dataset.why !== why;
}

function tell(sentence) {
  byId("outcome").textContent = sentence;
}

// -- what arrives ---------------------------------------------------------------------------------------

function take(event) {
  heard.push(event);
  events.set(event.id, event);
  hasRules = true;
  draw();
  entries.get(event.id)?.story?.load();
}

const actions = new Actions({
  changed(event, sentence) {
    take(event);
    if (!sentence) return;
    tell(sentence);
    const entry = entries.get(event.id);
    if (entry?.root.isConnected) entry.focus();
    else byId("open-title").focus();
  },
  snoozed(sentence) {
    tell(sentence);
    snoozes.load();
  },
  failed: tell,
  others: (event) => [...events.values()].filter((each) => each.id !== event.id && each.incident_id === event.incident_id && event.incident_id !== null && isUnacknowledged(each)),
  zoneOf: (unitId) => clockOf(unitId).zone,
});

function listen() {
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("change", ({ target }) => choose({ [target.name]: target.value }));
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => choose({ show: button.dataset.show }));
  }
  byId("unfilter").addEventListener("click", () => choose({ show: "all", severity: "", unit: "" }));
  byId("more").addEventListener("click", more);
  listenForInboxKeys({ mayAct: ["operator", "admin"].includes(document.documentElement.dataset.role), filter: () => byId("filters").elements.severity.focus() });
  addEventListener("popstate", () => {
    filters = readFilters();
    load();
  });
  for (const list of [byId("open"), byId("recent")]) {
    list.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-act]");
      if (button) actions.begin(button.dataset.act, events.get(Number(button.closest(".event").dataset.eventId)));
    });
  }
}

async function begin() {
  listen();
  await load();
  new SlmmClient({
    path: "/api/nl43/_alerts/stream/events",
    onAlert(payload) {
      now.heard(Date.parse(payload.timestamp));
      badge.hear(payload);
      take(payload.event);
      setTimeout(surroundings, 1000);
    },
    onTime: (ms) => now.told(ms),
    onState(state, detail, nextAt) {
      showLink(state, detail, nextAt);
      if (state === "waiting") isFollowed = false;
      else if (state === "live" && !isFollowed) {
        isFollowed = true; // what happened between the first answer and the open stream is asked for once more
        load();
        badge.refresh();
      }
    },
  });
  setInterval(() => {
    for (const entry of entries.values()) if (entry.root.isConnected && isOpen(entry.event)) entry.tick(clockOf(entry.event.unit_id), now.now());
  }, 1000);
  setInterval(surroundings, 60000);
}

begin();
