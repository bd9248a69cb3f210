// Long operations on a meter: followed until their end, and written down step by step.

import { call } from "./api.js";
import { element } from "./element.js";
import { number, t } from "./words.js";

const EVERY_MS = 1000;
const MOST_FAILURES = 10;
const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

export const isOver = ({ state }) => !["queued", "running"].includes(state);

// Asks once a second until it is over; onChange gets every state. A service that is away for a moment ends nothing.
export async function follow(path, operation, onChange) {
  let failures = 0;
  onChange(operation);
  while (!isOver(operation)) {
    await pause(EVERY_MS);
    try {
      operation = (await call(`${path}/operations/${operation.operation_id}`)).operation;
      failures = 0;
    } catch (error) {
      if (error.status === 404 || ++failures >= MOST_FAILURES) throw error;
      continue;
    }
    onChange(operation);
  }
  return operation;
}

export const kind = (operation) =>
  ({
    "start-cycle": t("start of a cycle"),
    "stop-cycle": t("end of a cycle"),
    download: t("download of a file"),
    "download-folder": t("download of a folder"),
    card: t("card into the record"),
    settings: t("reading of the settings"),
    "apply-settings": t("change of settings"),
    fingerprint: t("taking of the fingerprint"),
    "ftp-enable": t("switching FTP on"),
  })[operation.kind] ?? operation.kind;

export const state = (operation) =>
  ({
    queued: operation.position === null ? t("waiting") : t("waiting, number {n} in the queue", { n: operation.position }),
    running: t("under way"),
    done: t("done"),
    failed: t("failed"),
    cancelled: t("stopped"),
  })[operation.state];

const MARKS = { running: "…", done: "✓", failed: "✗", skipped: "–" };
const outcome = (name) => ({ running: t("under way"), done: t("done"), failed: t("failed"), skipped: t("skipped") })[name];

// The fixed steps in the reader's words; others name a file or a setting and stay as the service says them.
function stepName(name) {
  const words = {
    "see that nothing runs": t("see that nothing runs"),
    "end the sleep mode": t("end the sleep mode"),
    "set the clock": t("set the clock"),
    "find a free store name": t("find a free store name"),
    start: t("start"),
    stop: t("stop"),
    "FTP off and on": t("FTP off and on"),
    "FTP on": t("FTP on"),
    "wait for FTP": t("wait for FTP"),
    "find the measurement on the card": t("find the measurement on the card"),
    "pack and verify": t("pack and verify"),
    "bring it into the record": t("bring it into the record"),
    "read the clock": t("read the clock"),
  };
  return words[name] ?? name;
}

// An ordered list that is brought up to date in place, so that a screen reader keeps its own.
export function drawSteps(list, { steps }) {
  while (list.children.length > steps.length) list.lastElementChild.remove();
  steps.forEach((step, at) => {
    let item = list.children[at];
    if (!item) {
      item = element("li", {}, element("span", { className: "step-mark", "aria-hidden": "true" }), element("span", { className: "step-text" }));
      list.append(item);
    }
    if (item.dataset.state !== step.state || item.dataset.detail !== (step.detail ?? "")) {
      Object.assign(item.dataset, { state: step.state, detail: step.detail ?? "" });
      item.firstChild.textContent = MARKS[step.state];
      item.lastChild.textContent = `${stepName(step.name)}: ${outcome(step.state)}${step.detail ? ` (${step.detail})` : ""}`;
    }
  });
}

export function size(bytes) {
  if (bytes == null) return "–";
  if (bytes < 1000) return t("{n} bytes", { n: number(bytes) });
  if (bytes < 1e6) return `${number(bytes / 1e3, bytes < 1e4 ? 1 : 0)} kB`;
  if (bytes < 1e9) return `${number(bytes / 1e6, 1)} MB`;
  return `${number(bytes / 1e9, 2)} GB`;
}
