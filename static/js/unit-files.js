// The card of one unit: its folders, what is fetched from it, and what of it is on record.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element, table } from "./element.js";
import { onKey } from "./keys.js";
import { follow, size } from "./operation.js";
import { Transfers } from "./unit-transfers.js";
import { clock, may, path, tell } from "./unit-work.js";
import { t, tn } from "./words.js";

const TOP = "/NL-43";
const byId = (id) => document.getElementById(id);
const isUsed = byId("files").dataset.ftpEnabled === "yes";
let folder = TOP;
let isListing = false;

const transfers = new Transfers(byId("transfers"), byId("transfers-empty"), () => loadRuns());

// -- FTP at the meter

function showFtp(isOn, word) {
  byId("ftp-state").dataset.kind = isOn === null ? "grey" : isOn ? "live" : "old";
  byId("ftp-state").textContent = word;
  if (!may("operator")) return;
  byId("ftp-on").disabled = isOn === true;
  byId("ftp-off").disabled = isOn === false;
}

async function askFtp() {
  try {
    const { ftp_enabled: isOn } = await call(`${path}/ftp/status`);
    showFtp(isOn, isOn ? t("on") : t("off: files cannot be listed or fetched"));
    return isOn;
  } catch (error) {
    showFtp(null, t("not known"));
    tell(byId("ftp-outcome"), t("The meter did not say whether FTP is on: {why}", { why: error.message }), "bad");
    return null;
  }
}

async function switchFtp(isOn) {
  const lines = isOn
    ? [t("The meter's FTP server is started; it takes up to half a minute."), t("Some meters answer nothing else while files go over the line: levels stand still meanwhile.")]
    : [t("What is being fetched at present is broken off; it can be gone on with later.")];
  const title = isOn ? t("Switch FTP on?") : t("Switch FTP off?");
  const choice = await askFirst({ title, lines, action: isOn ? t("Switch on") : t("Switch off") });
  if (!choice) return;
  tell(byId("ftp-outcome"), t("sent; waiting for the meter …"));
  try {
    const answer = await call(`${path}/ftp/${isOn ? "enable?wait=false" : "disable"}`, { method: "POST" });
    if (answer.operation) {
      const ended = await follow(path, answer.operation, ({ steps }) => tell(byId("ftp-outcome"), t("{step}: waiting for the meter …", { step: steps.at(-1)?.name ?? "FTP" })));
      if (ended.error) throw new Error(ended.error);
    }
    const said = await askFtp();
    if (said !== null) tell(byId("ftp-outcome"), said ? t("The meter says that FTP is on.") : t("The meter says that FTP is off."), said === isOn ? "good" : "bad");
    if (said) list(folder);
  } catch (error) {
    tell(byId("ftp-outcome"), t("FTP was not switched: {why}", { why: error.message }), "bad");
  }
}

// -- the card

function crumbs() {
  const parts = folder.split("/").filter(Boolean);
  const steps = [["/", t("Card")], ...parts.map((name, at) => [`/${parts.slice(0, at + 1).join("/")}`, name])];
  const made = steps.map(([to, name], at) => {
    const button = element("button", { type: "button" }, name);
    if (at === steps.length - 1) button.setAttribute("aria-current", "location");
    button.addEventListener("click", () => list(to));
    return [at ? element("span", { "aria-hidden": "true" }, "›") : null, button];
  });
  byId("crumbs").replaceChildren(...made.flat().filter(Boolean));
}

function row(file) {
  const name = file.is_dir ? element("button", { type: "button", className: "entry-name" }, `${file.name}/`) : file.name;
  if (file.is_dir) name.addEventListener("click", () => list(file.path));
  const fetch = element("button", { type: "button" }, file.is_dir ? t("Download folder") : t("Download"), element("span", { className: "unseen" }, ` ${file.name}`));
  fetch.addEventListener("click", () => transfers.begin(file.is_dir ? "download-folder" : "download", file.path, byId("list-outcome")));
  return [name, may("operator") ? fetch : t("for operators"), file.is_dir ? "–" : size(file.size), file.modified_timestamp ? clock.minute(file.modified_timestamp) : (file.modified ?? "–")];
}

function showLatest(files) {
  const runs = files.filter((file) => file.is_dir && file.name.startsWith("Auto_") && file.modified_timestamp);
  const latest = runs.sort((a, b) => b.modified_timestamp.localeCompare(a.modified_timestamp))[0];
  byId("latest").hidden = !latest || folder !== TOP;
  if (latest) byId("latest").textContent = t("Latest measurement on the card: {name}, begun {time}.", { name: latest.name, time: clock.minute(latest.modified_timestamp) });
}

async function list(wanted) {
  if (isListing) return;
  isListing = true;
  folder = wanted;
  crumbs();
  byId("listing").replaceChildren();
  tell(byId("list-outcome"), t("reading {path} from the card …", { path: wanted }));
  try {
    const { files, unusable } = await call(`${path}/ftp/files?path=${encodeURIComponent(wanted)}`);
    const sorted = files.sort((a, b) => Number(b.is_dir) - Number(a.is_dir) || a.name.localeCompare(b.name));
    showLatest(files);
    const columns = [{ title: t("Name") }, { title: t("Fetch") }, { title: t("Size"), isNumber: true }, { title: t("Changed ({zone})", { zone: clock.zone }) }];
    const box = table(t("Files of {path}", { path: wanted }), columns, sorted.map(row));
    box.querySelector("table").classList.add("files-table");
    const strange = unusable.map((item) => element("p", { className: "hint" }, t("{name} cannot be used: {why}", { name: item.text, why: item.reason })));
    if (files.length) byId("listing").replaceChildren(box, ...strange);
    else byId("listing").replaceChildren(element("p", { className: "hint" }, t("This folder is empty. A measurement in store mode Auto makes its own folder when it starts.")), ...strange);
    tell(byId("list-outcome"), tn(files.length, "One entry.", "{n} entries."));
  } catch (error) {
    const isNewCard = error.status === 404 && wanted === TOP;
    tell(byId("list-outcome"), isNewCard ? t("The card holds no measurement yet: {why}", { why: error.message }) : t("{path} could not be read: {why}", { path: wanted, why: error.message }), "bad");
  }
  isListing = false;
}

// -- what is on record

const cardState = (state) =>
  ({
    none: t("nothing stored, or not looked at"),
    wanted: t("waits to be fetched"),
    partial: t("in part on record"),
    merged: t("on record"),
    failed: t("failed"),
  })[state] ?? state;

function runRow(run) {
  const ended = run.ended_at ? clock.minute(run.ended_at) : t("running");
  const state = element("span", {}, cardState(run.card), run.card_note ? element("span", { className: "period-time" }, run.card_note) : null);
  const fetch = element("button", { type: "button" }, run.card === "merged" ? t("Fetch again") : t("Fetch"), element("span", { className: "unseen" }, ` ${clock.minute(run.started_at)}`));
  fetch.addEventListener("click", () => transfers.beginRun(run.id, byId("runs-outcome")));
  return [clock.minute(run.started_at), may("operator") ? fetch : "–", state, ended, run.store_name ?? "–"];
}

async function loadRuns() {
  try {
    const { runs } = await call(`${path}/runs?limit=20`);
    const columns = [{ title: t("Begun") }, { title: t("Into the record") }, { title: t("Card") }, { title: t("Ended") }, { title: t("Store name") }];
    byId("runs").replaceChildren(
      runs.length
        ? table(t("Table of measurements"), columns, runs.map(runRow))
        : element("p", { className: "hint" }, t("No measurement has been seen yet. One is on record when the unit was read while it started, or was found measuring.")),
    );
  } catch (error) {
    tell(byId("runs-outcome"), t("The measurements could not be read: {why}", { why: error.message }), "bad");
  }
}

new AlertBadge();
byId("ftp-on")?.addEventListener("click", () => switchFtp(true));
byId("ftp-off")?.addEventListener("click", () => switchFtp(false));
byId("list-again").addEventListener("click", () => list(folder));
onKey("r", t("read the folder again"), () => list(folder));
crumbs();
loadRuns();
const isOn = await askFtp();
if (!isUsed) tell(byId("list-outcome"), t("The card is not read: FTP is off in the unit's configuration."));
else if (isOn === false) tell(byId("list-outcome"), t("The card cannot be read while FTP is off at the meter; switch it on above."));
else list(folder);
