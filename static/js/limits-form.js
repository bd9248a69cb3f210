// The form of a limit: a document into fields and back. Members that have no field stay as they were.

import { clearErrors } from "./field-errors.js";
import { JsonField, read, write } from "./limits-fields.js";
import { DAYS, dayName, judging, sentences } from "./limits-words.js";
import { element } from "./element.js";
import { t } from "./words.js";

export const PLAIN = {
  name: "",
  quantity: "laeq",
  period: { kind: "fixed", length: "15min" },
  rows: [{ days: [...DAYS], from: "07:00", until: "20:00", level_db: null }],
  comparator: ">",
  round_to_db: 0.1,
  amber_offset_db: 3,
  least_coverage: 0.75,
};
const TOP = ["name", "quantity", "percent", "holiday_calendar", "comparator", "round_to_db", "amber_offset_db", "least_coverage"];
const LENGTHLESS = "whole";

// A period of kind and length; a whole one has none, and may carry what the law calls it.
function periodOf(kind, length, before) {
  if (kind === LENGTHLESS) return before?.kind === LENGTHLESS ? before : { kind };
  return { kind, length };
}

export class LimitForm {
  constructor(form) {
    this.form = form;
    this.rows = form.querySelector("#limit-rows");
    this.corrections = form.querySelector("#limit-corrections");
    this.base = PLAIN;
    this.field = (name) => form.querySelector(`[data-field="${name}"]`);
    this.json = new JsonField(form.querySelector("#limit-json"), {
      make: () => this.document(),
      take: (document) => this.fill(document),
    });
    form.querySelector("#add-row").addEventListener("click", () => this.addRow());
    form.querySelector("#add-correction").addEventListener("click", () => {
      this.addCorrection({});
      this.changed();
    });
    form.addEventListener("input", () => this.changed());
  }

  fill(document) {
    this.base = { ...PLAIN, ...document };
    for (const name of TOP) write(this.field(name), this.base[name]);
    write(this.field("period.kind"), this.base.period?.kind);
    write(this.field("period.length"), this.base.period?.length);
    this.rows.replaceChildren();
    for (const row of this.base.rows ?? []) this.appendRow(row);
    this.corrections.replaceChildren();
    for (const correction of this.base.corrections ?? []) this.addCorrection(correction);
    clearErrors(this.form);
    this.changed();
  }

  // A further row is like the one before it: mostly only hours and level differ.
  addRow() {
    const last = this.document().rows.at(-1) ?? PLAIN.rows[0];
    this.appendRow({ ...last, name: null, from: last.until, until: last.from });
    this.changed();
    this.rows.lastElementChild.querySelector("input").focus();
  }

  appendRow(row) {
    const made = document.getElementById("limit-row").content.firstElementChild.cloneNode(true);
    made.base = row;
    const days = made.querySelector(".days");
    for (const [at, day] of DAYS.entries()) {
      const box = element("input", { type: "checkbox", checked: (row.days ?? DAYS).includes(day), value: day });
      days.append(element("label", { className: "choice" }, box, dayName(at)));
    }
    for (const field of made.querySelectorAll("[data-member]")) write(field, row[field.dataset.member]);
    write(made.querySelector("[data-part=kind]"), row.period?.kind ?? "");
    write(made.querySelector("[data-part=length]"), row.period?.length);
    made.querySelector("[data-remove]").addEventListener("click", () => {
      made.remove();
      this.changed();
      this.form.querySelector("#add-row").focus();
    });
    this.rows.append(made);
  }

  addCorrection(correction) {
    const made = document.getElementById("limit-correction").content.firstElementChild.cloneNode(true);
    for (const field of made.querySelectorAll("[data-member]")) write(field, correction[field.dataset.member]);
    made.querySelector("[data-remove]").addEventListener("click", () => {
      made.remove();
      this.changed();
    });
    this.corrections.append(made);
  }

  rowOf(box) {
    const row = { ...box.base, days: [...box.querySelectorAll(".days input:checked")].map(({ value }) => value) };
    for (const field of box.querySelectorAll("[data-member]")) row[field.dataset.member] = read(field);
    if (row.level_db !== null) row.background_db = row.over_background_db = null;
    const kind = box.querySelector("[data-part=kind]").value;
    row.period = kind ? periodOf(kind, read(box.querySelector("[data-part=length]")), box.base.period) : null;
    return row;
  }

  document() {
    const made = { ...this.base };
    for (const name of TOP) made[name] = read(this.field(name));
    made.round_to_db = Number(made.round_to_db);
    if (made.quantity !== "ln") made.percent = null;
    made.period = periodOf(read(this.field("period.kind")), read(this.field("period.length")), this.base.period);
    made.rows = [...this.rows.children].map((box) => this.rowOf(box));
    made.corrections = [...this.corrections.children].map((box) =>
      Object.fromEntries([...box.querySelectorAll("[data-member]")].map((field) => [field.dataset.member, read(field)])),
    );
    return made;
  }

  // After every stroke: what cannot be meant is not offered, and the words below follow.
  changed() {
    const { form } = this;
    form.querySelector("#limit-percent").hidden = this.field("quantity").value !== "ln";
    form.querySelector("#limit-length").hidden = this.field("period.kind").value === LENGTHLESS;
    for (const [at, box] of [...this.rows.children].entries()) {
      box.dataset.field = `rows.${at}`;
      box.querySelector("legend").textContent = t("Hours {number}", { number: at + 1 });
      for (const field of box.querySelectorAll("[data-member]")) field.dataset.field = `rows.${at}.${field.dataset.member}`;
      const kind = box.querySelector("[data-part=kind]");
      kind.dataset.field = `rows.${at}.period.kind`;
      const length = box.querySelector("[data-part=length]");
      length.dataset.field = `rows.${at}.period.length`;
      length.closest("label").hidden = !kind.value || kind.value === LENGTHLESS;
      box.querySelector("[data-remove]").hidden = this.rows.children.length === 1;
    }
    for (const [at, box] of [...this.corrections.children].entries()) {
      for (const field of box.querySelectorAll("[data-member]")) field.dataset.field = `corrections.${at}.${field.dataset.member}`;
    }
    const made = this.document();
    form.querySelector("#limit-words").replaceChildren(...sentences(made).map((text) => element("li", {}, text)));
    form.querySelector("#limit-judging").textContent = judging(made);
  }
}
