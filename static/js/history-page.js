// What was: levels, periods, limits, remarks, measurements and files of one unit over a span; the address says which.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { showErrors } from "./field-errors.js";
import { Levels, stepOf } from "./history-levels.js";
import { Files } from "./history-files.js";
import { Checks, Remarks } from "./history-record.js";
import { calendarSpan, dateOf, moved, spanName, spanOf, spanQuery, wall } from "./history-span.js";
import * as tables from "./history-tables.js";
import { onKey } from "./keys.js";
import { t } from "./words.js";
import { ZoneClock } from "./zone.js";

const WEEK_MS = 7 * 86400000 + 3600000; // one with a clock change
const byId = (id) => document.getElementById(id);
const form = byId("what");
const own = document.getElementById("unit")?.dataset.unitId; // of the page of one unit
const isGuest = document.documentElement.dataset.role === "guest";
const levels = new Levels();
const remarks = new Remarks(load);
const checks = new Checks(load);
const files = new Files();
let devices = [];
let query = new URLSearchParams(location.search);
let span = null;
let turn = 0;

const unitId = () => own ?? query.get("unit") ?? devices[0]?.unit_id;
const pathOf = (name) => `/${encodeURIComponent(name)}`;
const zoneOf = (name) => devices.find((device) => device.unit_id === name)?.timezone ?? document.documentElement.dataset.zone;

// -- what is shown -------------------------------------------------------------------------------------

function go(changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.pushState(null, "", query.size ? `?${query}` : location.pathname);
  load();
}

// An address that says the span and nothing that belongs to another one.
function goTo(next) {
  const isOwn = next.kind === "own";
  go({
    at: null,
    span: next.kind === "day" ? null : next.kind,
    date: isOwn ? null : next.date,
    from: isOwn ? wall(next.from, next.zone) : null,
    until: isOwn ? wall(next.until, next.zone) : null,
  });
}

// What people call a unit, with its id where that is another word.
function called(id) {
  const name = devices.find((device) => device.unit_id === id)?.name;
  return name ? `${name} (${id})` : id;
}

function drawChoices() {
  const name = unitId();
  const units = devices.map((device) => device.unit_id);
  const options = (ids, chosen) => ids.map(([value, text]) => new Option(text, value, false, value === chosen));
  form.elements.unit.replaceChildren(...options([...new Set([...units, name])].map((id) => [id, called(id)]), name));
  const others = units.filter((id) => id !== name).map((id) => [`unit:${id}`, called(id)]);
  form.elements.also.replaceChildren(...options([["", t("nothing")], ["before", t("the time before")], ...others], query.get("also") ?? ""));
  for (const button of form.querySelectorAll("[data-span]")) button.setAttribute("aria-pressed", String(button.dataset.span === span.kind));
  const isOwn = span.kind === "own";
  byId("date-choice").hidden = isOwn;
  byId("own-choice").hidden = !isOwn;
  form.elements.date.value = span.date;
  form.elements.from.value = wall(span.from, span.zone);
  form.elements.until.value = wall(span.until, span.zone);
  byId("after").disabled = span.until >= Date.now();
  byId("step").value = query.get("step") ?? "auto";
  byId("period").value = query.get("period") ?? "parts";
  byId("span-title").textContent = `${called(name)} · ${spanName(span)}`;
}

// -- loading -------------------------------------------------------------------------------------------

// One part that fails says so in its place, and the others stand.
async function part(place, ask, show) {
  const mine = turn;
  try {
    const found = await ask();
    if (mine === turn) show(found);
  } catch (error) {
    if (mine === turn) byId(place).textContent = error.message;
  }
}

async function load() {
  turn += 1;
  query = new URLSearchParams(location.search);
  try {
    ({ devices } = await call("/roster"));
    byId("load-outcome").textContent = "";
  } catch (error) {
    byId("load-outcome").textContent = t("What was could not be loaded: {error}", { error: error.message });
    return;
  }
  const name = unitId();
  byId("no-units").hidden = Boolean(name);
  byId("found").hidden = !name;
  form.hidden = !name;
  if (!name) return;
  const zone = zoneOf(name);
  span = spanOf(query, zone, Date.now());
  drawChoices();
  const clock = new ZoneClock(zone);
  const asked = spanQuery(span, Date.now());
  const path = pathOf(name);
  if (span.from > Date.now()) byId("load-outcome").textContent = t("This time is still to come.");
  loadLevels(path, name, clock);
  const period = byId("period").value;
  part("periods", () => call(`${path}/summary?period=${period}&${asked}`), (found) => tables.periods(byId("periods"), found, clock));
  loadLimits(path, clock, asked);
  part("remarks", () => call(`${path}/remarks?withdrawn=true&${asked}`), (found) => remarks.show(path, span, clock, found.remarks));
  files.show(path, name, span, { metrics: levels.metrics, period });
  if (isGuest) return;
  part("runs", () => call(`${path}/runs?${asked}`), (found) => tables.runs(byId("runs"), found.runs, clock));
  part("checks", () => call(`${path}/calibrations?limit=20`), (found) => checks.show(path, zone, clock, found.calibrations));
  files.loadEvidence(clock);
}

// What is compared: the time before, or another unit over the same time.
function other(name) {
  const also = query.get("also") ?? "";
  if (also === "before") return { name: t("the time before"), path: pathOf(name), span: moved(span, -1) };
  if (!also.startsWith("unit:")) return null;
  return { name: also.slice(5), path: pathOf(also.slice(5)), span };
}

async function loadLevels(path, name, clock) {
  const mine = turn;
  try {
    const shown = await levels.load({ path, span, step: stepOf(span, query.get("step")), also: other(name), limitId: query.get("limit"), at: Date.parse(query.get("at") ?? "") });
    if (mine === turn) levels.draw(shown, clock);
  } catch (error) {
    if (mine === turn) levels.explain(error.message);
  }
}

function loadLimits(path, clock, asked) {
  part(
    "judged",
    () => call(`${path}/limits/standing`),
    ({ limits }) => {
      const chosen = limits.find((each) => String(each.limit_id) === query.get("limit")) ?? limits[0];
      byId("limit").replaceChildren(...limits.map((each) => new Option(each.name, each.limit_id, false, each === chosen)));
      byId("limit").closest("label").hidden = limits.length < 2;
      if (!chosen) {
        const why = isGuest ? t("No limit is set for this unit, so nothing is judged.") : t("No limit is set for this unit, so nothing is judged. The page “Limits” of the unit sets one.");
        byId("judged").textContent = why;
        return;
      }
      const isNow = span.from <= Date.now() && Date.now() < span.until;
      part("judged", () => call(`${path}/limits/${chosen.limit_id}/judgements?${asked}`), (found) => tables.judged(byId("judged"), found, isNow ? chosen : null, clock));
    },
  );
}

async function lookAbove(event) {
  event.preventDefault();
  const { level, metric, step } = event.target.elements;
  const outcome = byId("above-outcome");
  const path = pathOf(unitId());
  const asked = spanQuery(span, Date.now());
  outcome.textContent = "";
  try {
    const found = await call(`${path}/exceedances?level=${encodeURIComponent(level.value)}&metric=${metric.value}&step=${step.value}&${asked}`);
    const isMean = metric.value === "laeq" && span.until - span.from <= WEEK_MS;
    const whole = `from=${new Date(span.from).toISOString()}&until=${new Date(span.until).toISOString()}`;
    const allowance = isMean ? await call(`${path}/allowance?limit_db=${encodeURIComponent(level.value)}&${whole}`) : null;
    tables.exceedances(byId("above-found"), found, allowance, new ZoneClock(span.zone));
  } catch (error) {
    byId("above-found").replaceChildren();
    showErrors(event.target, outcome, error);
  }
}

// -- choosing ------------------------------------------------------------------------------------------

function chooseKind(kind) {
  if (kind === "own") goTo({ ...span, kind, until: Math.min(span.until, Math.ceil(Date.now() / 60000) * 60000) });
  else goTo(calendarSpan(kind, dateOf(span.kind === "own" ? span.from : Math.max(span.from, Math.min(Date.now(), span.until - 1)), span.zone), span.zone));
}

function chosen({ target }) {
  if (target.name === "unit") go({ unit: target.value, limit: null });
  else if (target.name === "also") go({ also: target.value });
  else if (target.name === "date" && target.value) goTo(calendarSpan(span.kind, target.value, span.zone));
  else if (["from", "until"].includes(target.name)) {
    const { from, until } = form.elements;
    if (from.value && until.value && from.value < until.value) go({ span: "own", date: null, at: null, from: from.value.slice(0, 16), until: until.value.slice(0, 16) });
    else byId("load-outcome").textContent = t("The end has to come after the begin.");
  }
}

function begin() {
  const move = (by) => () => goTo(moved(span, by));
  const today = () => goTo(calendarSpan(span.kind === "own" ? "day" : span.kind, dateOf(Date.now(), span.zone), span.zone));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", chosen);
  for (const button of form.querySelectorAll("[data-span]")) button.addEventListener("click", () => chooseKind(button.dataset.span));
  byId("before").addEventListener("click", move(-1));
  byId("after").addEventListener("click", move(1));
  byId("today").addEventListener("click", today);
  byId("step").addEventListener("change", ({ target }) => go({ step: target.value === "auto" ? null : target.value }));
  byId("period").addEventListener("change", ({ target }) => go({ period: target.value }));
  byId("limit").addEventListener("change", ({ target }) => go({ limit: target.value }));
  byId("above-form").addEventListener("submit", lookAbove);
  onKey("p", t("the time before"), move(-1));
  onKey("n", t("the time after"), () => span.until < Date.now() && goTo(moved(span, 1)));
  onKey("t", t("today"), today);
  for (const [key, kind, text] of [["1", "day", t("a day")], ["2", "week", t("a week")], ["3", "month", t("a month")]]) onKey(key, text, () => chooseKind(kind));
  addEventListener("popstate", load);
  new AlertBadge();
  load();
}

begin();
