// Backups: make, download, bring, delete, and put one back at the next start.

import { attempt, button, byId, clock, listed, say } from "./admin-parts.js";
import { drawNightly, proofNote } from "./admin-backup-nightly.js";
import { span } from "./admin-system-words.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element } from "./element.js";
import { isOver, size } from "./operation.js";
import { problemSentence } from "./problem-words.js";
import { number, t } from "./words.js";

const EVERY_MS = 1000;
let followed = null;
let timer = 0;

const PARTS = { "slmm.db": t("database"), "secret.key": t("key"), record: t("what was measured"), downloads: t("files from the cards") };
const partsText = (parts) => parts.map((part) => PARTS[part] ?? part).join(", ");
const STEPS = {
  "copy the database and the record as they are at one instant": t("copying the database and the record as they are at one instant"),
  pack: t("packing"),
  "read all of it again": t("reading all of it again"),
  "check and unpack": t("checking and unpacking"),
  "open all of it in a place of its own": t("opening all of it in a place of its own"),
};

function notes(backup) {
  const found = [];
  if (backup.trouble) found.push(t("cannot be used: {reason}", { reason: backup.trouble }));
  if (backup.kind === "migration") found.push(t("the database alone, before its tables were changed"));
  if (backup.missing.length) found.push(t("{n} files of the record were missing when it was made", { n: number(backup.missing.length) }));
  const proved = proofNote(backup);
  if (proved) found.push(proved);
  return found.map((text) => element("span", { className: "tier-note" }, text));
}

function row(backup) {
  const href = `/api/nl43/_system/backups/${backup.name}`;
  const download = element("a", { className: "button", href, download: backup.name, "aria-label": `${t("Download")}: ${backup.name}` }, t("Download"));
  const restore = backup.can_be_restored ? button(t("Put back…"), backup.name, () => putBack(backup)) : null;
  const verify = button(t("Verify now"), backup.name, () => begin(`/_system/backups/${backup.name}/verify`), "quiet");
  const remove = button(t("Delete"), backup.name, () => removeBackup(backup), "quiet danger");
  return [
    element("span", {}, element("span", { className: "backup-name" }, backup.name), notes(backup)),
    element("span", {}, clock.minute(backup.made_at), element("span", { className: "tier-note" }, t("{time} ago", { time: span(backup.age_s) }))),
    partsText(backup.parts),
    backup.version ?? "–",
    size(backup.size_bytes),
    element("div", { className: "buttons" }, download, restore, verify, remove),
  ];
}

function drawList({ backups, folder, free_bytes: free }) {
  byId("folder").textContent = t("They lie in {folder}; {free} are free there.", { folder, free: size(free) });
  const titles = [t("Name"), t("Made"), t("Holds"), t("SLMM"), t("Size"), ""];
  const empty = element("p", {}, t("There is no backup yet. The button above makes the first one; copies made before the tables of the database change appear here too."));
  byId("list").replaceChildren(backups.length ? listed(t("Backups on this machine"), titles, backups.map(row)) : empty);
}

function drawPending({ pending, restored }) {
  const place = byId("pending");
  if (pending) {
    const how = t("Restart the service to have it done: systemctl restart slmm, or Ctrl+C and script/server again. What is there now is set aside in {folder}.", { folder: pending.aside });
    const what = t("{name} of {time} (SLMM {version}) replaces: {parts}.", { name: pending.name, time: clock.minute(pending.made_at), version: pending.version, parts: partsText(pending.parts) });
    const cancel = button(t("Cancel it"), pending.name, cancelRestore, "");
    place.replaceChildren(
      element("section", { className: "notice pending", role: "status" }, element("h2", {}, t("A backup will be put in place at the next start")), element("p", {}, what), element("p", {}, how), element("div", { className: "buttons" }, cancel)),
    );
  } else if (restored) {
    const told = t("{name} was put in place {time}; what was there before is in {folder}, to be deleted by hand when nobody needs it.", { name: restored.name, time: clock.minute(restored.at), folder: restored.aside });
    place.replaceChildren(element("p", { className: "notice" }, told));
  } else place.replaceChildren();
}

function drawProgress(operation) {
  const isRunning = Boolean(operation) && !isOver(operation);
  byId("progress").hidden = !isRunning;
  byId("make-form").hidden = isRunning;
  if (!isRunning) return;
  const step = operation.steps.at(-1)?.name;
  byId("progress-text").textContent = `${operation.subject}: ${STEPS[step] ?? step ?? t("about to begin")}`;
  const bar = byId("progress-bar");
  if (operation.total) Object.assign(bar, { max: operation.total, value: operation.done });
  else bar.removeAttribute("value");
}

// What was begun on this page is told when it ends; what ended before is history.
function tellEnd(operation) {
  if (!operation || operation.operation_id !== followed || !isOver(operation)) return;
  followed = null;
  if (operation.state !== "done") say(operation.error ?? t("It did not come to its end."), "bad");
  else if (operation.kind === "verify") say(t("{name} was restored to a place of its own, and everything in it is there.", { name: operation.subject }));
  else if (operation.kind === "nightly") say(t("{name} is made and was restored to try it.", { name: operation.subject }));
  else if (operation.kind === "backup") say(t("{name} is made, read again and whole. Download it, and keep it on another machine.", { name: operation.subject }));
  else say(t("{name} is checked and unpacked. Restart the service to have it put in place.", { name: operation.subject }));
}

async function load() {
  clearTimeout(timer);
  try {
    const found = await call("/_system/backups");
    drawList(found);
    drawPending(found);
    drawNightly(byId("nightly"), found.schedule);
    byId("refusal").hidden = !found.refusal;
    byId("refusal").textContent = found.refusal ?? "";
    byId("make").hidden = Boolean(found.refusal);
    byId("record-size").textContent = t("(up to {size})", { size: size(found.needed_bytes) });
    byId("downloads-size").textContent = `(${size(found.downloads_bytes)})`;
    drawProgress(found.operation);
    tellEnd(found.operation);
    if (found.operation && !isOver(found.operation)) {
      followed ??= found.operation.operation_id;
      timer = setTimeout(load, EVERY_MS);
    }
  } catch (error) {
    say(error.message, "bad");
    if (followed) timer = setTimeout(load, EVERY_MS);
  }
}

async function begin(path, body) {
  say("");
  try {
    followed = (await call(path, { method: "POST", body })).operation.operation_id;
  } catch (error) {
    say(error.message, "bad");
  }
  load();
}

async function putBack(backup) {
  const lines = [
    t("Made {time} by SLMM {version}. It replaces: {parts}.", { time: clock.minute(backup.made_at), version: backup.version, parts: partsText(backup.parts) }),
    t("Everything written since then is set aside, accounts and passwords included; you log in again with those of the backup."),
    t("It is checked and unpacked now and put in place at the next start of the service; until then it can be cancelled."),
  ];
  if (await askFirst({ title: t("Put {name} back?", { name: backup.name }), lines, action: t("Check and prepare"), isDangerous: true })) begin("/_system/restore", { name: backup.name });
}

async function cancelRestore() {
  await attempt(() => call("/_system/restore", { method: "DELETE" }), t("Cancelled: everything stays as it is."));
  load();
}

async function removeBackup({ name }) {
  const lines = [t("The file is deleted for good. Copies elsewhere stay.")];
  if (!(await askFirst({ title: t("Delete {name}?", { name }), lines, action: t("Delete"), isDangerous: true }))) return;
  await attempt(() => call(`/_system/backups/${name}`, { method: "DELETE" }), t("{name} is deleted.", { name }));
  load();
}

byId("make-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const { with_record: record, with_downloads: downloads } = event.target.elements;
  begin("/_system/backups", { with_record: record.checked, with_downloads: downloads.checked });
});

byId("bring-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = event.target.elements.file.files;
  const send = event.target.querySelector("button");
  const name = file.name.replace(/[^A-Za-z0-9._-]/g, "_");
  send.disabled = true;
  say(t("{name} is on its way ({size})…", { name, size: size(file.size) }));
  try {
    const answer = await fetch(`/api/nl43/_system/backups/${encodeURIComponent(name)}`, { method: "PUT", body: file, headers: { "Content-Type": "application/zip" } });
    const data = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(problemSentence(data, answer.status));
    say(t("{name} is whole and can be put back.", { name }));
    event.target.reset();
  } catch (error) {
    say(error.message, "bad");
  }
  send.disabled = false;
  load();
});

new AlertBadge();
load();
