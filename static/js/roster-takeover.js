// Takes over the database of an SLMM 0.4.0: sent once to see what it holds, and once more to take it.

import { element, table } from "./element.js";
import { problemSentence } from "./problem-words.js";
import { number, t } from "./words.js";

const byId = (id) => document.getElementById(id);
const MOST_SHOWN = 20;
const KINDS = {
  devices: () => t("meters"),
  status: () => t("last states"),
  readings: () => t("readings of the trail"),
  "alert rules": () => t("alert rules"),
  "alert events": () => t("past alerts"),
  "device logs": () => t("log entries"),
};

export function followTakeover() {
  byId("old").addEventListener("submit", (event) => {
    event.preventDefault();
    take(true);
  });
  byId("old-take").addEventListener("click", () => take(false));
  for (const id of ["old-file", "old-replace"]) byId(id).addEventListener("change", () => (byId("old-preview").hidden = true));
}

async function take(isDry) {
  const outcome = byId("old-outcome");
  const [file] = byId("old-file").files;
  outcome.dataset.kind = "bad";
  if (!file) {
    outcome.textContent = t("Choose the file slmm.db of the old service.");
    byId("old-file").focus();
    return;
  }
  const buttons = [byId("old").querySelector("[type=submit]"), byId("old-take")];
  for (const button of buttons) button.disabled = true;
  outcome.dataset.kind = "";
  outcome.textContent = t("reading it; a large one takes a minute …");
  try {
    show(await send(file, isDry));
    outcome.textContent = "";
  } catch (error) {
    outcome.dataset.kind = "bad";
    outcome.textContent = error.message;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

async function send(file, isDry) {
  const path = `/api/nl43/_roster/takeover?dry_run=${isDry}&replace=${byId("old-replace").checked}`;
  let answer;
  try {
    answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
  } catch {
    throw new Error(t("the service does not answer"));
  }
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(problemSentence(data, answer.status));
  return data;
}

function show({ dry_run: isDry, tables }) {
  byId("old-preview").hidden = false;
  byId("old-take").hidden = !isDry || tables.every(({ taken }) => taken === 0);
  byId("old-summary").textContent = isDry
    ? t("Nothing is done yet. This is what would be taken over.")
    : t("It is taken over: the meters are read from now on, and their alert rules are in force.");
  const columns = [{ title: "" }, { title: isDry ? t("would be taken") : t("taken"), isNumber: true }, { title: t("here already"), isNumber: true }, { title: t("left out"), isNumber: true }];
  const rows = tables.map(({ name, taken, present, skipped }) => [KINDS[name]?.() ?? name, number(taken), number(present), number(skipped.length)]);
  const notes = tables.flatMap(({ changed, skipped }) => [...changed.map((why) => t("taken with a change: {what}", { what: why })), ...skipped.map((why) => t("left out: {what}", { what: why }))]);
  const more = notes.length - MOST_SHOWN;
  const list = element("ul", { className: "plain hint" }, notes.slice(0, MOST_SHOWN).map((note) => element("li", {}, note)));
  if (more > 0) list.append(element("li", {}, t("and {n} more", { n: number(more) })));
  byId("old-tables").replaceChildren(table(t("What the old database holds"), columns, rows), list);
  byId("old-summary").focus();
}
