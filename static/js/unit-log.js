// The log of one unit: filtered, followed as it is written, saved as text.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element } from "./element.js";
import { onKey } from "./keys.js";
import { showLink } from "./link.js";
import { SlmmClient } from "./slmm-client.js";
import { clock, path, tell, unitId } from "./unit-work.js";
import { number, t, tn } from "./words.js";

const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"];
const PAGE = 200;
const MOST_LINES = 2000;
const MOST_SAVED = 1000;
const byId = (id) => document.getElementById(id);

const lines = byId("log-lines");
const keyOf = (entry) => `${entry.timestamp} ${entry.category} ${entry.message}`;
const shown = new Map();
let offset = 0;
let isFollowing = true;
let waiting = [];
let total = 0;

const chosen = () => ({ least: byId("log-level").value, category: byId("log-category").value });

function isWanted(entry) {
  const { least, category } = chosen();
  return LEVELS.indexOf(entry.level) >= LEVELS.indexOf(least || "DEBUG") && (!category || entry.category === category);
}

function line(entry, isNew = false) {
  const time = element("time", { dateTime: entry.timestamp }, clock.moment(entry.timestamp));
  const parts = [time, element("span", { className: "level" }, entry.level), element("span", { className: "category" }, entry.category)];
  return element("li", { className: isNew ? "log-line is-new" : "log-line", dataset: { level: entry.level } }, parts, element("span", { className: "message", lang: "en" }, entry.message));
}

// The interface filters by one level; "this and worse" is several of them, put together by time.
async function read({ limit, from = 0 }) {
  const { least, category } = chosen();
  const query = (level) => `${path}/logs?${new URLSearchParams({ limit, offset: from, ...(level && { level }), ...(category && { category }) })}`;
  if (!least) return call(query(""));
  const levels = LEVELS.slice(LEVELS.indexOf(least));
  const answers = await Promise.all(levels.map((level) => call(query(level))));
  const logs = answers.flatMap((answer) => answer.logs).sort((a, b) => b.id - a.id);
  return { ...answers[0], logs: from ? logs : logs.slice(0, limit), hasMore: answers.some((answer) => answer.count === limit) };
}

async function load() {
  offset = 0;
  try {
    const answer = await read({ limit: PAGE });
    shown.clear();
    lines.replaceChildren();
    for (const entry of answer.logs) add(entry, { atEnd: true });
    offset = PAGE;
    total = answer.stats.total;
    byId("log-older").hidden = !(answer.hasMore ?? answer.count === PAGE);
    tell(byId("log-outcome"), "");
  } catch (error) {
    tell(byId("log-outcome"), t("The log could not be read: {why}", { why: error.message }), "bad");
  }
  drawState();
}

async function older() {
  try {
    const answer = await read({ limit: PAGE, from: offset });
    offset += PAGE;
    for (const entry of answer.logs) add(entry, { atEnd: true });
    byId("log-older").hidden = !(answer.hasMore ?? answer.count === PAGE);
  } catch (error) {
    tell(byId("log-outcome"), t("Older lines could not be read: {why}", { why: error.message }), "bad");
  }
}

function add(entry, { atEnd = false } = {}) {
  const key = keyOf(entry);
  if (shown.has(key)) return;
  shown.set(key, entry);
  if (atEnd) lines.append(line(entry));
  else lines.prepend(line(entry, true));
  while (!atEnd && lines.childElementCount > MOST_LINES) lines.lastElementChild.remove();
}

function hear(entry) {
  total += 1;
  if (!isWanted(entry)) return drawState();
  if (isFollowing) add(entry);
  else waiting.push(entry);
  return drawState();
}

function drawState() {
  const { least, category } = chosen();
  const isEmpty = lines.childElementCount === 0;
  byId("log-box").hidden = isEmpty;
  byId("log-empty").hidden = !isEmpty;
  if (isEmpty) {
    byId("log-empty").textContent =
      total && (least || category)
        ? t("None of the {n} lines is of this kind; choose another filter.", { n: number(total) })
        : t("Nothing has been written yet. Lines come when the unit is read, commanded or cannot be reached; old ones go after some days (SLMM_LOG_RETENTION_DAYS).");
  }
  byId("log-stats").textContent = tn(total, "one line is kept", "{n} lines are kept");
  byId("log-follow").textContent = isFollowing || waiting.length === 0 ? t("Follow") : tn(waiting.length, "Follow (one new line)", "Follow ({n} new lines)");
  byId("log-follow").setAttribute("aria-pressed", String(isFollowing));
}

function toggleFollow() {
  isFollowing = !isFollowing;
  for (const entry of isFollowing ? waiting.splice(0) : []) add(entry);
  tell(byId("log-outcome"), isFollowing ? t("New lines appear at the top.") : t("Held: new lines wait until you follow again."));
  drawState();
}

async function save() {
  tell(byId("log-outcome"), t("reading the log …"));
  try {
    const { logs } = await read({ limit: MOST_SAVED });
    const head = t("Log of {unit}, times in {zone}, newest first", { unit: unitId, zone: clock.zone });
    const body = logs.map((entry) => [clock.moment(entry.timestamp), entry.timestamp, entry.level, entry.category, entry.message].join("\t"));
    const url = URL.createObjectURL(new Blob([[head, ...body, ""].join("\n")], { type: "text/plain" }));
    element("a", { href: url, download: `log-${unitId}.txt` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
    tell(byId("log-outcome"), tn(logs.length, "One line saved.", "{n} lines saved."), "good");
  } catch (error) {
    tell(byId("log-outcome"), t("The log could not be read: {why}", { why: error.message }), "bad");
  }
}

async function clear() {
  const isSure = await askFirst({
    title: t("Clear the log of {unit}?", { unit: unitId }),
    lines: [tn(total, "One line is lost for good.", "{n} lines are lost for good."), t("Levels, alerts and the audit log are not touched.")],
    action: t("Clear the log"),
    isDangerous: true,
  });
  if (!isSure) return;
  try {
    const { deleted_count: count } = await call(`${path}/logs`, { method: "DELETE" });
    await load();
    tell(byId("log-outcome"), tn(count, "One line is gone.", "{n} lines are gone."), "good");
  } catch (error) {
    tell(byId("log-outcome"), t("The log was not cleared: {why}", { why: error.message }), "bad");
  }
}

new AlertBadge();
byId("log-follow").addEventListener("click", toggleFollow);
byId("log-export").addEventListener("click", save);
byId("log-clear")?.addEventListener("click", clear);
byId("log-older").addEventListener("click", older);
for (const id of ["log-level", "log-category"]) byId(id).addEventListener("change", load);
onKey("p", t("hold or follow the log"), toggleFollow);
await load();
new SlmmClient({
  path: `/api/nl43${path}/logs/events`,
  onFrame: hear,
  onState(state, detail, nextAt) {
    showLink(state, detail, nextAt);
    if (state === "live") load(); // what was written while nobody listened
  },
});
