// The form of an alert rule: what is watched, when it fires, whom it tells.

import { labels } from "./format.js";
import { clearErrors } from "./field-errors.js";
import { JsonField, read, write } from "./limits-fields.js";
import { DAYS, dayName } from "./limits-words.js";
import { element } from "./element.js";
import { t } from "./words.js";

const METRICS = ["lp", "laeq_rolling", "leq", "lmax", "lmin", "lpeak", "le", "ln1", "ln2", "ln3", "ln4", "ln5", "lieq", "leq_mov", "ltm5"];
const OWN_NAMES = { laeq_rolling: "LAeq", lieq: "LAIeq", leq_mov: "Leq,mov", ltm5: "LTm5" };
const LIMIT = "limit:";
const LISTS = ["channels", "escalation_channels"];
const SAME = { ">": "above", "<": "below" };
const NEVER = ["id", "unit_id", "version", "created_at", "words", "level_name", "interval_s", "advice", "state"]; // told, not taken

export const PLAIN_RULE = {
  name: "",
  metric: "lp",
  comparison: "above",
  threshold_db: null,
  severity: "amber",
  duration_s: 3,
  clear_margin_db: 2,
  cooldown_s: 300,
  window_s: 900,
  on_no_data: "freeze",
  channels: "log",
};

// What can be asked of a rule is what was told of it without what the service alone knows.
export const changeable = (rule) => Object.fromEntries(Object.entries(rule).filter(([name]) => !NEVER.includes(name)));

function metricName(name, weightings) {
  const [symbol, subscript] = labels(weightings)[name] ?? ["", OWN_NAMES[name]];
  const label = symbol + subscript;
  if (name === "laeq_rolling") return t("{label}: mean of the last minutes, rolling", { label });
  if (name === "lp") return t("{label}: the level now", { label });
  if (name === "leq") return t("{label}: mean since the start of the measurement", { label });
  return label;
}

export class RuleForm {
  constructor(form) {
    this.form = form;
    this.base = PLAIN_RULE;
    this.fields = [...form.querySelectorAll("[data-field]")].filter((field) => field.matches("input, select"));
    this.watched = form.querySelector("[name=watched]");
    this.days = form.querySelector(".days");
    for (const [at] of DAYS.entries()) {
      const box = element("input", { type: "checkbox", value: String(at) });
      this.days.append(element("label", { className: "choice" }, box, dayName(at)));
    }
    this.json = new JsonField(form.querySelector("#rule-json"), { make: () => this.rule(), take: (rule) => this.fill(changeable(rule)) });
    form.addEventListener("input", () => this.changed());
  }

  // What can be watched, and through what people can be told.
  offer({ weightings, limits, channels }) {
    const levels = METRICS.map((name) => new Option(metricName(name, weightings), name));
    const kept = limits.map((limit) => new Option(`${limit.name} (${limit.labels.join(" / ")})`, `${LIMIT}${limit.id}`));
    const group = (label, options) => element("optgroup", { label }, options);
    this.watched.replaceChildren(...(kept.length ? [group(t("Limits"), kept)] : []), group(t("Levels"), levels));
    const all = channels.some(({ name }) => name === "log") ? channels : [{ name: "log", kind: "log" }, ...channels];
    for (const name of LISTS) {
      const boxes = all.map(({ name: channel, kind }) => {
        const box = element("input", { type: "checkbox", value: channel });
        return element("label", { className: "choice" }, box, channel === kind ? channel : `${channel} (${kind})`);
      });
      this.form.querySelector(`[data-list=${name}]`).replaceChildren(...boxes);
    }
  }

  fill(rule) {
    this.base = { ...PLAIN_RULE, ...rule, comparison: SAME[rule.comparison] ?? rule.comparison ?? "above" };
    for (const field of this.fields) write(field, this.base[field.dataset.field]);
    this.watched.value = this.base.limit_id == null ? this.base.metric : `${LIMIT}${this.base.limit_id}`;
    const days = this.base.schedule_days?.split(",") ?? DAYS.map((_, at) => String(at));
    for (const box of this.days.querySelectorAll("input")) box.checked = days.includes(box.value);
    for (const name of LISTS) {
      const chosen = (this.base[name] ?? "").split(",");
      for (const box of this.form.querySelectorAll(`[data-list=${name}] input`)) box.checked = chosen.includes(box.value);
    }
    clearErrors(this.form);
    this.changed();
  }

  get limitId() {
    return this.watched.value.startsWith(LIMIT) ? Number(this.watched.value.slice(LIMIT.length)) : null;
  }

  rule() {
    const made = { ...this.base };
    for (const field of this.fields) made[field.dataset.field] = read(field);
    made.limit_id = this.limitId;
    if (made.limit_id === null) {
      made.metric = this.watched.value;
      made.limit_warns = false;
    } else {
      delete made.metric; // the limit's, like thresholds and hours
      for (const name of ["threshold_db", "red_threshold_db", "schedule_start", "schedule_end", "schedule_days"]) delete made[name];
    }
    const days = [...this.days.querySelectorAll("input:checked")].map(({ value }) => value);
    if (made.limit_id === null) made.schedule_days = days.length === 7 || days.length === 0 ? null : days.join();
    for (const name of LISTS) {
      const chosen = [...this.form.querySelectorAll(`[data-list=${name}] input:checked`)].map(({ value }) => value);
      made[name] = chosen.join() || (name === "channels" ? "" : null);
    }
    return made;
  }

  changed() {
    const isLimit = this.limitId !== null;
    for (const part of this.form.querySelectorAll("[data-of=level]")) part.hidden = isLimit;
    for (const part of this.form.querySelectorAll("[data-of=limit]")) part.hidden = !isLimit;
    for (const part of this.form.querySelectorAll("[data-of=rolling]")) part.hidden = this.watched.value !== "laeq_rolling";
  }
}
