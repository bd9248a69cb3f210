// A remark about a moment or a span, or an exclusion from the judged figures; for those who may.

import { call } from "./api.js";
import { isoTime } from "./chart-plan.js";
import { t } from "./words.js";

const byId = (id) => document.getElementById(id);

export class RemarkDialog {
  // clock is the ZoneClock of the place; onMade() after one was put on record.
  constructor(unitId, clock, onMade) {
    this.path = `/${encodeURIComponent(unitId)}/remarks`;
    this.clock = clock;
    this.onMade = onMade;
    this.dialog = byId("remark-dialog"); // only for operators
    this.form = this.dialog?.querySelector("form");
    this.form?.addEventListener("submit", (event) => this.submit(event));
    byId("remark-cancel")?.addEventListener("click", () => this.dialog.close());
  }

  // About a span, or a moment when both ends are the same.
  open([startS, endS]) {
    if (!this.dialog) return;
    const { elements } = this.form;
    this.outcome("");
    elements.text.value = "";
    elements.excludes.checked = endS > startS && elements.excludes.checked;
    elements.starts_at.value = localText(startS, this.clock.zone);
    elements.ends_at.value = localText(endS, this.clock.zone);
    this.dialog.showModal();
    elements.text.focus();
  }

  outcome(text) {
    byId("remark-outcome").textContent = text;
  }

  async submit(event) {
    event.preventDefault();
    const { elements } = this.form;
    const [startS, endS] = ["starts_at", "ends_at"].map((name) => fromLocal(elements[name].value, this.clock.zone));
    if (Number.isNaN(startS) || Number.isNaN(endS)) return this.outcome(t("Begin and end: a day and a time are needed."));
    const isMoment = startS === endS;
    const when = isMoment ? { at: isoTime(startS) } : { starts_at: isoTime(startS), ends_at: isoTime(endS) };
    const body = { ...when, reason: elements.reason.value, excludes: elements.excludes.checked, text: elements.text.value.trim() };
    try {
      await call(this.path, { method: "POST", body });
    } catch (error) {
      return this.outcome(error.message);
    }
    this.dialog.close();
    this.onMade(body.excludes ? t("Excluded, and on record with your name.") : t("The remark is on record with your name."));
  }
}

// "2026-11-21T14:05:07" on the clock of a zone, as a field for day and time wants it.
export function localText(seconds, zone) {
  const format = new Intl.DateTimeFormat("sv", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  return format.format(seconds * 1000).replace(" ", "T");
}

// The way back. Of an hour that comes twice it is the first; in one that is left out, the clock after it.
export function fromLocal(text, zone) {
  const wall = Date.parse(`${text}Z`) / 1000;
  if (Number.isNaN(wall)) return NaN;
  const offsetAt = (seconds) => Date.parse(`${localText(seconds, zone)}Z`) / 1000 - seconds;
  const around = [wall - 86400, wall + 86400].map(offsetAt);
  const fitting = around.map((offset) => wall - offset).filter((seconds) => offsetAt(seconds) === wall - seconds);
  return fitting.length ? Math.min(...fitting) : wall - Math.min(...around);
}
