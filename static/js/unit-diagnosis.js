// What is wrong with one unit: verdicts with their cures, the steps that led there, and the facts of its connection.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { foundWords } from "./diagnosis-words.js";
import { element } from "./element.js";
import { age } from "./format.js";
import { onKey } from "./keys.js";
import { clock, may, path, tell, unitId } from "./unit-work.js";
import { language, number, t } from "./words.js";

const byId = (id) => document.getElementById(id);
const outcome = byId("diagnosis-outcome");
let last = null;
let isBusy = false;

const severity = (name) => ({ ok: t("all right"), info: t("note"), warning: t("warning"), error: t("fault") })[name];
const MARKS = { pass: ["done", "✓"], fail: ["failed", "✗"], warning: ["failed", "!"], skip: ["skipped", "–"] };

const stepName = (name) =>
  ({
    config_exists: t("Configuration"),
    tcp_enabled: t("TCP in use"),
    modem_reachable: t("Host or modem"),
    tcp_connection: t("Control port"),
    command_response: t("Answer to a command"),
    ftp_status: t("FTP"),
    wedge: t("Wedged?"),
  })[name] ?? name;

const stepState = (status) => ({ pass: t("good"), fail: t("failed"), warning: t("warning"), skip: t("left out") })[status];

const cureName = (cure) =>
  ({
    reconnect: t("Reconnect"),
    end_sleep: t("Switch the sleep mode off"),
    set_clock: t("Set the clock"),
    ftp_off: t("Switch FTP off"),
    accept_settings: t("Accept the present settings"),
  })[cure] ?? cure;

// What people ask next; the service's own sentence says what was found.
const explanation = (code) =>
  ({
    wedged: t("Why nothing else helps: the meter's network part has lost its only control slot and takes no new one. Nothing that comes over the network frees it, and trying more often makes it worse."),
    held_by_other: t("An NL-43 talks to one program at a time. Whoever connected first keeps it until they let go."),
    silent: t("Nothing at all comes back, not even a refusal: that is a missing network or power, not a broken meter."),
    refused: t("Something at that address answers and says no: the network works as far as there."),
    clock_off: t("Levels are stamped by this service and stay right; the files on the card carry the meter's own clock."),
    settings_changed: t("The page Settings shows item by item what differs, and puts it back."),
  })[code];

// To a reader of another language the English sentences are beside the point, but only they have names and figures.
function said({ code, sentence, advice }) {
  if (language === "en" || !foundWords(code)) return [element("p", { className: "sentence", lang: "en" }, sentence), advice ? element("p", { className: "advice", lang: "en" }, advice) : null];
  return [element("p", { className: "sentence" }, foundWords(code)), element("p", { className: "hint", lang: "en" }, sentence)];
}

function finding(verdict) {
  const parts = [
    element("p", { className: "how-bad" }, severity(verdict.severity)),
    ...said(verdict),
    explanation(verdict.code) ? element("p", { className: "hint" }, explanation(verdict.code)) : null,
  ];
  if (verdict.cure && may("operator")) {
    const button = element("button", { type: "button", dataset: { cure: verdict.cure } }, cureName(verdict.cure));
    button.addEventListener("click", () => cure(verdict));
    parts.push(element("div", { className: "buttons" }, button));
  } else if (verdict.cure) {
    parts.push(element("p", { className: "hint" }, t("An operator can cure this from here: {cure}.", { cure: cureName(verdict.cure) })));
  }
  return element("li", { className: "finding", dataset: { severity: verdict.severity, code: verdict.code } }, parts);
}

function step([name, { status, message }]) {
  const [state, mark] = MARKS[status];
  const text = [`${stepName(name)}: ${stepState(status)} (`, element("span", { lang: "en" }, message), ")"];
  return element("li", { dataset: { state } }, element("span", { className: "step-mark", "aria-hidden": "true" }, mark), element("span", {}, text));
}

function offset(seconds) {
  const size = number(Math.abs(seconds), 1);
  return seconds >= 0 ? t("{n} s ahead", { n: size }) : t("{n} s behind", { n: size });
}

function facts({ database_dump: { config } }, connection) {
  const list = [
    [t("Address"), `${config.host}:${config.tcp_port}`],
    [t("FTP"), config.ftp_enabled ? t("port {port}", { port: config.ftp_port }) : t("not used by this service")],
    [t("Connected"), connection?.connected ? t("yes, for {time}", { time: age(connection.age_s) }) : t("no")],
    [t("Last reading"), last.status?.last_success ? clock.moment(last.status.last_success) : t("never")],
    [t("Failures in a row"), number(last.status?.consecutive_failures ?? 0)],
    [t("Last error"), last.status?.last_error || t("none so far")],
    [t("Battery"), last.status?.battery_level ?? t("not known")],
    [t("Clock"), last.status?.clock_offset_s == null ? t("not known") : offset(last.status.clock_offset_s)],
  ];
  return list.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
}

async function look() {
  if (isBusy) return;
  isBusy = true;
  byId("look-again").disabled = true;
  const since = Date.now();
  const ticking = setInterval(() => tell(outcome, t("Asking the meter; this takes some seconds … {n} s", { n: Math.round((Date.now() - since) / 1000) })), 1000);
  tell(outcome, t("Asking the meter; this takes some seconds …"));
  try {
    const [found, connections] = await Promise.all([call(`${path}/diagnostics`), call("/_connections/status").catch(() => null)]);
    const connection = connections?.data.connections.find((each) => each.unit_id === unitId);
    last = { ...found, status: found.database_dump.status_cache };
    byId("verdicts").replaceChildren(...found.verdicts.map(finding));
    byId("tests").replaceChildren(...Object.entries(found.tests).map(step));
    byId("facts").replaceChildren(...facts(found, connection));
    byId("copy").disabled = false;
    tell(outcome, t("Looked at {time}.", { time: clock.moment(found.timestamp) }), found.overall_status === "fail" ? "bad" : "good");
  } catch (error) {
    tell(outcome, t("It could not be looked at: {why}", { why: error.message }), "bad");
  }
  clearInterval(ticking);
  byId("look-again").disabled = false;
  isBusy = false;
}

async function cure({ cure: name, sentence }) {
  if (name === "accept_settings") {
    const isSure = await askFirst({
      title: t("Accept the present settings?"),
      lines: [sentence, t("From now on they count as the right ones.")],
      action: t("Accept"),
    });
    if (!isSure) return;
  }
  tell(outcome, t("{cure}: sent; waiting for the meter …", { cure: cureName(name) }));
  try {
    const { message } = await call(`${path}/cure`, { method: "POST", body: { cure: name } });
    await look();
    tell(outcome, message, "good");
  } catch (error) {
    tell(outcome, t("{cure} did not help: {why}", { cure: cureName(name), why: error.message }), "bad");
  }
}

function asText() {
  const verdicts = last.verdicts.map((each) => `${severity(each.severity)}: ${each.sentence}${each.advice ? ` ${each.advice}` : ""}`);
  const steps = [...byId("tests").children].map((item) => item.lastChild.textContent);
  const known = [...byId("facts").children].map((item) => `${item.firstChild.textContent}: ${item.lastChild.textContent}`);
  const head = t("Diagnosis of {unit}, {time} ({zone})", { unit: unitId, time: clock.moment(last.timestamp), zone: clock.zone });
  return [head, "", ...verdicts, "", ...steps, "", ...known, ""].join("\n");
}

async function copy() {
  try {
    await navigator.clipboard.writeText(asText());
    tell(outcome, t("Copied: paste it into a message to whoever looks after the meter."), "good");
  } catch {
    // Without TLS a browser gives no clipboard: then the text is there to be marked.
    const text = element("textarea", { value: asText(), readOnly: true, rows: 14, "aria-label": t("Diagnosis as text") });
    await Promise.all([askFirst({ title: t("Copy this text"), fields: [text], action: t("Close") }), Promise.resolve().then(() => text.select())]);
  }
}

new AlertBadge();
byId("look-again").addEventListener("click", look);
byId("copy").addEventListener("click", copy);
onKey("r", t("look at the meter again"), look);
look();
