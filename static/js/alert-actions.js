// What operators do with an event: acknowledge, note, take back, snooze, close; each asked for in a dialog.

import { ruleName } from "./alert-words.js";
import { call } from "./api.js";

const MORNING_H = 7;
const byId = (id) => document.getElementById(id);
const about = (event) => `${event.unit_id}: ${ruleName(event)}`;

// Opens a dialog; run does it, and what it refuses is told in the dialog, which then stays open.
function ask(dialog, run) {
  const form = dialog.querySelector("form");
  const outcome = dialog.querySelector(".outcome");
  const submit = dialog.querySelector("[type=submit]");
  form.reset();
  outcome.textContent = "";
  form.onsubmit = async (submitted) => {
    submitted.preventDefault();
    submit.disabled = true;
    try {
      await run(Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()])), () => dialog.close());
    } catch (error) {
      outcome.textContent = error.message;
    }
    submit.disabled = false;
  };
  dialog.querySelector("[data-cancel]").onclick = () => dialog.close();
  dialog.showModal();
}

export function nextMorning(now = new Date()) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, MORNING_H);
}

export function minutesOf(length, now = new Date()) {
  return length === "morning" ? Math.ceil((nextMorning(now) - now) / 60000) : Number(length);
}

export class Actions {
  // changed(event, sentence) and snoozed(sentence) are called when the service has said yes.
  constructor({ changed, snoozed, failed }) {
    this.tell = { changed, snoozed, failed };
  }

  begin(act, event) {
    if (act === "acknowledge") this.remark(event, "Acknowledge", "ack", "acknowledged");
    else if (act === "note") this.remark(event, "Add note", "note", "note added");
    else if (act === "close") this.close(event);
    else if (act === "snooze") this.snooze(event);
    else this.unacknowledge(event);
  }

  async post(event, verb, body) {
    return (await call(`/_alerts/events/${event.id}/${verb}`, { method: "POST", body })).event;
  }

  remark(event, title, verb, done) {
    const dialog = byId("remark-dialog");
    byId("remark-title").textContent = title;
    dialog.querySelector("[type=submit]").textContent = title;
    dialog.querySelector(".about").textContent = about(event);
    ask(dialog, async ({ note, cause }, finish) => {
      if (verb === "note" && !note && !cause) throw new Error("say something: a note or a cause");
      const changed = await this.post(event, verb, { note: note || undefined, cause: cause || undefined });
      finish();
      this.tell.changed(changed, `${about(event)}: ${done}.`);
    });
  }

  close(event) {
    const dialog = byId("close-dialog");
    dialog.querySelector(".about").textContent = about(event);
    ask(dialog, async ({ reason }, finish) => {
      const changed = await this.post(event, "close", { reason });
      finish();
      this.tell.changed(changed, `${about(event)}: closed.`);
    });
  }

  snooze(event) {
    const dialog = byId("snooze-dialog");
    byId("snooze-rule").textContent = `the rule ${ruleName(event)} of ${event.unit_id}`;
    byId("snooze-unit").textContent = `all of ${event.unit_id}`;
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    byId("until-morning").textContent = `until tomorrow 7:00 (${zone})`;
    const isRule = event.rule_id !== 0;
    const [rule, unit] = dialog.querySelectorAll("[name=what]");
    rule.disabled = !isRule;
    rule.closest("label").hidden = !isRule;
    ask(dialog, async ({ what, length, reason }, finish) => {
      const body = { minutes: minutesOf(length), reason, rule_id: what === "rule" ? event.rule_id : null };
      await call(`/${encodeURIComponent(event.unit_id)}/alerts/shelve`, { method: "POST", body });
      finish();
      this.tell.snoozed(`${what === "rule" ? about(event) : event.unit_id}: snoozed.`);
    });
    (isRule ? rule : unit).checked = true;
  }

  async unacknowledge(event) {
    try {
      this.tell.changed(await this.post(event, "unack"), `${about(event)}: acknowledgement taken back.`);
    } catch (error) {
      this.tell.failed(error.message);
    }
  }
}
