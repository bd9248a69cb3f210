// What operators do with an event: acknowledge, note, take back, snooze, close; each asked for in a dialog.

import { ruleName } from "./alert-words.js";
import { call } from "./api.js";
import { dateOf, instant } from "./history-span.js";
import { t, tn } from "./words.js";

const MORNING = "07:00";
const DAY_MS = 86400000;
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

// Seven o'clock of the next day on the site, in ms.
export function nextMorning(zone, nowMs = Date.now()) {
  const noon = Date.parse(`${dateOf(nowMs, zone)}T12:00:00Z`);
  return instant(`${new Date(noon + DAY_MS).toISOString().slice(0, 10)}T${MORNING}`, zone);
}

export function minutesOf(length, zone, nowMs = Date.now()) {
  return length === "morning" ? Math.ceil((nextMorning(zone, nowMs) - nowMs) / 60000) : Number(length);
}

export class Actions {
  // changed(event, sentence) and snoozed(sentence) are called when the service has said yes; others(event) are what
  // nobody has acknowledged of the same incident; zoneOf(unit) is that of its site.
  constructor({ changed, snoozed, failed, others, zoneOf }) {
    this.tell = { changed, snoozed, failed };
    this.others = others;
    this.zoneOf = zoneOf;
  }

  begin(act, event) {
    if (act === "acknowledge") this.remark(event, t("Acknowledge"), "ack");
    else if (act === "note") this.remark(event, t("Add note"), "note");
    else if (act === "close") this.close(event);
    else if (act === "snooze") this.snooze(event);
    else this.unacknowledge(event);
  }

  async post(event, verb, body) {
    return (await call(`/_alerts/events/${event.id}/${verb}`, { method: "POST", body })).event;
  }

  remark(event, title, verb) {
    const dialog = byId("remark-dialog");
    byId("remark-title").textContent = title;
    dialog.querySelector("[type=submit]").textContent = title;
    dialog.querySelector(".about").textContent = about(event);
    const others = verb === "ack" ? this.others(event) : [];
    byId("others").hidden = others.length === 0;
    byId("others-text").textContent = tn(others.length, "and the other alert of the same incident", "and the {n} other alerts of the same incident");
    ask(dialog, async ({ note, cause, all }, finish) => {
      if (verb === "note" && !note && !cause) throw new Error(t("say something: a note or a cause"));
      const body = { note: note || undefined, cause: cause || undefined };
      for (const other of all ? others : []) this.tell.changed(await this.post(other, verb, body), "");
      const changed = await this.post(event, verb, body);
      finish();
      this.tell.changed(changed, verb === "ack" ? t("{what}: acknowledged.", { what: about(event) }) : t("{what}: note added.", { what: about(event) }));
    });
    byId("others").querySelector("input").checked = others.length > 0;
  }

  close(event) {
    const dialog = byId("close-dialog");
    dialog.querySelector(".about").textContent = about(event);
    ask(dialog, async ({ reason }, finish) => {
      const changed = await this.post(event, "close", { reason });
      finish();
      this.tell.changed(changed, t("{what}: closed.", { what: about(event) }));
    });
  }

  snooze(event) {
    const dialog = byId("snooze-dialog");
    const zone = this.zoneOf(event.unit_id);
    byId("snooze-rule").textContent = t("the rule {rule} of {unit}", { rule: ruleName(event), unit: event.unit_id });
    byId("snooze-unit").textContent = t("all of {unit}", { unit: event.unit_id });
    byId("until-morning").textContent = t("until tomorrow 7:00 ({zone})", { zone });
    const isRule = event.rule_id !== 0;
    const [rule, unit] = dialog.querySelectorAll("[name=what]");
    rule.disabled = !isRule;
    rule.closest("label").hidden = !isRule;
    ask(dialog, async ({ what, length, reason }, finish) => {
      const body = { minutes: minutesOf(length, zone), reason, rule_id: what === "rule" ? event.rule_id : null };
      await call(`/${encodeURIComponent(event.unit_id)}/alerts/shelve`, { method: "POST", body });
      finish();
      this.tell.snoozed(t("{what}: snoozed.", { what: what === "rule" ? about(event) : event.unit_id }));
    });
    (isRule ? rule : unit).checked = true;
  }

  async unacknowledge(event) {
    try {
      this.tell.changed(await this.post(event, "unack"), t("{what}: acknowledgement taken back.", { what: about(event) }));
    } catch (error) {
      this.tell.failed(error.message);
    }
  }
}
