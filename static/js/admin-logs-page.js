// The log of the whole service: filtered as one types, followed while nobody has scrolled into the past.

import { byId, clock, say } from "./admin-parts.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { element } from "./element.js";
import { onKey } from "./keys.js";
import { number, t } from "./words.js";

const FOLLOW_MS = 2000;
const TYPED_MS = 300;
const PAGE = 200;
const MOST_SHOWN = 2000;
const form = byId("filters");
const list = byId("list");
let newest = null;
let next = null;
let asked = 0;
let isFollowing = true;

const LEVELS = { DEBUG: t("detail"), INFO: t("information"), WARNING: t("warning"), ERROR: t("error"), CRITICAL: t("error") };

function query(more = {}) {
  const wanted = new URLSearchParams({ limit: PAGE });
  const { text, level, unit, category, until } = form.elements;
  if (text.value.trim()) wanted.set("text", text.value.trim());
  if (level.value) wanted.set("level", level.value);
  if (unit.value.startsWith("@")) wanted.set("source", unit.value.slice(1));
  else if (unit.value) wanted.set("unit", unit.value);
  if (category.value) wanted.set("category", category.value);
  if (until.value) wanted.set("until", new Date(until.value).toISOString());
  for (const [name, value] of Object.entries(more)) if (value !== null) wanted.set(name, value);
  return wanted;
}

function item(entry) {
  const from = entry.unit_id ? `${entry.unit_id} · ${entry.category}` : t("service");
  return element(
    "li",
    { dataset: { level: entry.level } },
    element("time", { dateTime: entry.timestamp }, clock.moment(entry.timestamp)),
    element("span", { className: "level" }, LEVELS[entry.level] ?? entry.level),
    element("span", { className: "from" }, from),
    element("span", { className: "message", lang: "en" }, entry.message),
  );
}

function showEmpty() {
  const isFiltered = [...query().keys()].length > 1;
  byId("empty").hidden = list.childElementCount > 0;
  byId("empty").textContent = isFiltered ? t("Nothing on record fits these filters.") : t("Nothing has been written yet. Connections, commands and changes of state of the meters appear here.");
}

async function load(isMore = false) {
  const mine = ++asked;
  try {
    const found = await call(`/_logs?${query(isMore ? next : {})}`);
    if (mine !== asked) return; // a newer question is under way
    if (!isMore) {
      list.replaceChildren();
      newest = found.newest;
    }
    list.append(...found.logs.map(item));
    next = found.next;
    byId("more").hidden = !next;
    showEmpty();
    say("");
  } catch (error) {
    if (mine === asked) say(error.message, "bad");
  }
}

async function follow() {
  if (!isFollowing || !newest || document.hidden || form.elements.until.value) return;
  const mine = asked;
  try {
    const found = await call(`/_logs?${query(newest)}`);
    if (mine !== asked || !isFollowing) return;
    newest = found.newest;
    list.prepend(...found.logs.map(item));
    while (list.childElementCount > MOST_SHOWN) list.lastElementChild.remove();
    if (found.logs.length) showEmpty();
    if (byId("outcome").dataset.kind === "bad") say("");
  } catch (error) {
    say(t("Nothing new can be heard: {reason}", { reason: error.message }), "bad");
  }
}

function setFollowing(wanted) {
  isFollowing = wanted;
  byId("follow").setAttribute("aria-pressed", String(wanted));
  byId("follow").textContent = wanted ? t("Following: pause") : t("Paused: follow");
  if (wanted) load();
  else say(t("Paused with {n} entries shown.", { n: number(list.childElementCount) }));
}

let typed = 0;
form.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(load, TYPED_MS);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
form.addEventListener("reset", () => setTimeout(load));
byId("more").addEventListener("click", () => load(true));
byId("follow").addEventListener("click", () => setFollowing(!isFollowing));
onKey("f", t("follow or pause"), () => setFollowing(!isFollowing));
onKey("/", t("search"), () => form.elements.text.focus());

new AlertBadge();
setFollowing(true);
setInterval(follow, FOLLOW_MS);
