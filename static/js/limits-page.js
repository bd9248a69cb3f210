// The limits of a unit and its alert rules: where they stand, setting and changing them, and trying them on the past.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { clearErrors, showErrors } from "./field-errors.js";
import { onKey } from "./keys.js";
import { backTest, showBackTest } from "./limits-backtest.js";
import { LimitForm, PLAIN } from "./limits-form.js";
import { limitCard, ruleCard } from "./limits-list.js";
import { changeable, PLAIN_RULE, RuleForm } from "./limits-rule.js";
import { showTemplates } from "./limits-templates.js";
import { t } from "./words.js";
import { ZoneClock } from "./zone.js";

const EVERY_MS = 20000;
const DAYS_BACK = 7;
const byId = (id) => document.getElementById(id);
const unit = byId("unit");
const unitId = unit.dataset.unitId;
const path = `/${encodeURIComponent(unitId)}`;
const clock = new ZoneClock(unit.dataset.zone);
const mayAct = ["operator", "admin"].includes(document.documentElement.dataset.role);
const limitForm = mayAct ? new LimitForm(byId("limit-form")) : null;
const ruleForm = mayAct ? new RuleForm(byId("rule-form")) : null;
let limits = [];
let rules = [];
let editing = null; // what the open form changes; null for something new
let shown = "";

// -- lists ---------------------------------------------------------------------------------------------

const acts = mayAct && {
  changeLimit: (limit) => editLimit(limit.document, limit),
  changeRule: (rule) => editRule(changeable(rule), rule),
  watch: (limit) => editRule({ name: limit.name, limit_id: limit.id, limit_warns: true, duration_s: 0 }),
  switchLimit: (limit) => change(`/limits/${limit.id}`, { enabled: !limit.enabled }),
  switchRule: (rule) => change(`/alerts/rules/${rule.id}`, { enabled: !rule.enabled }),
  deleteLimit: (limit) => remove(`/limits/${limit.id}`, limit.name),
  deleteRule: (rule) => remove(`/alerts/rules/${rule.id}`, rule.name),
  tryLimit: (limit, button) => tryHere(button, { limit: limit.document }),
  tryRule: (rule, button) => tryHere(button, { rule: changeable(rule) }),
};

const chartOf = (at) => `/unit/${encodeURIComponent(unitId)}/history?at=${encodeURIComponent(at)}`;

async function load() {
  try {
    const [found, stands, ruled] = await Promise.all([call(`${path}/limits`), call(`${path}/limits/standing`), call(`${path}/alerts/rules`)]);
    limits = found.limits;
    rules = ruled.rules;
    byId("load-outcome").textContent = "";
    draw(new Map(stands.limits.map((standing) => [standing.limit_id, standing])));
  } catch (error) {
    byId("load-outcome").textContent = t("The limits could not be loaded: {error}", { error: error.message });
  }
}

// Drawn anew only when something differs, and never under a back-test that somebody reads.
function draw(standings) {
  const now = JSON.stringify([limits, rules, [...standings]]);
  const isRead = document.querySelector(".back-test:not([hidden])") !== null;
  if (now === shown || (isRead && shown)) return;
  shown = now;
  const historyOf = (limit) => `/unit/${encodeURIComponent(unitId)}/history?span=week&limit=${limit.id}`;
  const inboxOf = () => `/alerts?unit=${encodeURIComponent(unitId)}`;
  const focused = document.activeElement?.getAttribute?.("aria-label");
  byId("limit-list").replaceChildren(...limits.map((limit) => limitCard(limit, { standing: standings.get(limit.id), rules, clock, acts, historyOf })));
  byId("rule-list").replaceChildren(...rules.map((rule) => ruleCard(rule, acts, inboxOf)));
  byId("limit-empty").hidden = limits.length > 0;
  byId("rule-empty").hidden = rules.length > 0;
  if (focused) document.querySelector(`#lists [aria-label="${CSS.escape(focused)}"]`)?.focus();
}

function tell(sentence, kind = "") {
  byId("outcome").textContent = sentence;
  byId("outcome").dataset.kind = kind;
}

async function refresh(sentence, kind) {
  shown = "";
  for (const place of document.querySelectorAll("#lists .back-test")) place.hidden = true;
  tell(sentence, kind);
  await load();
}

async function change(where, body) {
  try {
    await call(path + where, { method: "PUT", body });
    await refresh(t("Saved."), "good");
  } catch (error) {
    tell(error.message, "bad");
  }
}

function remove(where, name) {
  const dialog = byId("delete-dialog");
  dialog.querySelector(".about").textContent = name;
  dialog.querySelector("form").onsubmit = async (event) => {
    if (event.submitter.value !== "yes") return;
    try {
      await call(path + where, { method: "DELETE" });
      await refresh(t("{name} is deleted.", { name }), "good");
    } catch (error) {
      tell(error.message, "bad");
    }
  };
  dialog.showModal();
}

// -- trying out ----------------------------------------------------------------------------------------

async function tryOut(body, place, days, outcome) {
  outcome.dataset.kind = "";
  outcome.textContent = t("The past is being played; a month takes up to a minute …");
  try {
    showBackTest(place, await backTest(path, body, days), clock, chartOf);
    outcome.textContent = "";
  } catch (error) {
    place.hidden = true;
    throw error;
  }
}

async function tryHere(button, body) {
  button.disabled = true;
  try {
    await tryOut(body, button.closest("li").querySelector(".back-test"), DAYS_BACK, byId("outcome"));
  } catch (error) {
    tell(error.message, "bad");
  }
  button.disabled = false;
}

// -- editors -------------------------------------------------------------------------------------------

function show(editor, title) {
  for (const id of ["lists", "limit-editor", "rule-editor"]) byId(id).hidden = id !== editor;
  tell("");
  if (!title) return;
  const heading = byId(editor).querySelector("h2");
  heading.textContent = title;
  byId(editor).querySelector(".back-test").hidden = true;
  byId(editor).querySelector(".form-outcome").textContent = "";
  heading.focus();
}

function editLimit(document, kept = null) {
  editing = kept;
  byId("template-box").hidden = kept !== null;
  byId("tell-box").hidden = kept !== null;
  limitForm.fill(document);
  show("limit-editor", kept ? t("Change {name}", { name: kept.name }) : t("Set a limit"));
}

async function editRule(rule, kept = null) {
  editing = kept;
  const [{ devices }, { channels }] = await Promise.all([call("/roster"), call("/_alerts/channels")]);
  const weightings = devices.find((device) => device.unit_id === unitId)?.status?.labels;
  ruleForm.offer({ weightings, limits, channels });
  ruleForm.fill(rule);
  show("rule-editor", kept ? t("Change {name}", { name: kept.name }) : t("Add an alert rule"));
}

async function saveLimit() {
  const document = limitForm.document();
  const template = byId("template").value;
  const body = editing ? { document, version: editing.version } : template ? { template, ...document } : { document };
  const { limit } = await call(editing ? `${path}/limits/${editing.id}` : `${path}/limits`, { method: editing ? "PUT" : "POST", body });
  const isTold = !editing && byId("tell").checked;
  show("lists");
  await refresh(editing ? t("The limit is changed.") : t("The limit holds."), "good");
  if (isTold) await acts.watch(limit);
  else byId("limits-title").focus();
}

async function saveRule() {
  const where = editing ? `${path}/alerts/rules/${editing.id}` : `${path}/alerts/rules`;
  await call(where, { method: editing ? "PUT" : "POST", body: ruleForm.rule() });
  show("lists");
  await refresh(t("The rule watches {unit}.", { unit: unitId }), "good");
  byId("rules-title").focus();
}

// A form with its two ways: saved, or tried out first; what the service refuses is said beside the field.
function wire(form, { save, draft, prefix }) {
  const outcome = form.querySelector(".form-outcome");
  const buttons = form.querySelectorAll(".form-buttons button");
  const run = async (what) => {
    clearErrors(form);
    outcome.textContent = "";
    for (const button of buttons) button.disabled = true;
    try {
      await what();
    } catch (error) {
      showErrors(form, outcome, error, prefix);
    }
    for (const button of buttons) button.disabled = false;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(save);
  });
  form.querySelector("[data-try]").addEventListener("click", () =>
    run(() => tryOut(draft(), form.parentElement.querySelector(".back-test"), Number(form.querySelector("[name=days-back]").value), outcome)),
  );
  form.querySelector("[data-cancel]").addEventListener("click", () => {
    show("lists");
    byId("limits-title").focus();
  });
}

function begin() {
  if (mayAct) {
    wire(byId("limit-form"), { save: saveLimit, draft: () => ({ limit: limitForm.document() }), prefix: "document" });
    wire(byId("rule-form"), { save: saveRule, draft: () => ({ rule: ruleForm.rule() }), prefix: "rule" });
    const setLimit = () => {
      showTemplates(byId("template"), byId("template-source"), (document) => limitForm.fill(document ?? PLAIN));
      editLimit(PLAIN);
    };
    const addRule = () => editRule(PLAIN_RULE).catch((error) => tell(error.message, "bad"));
    byId("set-limit").addEventListener("click", setLimit);
    byId("add-rule").addEventListener("click", addRule);
    onKey("l", t("set a limit"), setLimit);
    onKey("r", t("add an alert rule"), addRule);
  }
  new AlertBadge();
  load().then(() => location.hash && document.getElementById(location.hash.slice(1))?.focus());
  setInterval(() => {
    if (!document.hidden && !byId("lists").hidden) load();
  }, EVERY_MS);
}

begin();
