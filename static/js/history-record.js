// Remarks, exclusions and calibration checks of a unit: the log, and adding to it. Nothing here is ever deleted.

import { call } from "./api.js";
import { element, table } from "./element.js";
import { clearErrors, showErrors } from "./field-errors.js";
import { instant, wall } from "./history-span.js";
import { number, t } from "./words.js";

const REASONS = {
  remark: t("remark"),
  weather: t("weather"),
  foreign: t("foreign sound"),
  calibration: t("calibration"),
  fault: t("fault"),
  other: t("other"),
};
const KINDS = { before: t("before the measurement"), after: t("after the measurement"), check: t("in between") };
const LEVELS = [t("Calibrator, dB"), t("Meter, dB"), t("Deviation, dB"), t("Drift, dB")];
const byId = (id) => document.getElementById(id);
const mayAct = ["operator", "admin"].includes(document.documentElement.dataset.role);
const hint = (text) => element("p", { className: "hint" }, text);
const db = (value, isSigned = false) => (value == null ? "–" : `${isSigned && value > 0 ? "+" : ""}${number(value, 1).replace("-", "−")}`);

// A dialog with a form: send(values) says no by an Error, which then stands beside its field.
function ask(dialog, fill, send) {
  const form = dialog.querySelector("form");
  const outcome = form.querySelector(".outcome");
  form.reset();
  clearErrors(form);
  outcome.textContent = "";
  fill(form.elements);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const submit = form.querySelector("[type=submit]");
    submit.disabled = true;
    try {
      await send(form.elements);
      dialog.close();
    } catch (error) {
      showErrors(form, outcome, error);
    }
    submit.disabled = false;
  };
  form.querySelector("[data-cancel]").onclick = () => dialog.close();
  dialog.showModal();
}

// The instant of a field; Invalid as the service would say it, when there is none.
function moment(field, zone) {
  if (field.value) return new Date(instant(field.value.slice(0, 16), zone)).toISOString();
  const error = new Error(t("A date and a time are needed."));
  throw Object.assign(error, { fields: [{ field: field.dataset.field, message: error.message }] });
}

const figure = (field) => (field.value.trim() === "" ? undefined : Number(field.value));

export class Remarks {
  // changed() is called when what is judged may have changed.
  constructor(changed) {
    this.changed = changed;
    byId("add-remark")?.addEventListener("click", () => this.add());
  }

  show(path, span, clock, remarks) {
    Object.assign(this, { path, span, clock });
    if (remarks.length === 0) {
      byId("remarks").replaceChildren(hint(t("Nobody said anything about this time, and nothing is excluded.")));
      return;
    }
    const columns = [{ title: t("From") }, { title: t("Until") }, { title: t("Reason") }, { title: t("What it was") }, { title: t("By") }, ...(mayAct ? [{ title: element("span", { className: "unseen" }, t("Withdraw")) }] : [])];
    const rows = remarks.map((remark) => this.row(remark));
    byId("remarks").replaceChildren(table(t("Remarks, the newest first"), columns, rows));
  }

  row(remark) {
    const { clock } = this;
    const reason = REASONS[remark.reason] ?? remark.reason;
    const withdrawn = remark.withdrawn_at ? ` ${t("(withdrawn by {name}, {time})", { name: remark.withdrawn_by ?? t("somebody"), time: clock.minute(remark.withdrawn_at) })}` : "";
    const who = remark.made_by ? `${remark.made_by}, ${clock.minute(remark.made_at)}` : clock.minute(remark.made_at);
    const isMoment = remark.starts_at === remark.ends_at;
    const cells = [
      clock.moment(remark.starts_at),
      isMoment ? "" : clock.moment(remark.ends_at),
      remark.excludes && !remark.withdrawn_at ? element("strong", {}, t("excluded: {reason}", { reason })) : reason,
      remark.text + withdrawn,
      who,
    ];
    return mayAct ? [...cells, remark.withdrawn_at ? "" : this.button(remark)] : cells;
  }

  button(remark) {
    const button = element("button", { type: "button", className: "quiet", "aria-label": `${t("Withdraw")}: ${remark.text}` }, t("Withdraw"));
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await call(`${this.path}/remarks/${remark.id}`, { method: "DELETE" });
        byId("remarks-outcome").textContent = t("The remark counts no more; it stays on record.");
        byId("remarks-title").focus();
        this.changed();
      } catch (error) {
        button.disabled = false;
        byId("remarks-outcome").textContent = error.message;
      }
    });
    return button;
  }

  add() {
    const { span } = this;
    const fill = (fields) => {
      fields.from.value = wall(span.from, span.zone);
      fields.until.value = wall(Math.min(span.until, Date.now()), span.zone);
    };
    ask(byId("remark-dialog"), fill, async (fields) => {
      const body = { starts_at: moment(fields.from, span.zone), ends_at: moment(fields.until, span.zone), reason: fields.reason.value, excludes: fields.excludes.checked, text: fields.text.value.trim() };
      await call(`${this.path}/remarks`, { method: "POST", body });
      byId("remarks-outcome").textContent = body.excludes ? t("This time is left out of what is judged.") : t("The remark is on record.");
      this.changed();
    });
  }
}

export class Checks {
  constructor(changed) {
    this.changed = changed;
    byId("add-check")?.addEventListener("click", () => this.add());
  }

  show(path, zone, clock, checks) {
    Object.assign(this, { path, zone });
    if (checks.length === 0) {
      byId("checks").replaceChildren(hint(t("No check is on record. Without one before and one after, nobody can tell how far the meter drifted.")));
      return;
    }
    const columns = [{ title: t("When") }, { title: t("Which") }, ...LEVELS.map((title) => ({ title, isNumber: true })), { title: t("With") }, { title: t("By") }];
    const rows = checks.map((check) => [
      clock.minute(check.at),
      KINDS[check.kind] ?? check.kind,
      db(check.nominal_db),
      check.adjusted_db == null ? db(check.measured_db) : `${db(check.measured_db)} → ${db(check.adjusted_db)}`,
      db(check.deviation_db, true),
      check.drift_db == null ? t("not known") : db(check.drift_db, true),
      [check.calibrator, check.serial_number].filter(Boolean).join(", ") || "–",
      check.made_by,
    ]);
    byId("checks").replaceChildren(table(t("Checks, the newest first"), columns, rows), hint(t("Drift is recorded, and never applied to levels.")));
  }

  add() {
    const fill = (fields) => {
      fields.at.value = wall(Date.now(), this.zone);
    };
    ask(byId("check-dialog"), fill, async (fields) => {
      const body = { at: moment(fields.at, this.zone), kind: fields.kind.value, measured_db: figure(fields.measured_db) ?? null };
      for (const name of ["nominal_db", "adjusted_db"]) if (figure(fields[name]) !== undefined) body[name] = figure(fields[name]);
      for (const name of ["calibrator", "serial_number"]) if (fields[name].value.trim()) body[name] = fields[name].value.trim();
      const answer = await call(`${this.path}/calibrations`, { method: "POST", body });
      byId("checks-outcome").textContent = t("On record: {what}", { what: answer.message });
      this.changed();
    });
  }
}
