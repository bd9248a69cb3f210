// Many meters at once: shown line by line before anything is done.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { element, table } from "./element.js";
import { followTakeover } from "./roster-takeover.js";
import { t, tn } from "./words.js";

const byId = (id) => document.getElementById(id);
const text = byId("text");
const outcome = byId("list-outcome");
let seen = null; // the text whose preview stands on the page

new AlertBadge();
if (byId("old")) followTakeover();

const VERDICTS = { new: () => t("new"), changed: () => t("changes"), same: () => t("the same"), refused: () => t("refused") };
const ORDER = ["refused", "changed", "new", "same"];

byId("file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  text.value = decoded(await file.arrayBuffer());
  await look();
});

// Spreadsheets save as UTF-8 or, in the west, as Windows-1252.
function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

byId("list").addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});

text.addEventListener("input", () => {
  if (text.value !== seen) byId("preview").hidden = true; // what it showed is no longer what stands there
});

function say(words, kind = "bad") {
  outcome.dataset.kind = kind;
  outcome.textContent = words;
}

const send = (isDry) => call(`/_roster/import?dry_run=${isDry}`, { method: "POST", body: { text: text.value } });

async function look() {
  byId("preview").hidden = true;
  if (!text.value.trim()) {
    say(t("Choose a file, or paste the lines."));
    text.focus();
    return;
  }
  try {
    const found = await send(true);
    seen = text.value;
    say("");
    show(found);
  } catch (error) {
    say(error.message);
  }
}

function show(found) {
  byId("preview").hidden = false;
  byId("summary").textContent = summary(found);
  const columns = [{ title: t("Line"), isNumber: true }, { title: t("Meter") }, { title: t("Outcome") }, { title: t("What of it") }];
  const lines = [...found.lines].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict) || a.line - b.line);
  byId("lines").replaceChildren(table(t("The lines of the list"), columns, lines.map(row)));
  const todo = found.added + found.changed;
  const button = byId("take");
  button.hidden = !found.dry_run || todo === 0;
  button.textContent = tn(todo, "Take one line", "Take {n} lines");
  byId("summary").focus();
}

function summary({ dry_run: isDry, added, changed, same, refused }) {
  const parts = [
    [added, tn(added, "one new meter", "{n} new meters")],
    [changed, tn(changed, "one meter changed", "{n} meters changed")],
    [same, tn(same, "one as it is", "{n} as they are")],
    [refused, tn(refused, "one line refused", "{n} lines refused")],
  ];
  const said = parts.flatMap(([count, words]) => (count ? words : [])).join(", ");
  return isDry ? t("Nothing is done yet. It would be: {what}.", { what: said }) : t("Done: {what}.", { what: said });
}

function row({ line, unit_id: unitId, verdict, changes, problems }) {
  const word = element("span", { className: "verdict-word", dataset: { verdict } }, VERDICTS[verdict]());
  const told = verdict === "new" ? changes.map(({ field, after }) => `${field} ${after}`) : changes.map(({ field, before, after }) => `${field} ${before || "–"} → ${after || "–"}`);
  const what = [...problems.map(({ field, message }) => `${field}: ${message}`), ...told].join("; ");
  return [String(line), unitId || "–", word, what || "–"];
}

byId("take").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  try {
    show(await send(false));
    say("");
  } catch (error) {
    say(error.message);
  } finally {
    target.disabled = false;
  }
});
