// The list of meters: looked at anew every few seconds, for nothing here changes by the second.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element } from "./element.js";
import { age } from "./format.js";
import { onKey } from "./keys.js";
import { openEditor } from "./roster-edit.js";
import * as words from "./roster-words.js";
import { ServerClock } from "./store.js";
import { number, t, tn } from "./words.js";

const EVERY_MS = 10000;
const SLACK_MS = 5000; // until the list is looked at anew, "just now" has to hold
const FEW = 4; // a list as short as this needs no search
const byId = (id) => document.getElementById(id);
const rows = byId("rows");
const search = byId("search");
const clock = new ServerClock();
const serviceZone = document.documentElement.dataset.zone;
const role = document.documentElement.dataset.role;
const mayChange = role === "operator" || role === "admin";
let entries = [];

new AlertBadge();

async function load() {
  try {
    entries = (await call("/roster", { clock })).devices;
    if (byId("outcome").dataset.about === "loading") say("");
    show();
  } catch (error) {
    say(t("The meters could not be loaded: {why}", { why: error.message }), "bad", "loading");
    show(); // what is known grows old meanwhile
  }
}

function say(text, kind = "good", about = "") {
  const outcome = byId("outcome");
  outcome.dataset.kind = kind;
  outcome.dataset.about = about;
  outcome.textContent = text;
}

function show() {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = entries.filter((entry) => words.fits(entry, wanted)).sort((a, b) => words.title(a).localeCompare(words.title(b), undefined, { numeric: true }));
  byId("count").textContent = entries.length ? number(entries.length) : "";
  byId("filters").hidden = entries.length < FEW && !wanted.length;
  byId("found").textContent = wanted.length ? tn(found.length, "one meter fits", "{n} meters fit") : "";
  byId("empty").hidden = entries.length > 0;
  byId("none-found").hidden = found.length > 0 || entries.length === 0;
  byId("box").hidden = found.length === 0;
  // What has the focus keeps it: rows are changed in place and not drawn anew.
  const present = new Map([...rows.children].map((row) => [row.dataset.unitId, row]));
  found.forEach((entry, at) => {
    const row = present.get(entry.unit_id) ?? newRow(entry);
    present.delete(entry.unit_id);
    fillRow(row, entry);
    if (rows.children[at] !== row) rows.insertBefore(row, rows.children[at] ?? null);
  });
  for (const gone of present.values()) gone.remove();
}

const cell = (name, label) => element("td", { className: `roster-${name}`, role: "cell", dataset: { label } });

function newRow(entry) {
  const cells = [
    element("th", { scope: "row", className: "roster-name", role: "rowheader" }),
    cell("state", t("State")),
    cell("heard", t("Last heard")),
    cell("address", t("Address")),
    cell("read", t("Read")),
    cell("zone", t("Zone")),
  ];
  const row = element("tr", { role: "row", dataset: { unitId: entry.unit_id } }, cells);
  cells[0].append(element("a", { href: `/unit/${encodeURIComponent(entry.unit_id)}` }), element("span", { className: "hint" }));
  cells[1].append(element("span", { className: "verdict" }));
  if (mayChange) row.append(element("td", { className: "roster-acts", role: "cell" }, acts(entry.unit_id)));
  return row;
}

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function fillRow(row, entry) {
  const [name, state, heard, address, read, zone] = row.cells;
  write(name.firstChild, words.title(entry));
  write(name.lastChild, [entry.name ? entry.unit_id : "", entry.site].filter(Boolean).join(" · "));
  const now = words.state(entry, clock.now());
  state.firstChild.dataset.kind = now.kind;
  write(state.firstChild, now.text);
  const ageS = words.ageS(entry, clock.now());
  write(heard, ageS === null ? t("never") : ageS * 1000 < EVERY_MS + SLACK_MS ? t("just now") : t("{age} ago", { age: age(ageS) }));
  write(address, t("{host}, TCP {tcp}, FTP {ftp}", { host: entry.host, tcp: entry.tcp_port, ftp: entry.ftp_port }));
  write(read, words.reading(entry));
  write(zone, entry.timezone ?? t("{zone} (service)", { zone: serviceZone }));
  if (!mayChange) return;
  write(row.querySelector("[data-act=rest]"), entry.is_active ? t("Deactivate") : t("Activate"));
  for (const button of row.querySelectorAll("[data-act]")) button.setAttribute("aria-label", `${button.textContent}: ${words.title(entry)}`);
}

const ACTS = { edit, rest, remove };

function acts(unitId) {
  const button = (act, text) => {
    const made = element("button", { type: "button", className: "quiet", dataset: { act } }, text);
    made.addEventListener("click", () => ACTS[act](entries.find((entry) => entry.unit_id === unitId)));
    return made;
  };
  const made = [button("edit", t("Edit")), button("rest", t("Deactivate"))];
  if (role === "admin") made.push(button("remove", t("Remove")));
  return element("div", { className: "buttons" }, made);
}

async function doIt(path, method, done) {
  try {
    await call(path, { method });
    say(done);
  } catch (error) {
    say(error.message, "bad");
  }
  await load();
}

function edit(entry) {
  const sites = entries.map(({ site }) => site).filter(Boolean);
  openEditor(entry, sites, async () => {
    say(t("{name} is saved", { name: words.title(entry) }));
    await load();
  });
}

async function rest(entry) {
  const name = words.title(entry);
  const path = `/${encodeURIComponent(entry.unit_id)}`;
  if (!entry.is_active) {
    await doIt(`${path}/activate`, "POST", t("{name} is read again", { name }));
    return;
  }
  const lines = [t("It is not read, its connection is closed and free for other programs, and its alert rules see no data. The meter itself goes on as it is. It stays so until somebody activates it.")];
  if (await askFirst({ title: t("Leave {name} alone?", { name }), lines, action: t("Deactivate") })) {
    await doIt(`${path}/deactivate`, "POST", t("{name} is left alone", { name }));
  }
}

async function remove(entry) {
  const name = words.title(entry);
  const lines = [
    t("Gone for good: its address and settings here, its last state and short trail, its log and its alert rules."),
    t("What stays: recorded levels, runs, fetched files, remarks, calibrations, limits and past alerts. They come back into view if a meter is added under the same short name, {unit}.", { unit: entry.unit_id }),
    t("The meter itself goes on as it is. To leave it alone for a while, deactivate it instead."),
  ];
  if (await askFirst({ title: t("Remove {name} from the roster?", { name }), lines, action: t("Remove"), isDangerous: true })) {
    await doIt(`/${encodeURIComponent(entry.unit_id)}/config`, "DELETE", t("{name} is off the roster", { name }));
  }
}

search.addEventListener("input", show);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
onKey("/", t("search"), () => search.focus());
if (mayChange) onKey("n", t("add a meter"), () => location.assign(byId("add").href));
setInterval(() => document.hidden || load(), EVERY_MS);
addEventListener("visibilitychange", () => document.hidden || load());
await load();
