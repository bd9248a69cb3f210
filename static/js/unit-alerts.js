// The open alerts of one unit, in a strip under the verdict.

import { byUrgency, isOpen, period, ruleName, sentence, severity, state } from "./alert-words.js";
import { call } from "./api.js";

export class UnitAlerts {
  // clock is the ZoneClock of the place.
  constructor(unitId, now, clock) {
    this.path = `/${encodeURIComponent(unitId)}/alerts/events?state=open`;
    this.now = now;
    this.strip = document.getElementById("unit-alerts"); // only for those who may see alerts
    this.list = document.getElementById("unit-alert-list");
    this.events = new Map();
    this.heard = new Map(); // since the last list was asked for, which may be older than they are
    this.clock = clock;
  }

  async load() {
    if (!this.strip) return;
    const heard = (this.heard = new Map());
    const { events } = await call(this.path);
    this.events = new Map(events.map((event) => [event.id, event]));
    for (const event of heard.values()) this.take(event);
    this.draw();
  }

  hear({ event }) {
    if (!this.strip) return;
    this.heard.set(event.id, event);
    this.take(event);
    this.draw();
  }

  take(event) {
    if (isOpen(event)) this.events.set(event.id, event);
    else this.events.delete(event.id);
  }

  draw() {
    const open = [...this.events.values()].sort(byUrgency);
    this.strip.hidden = open.length === 0;
    this.strip.dataset.severity = open[0]?.severity ?? "";
    this.list.replaceChildren(...open.map((event) => this.entry(event)));
    this.tick();
  }

  entry(event) {
    const item = document.createElement("li");
    const mark = Object.assign(document.createElement("span"), { className: "severity", textContent: severity(event) });
    mark.dataset.severity = event.severity;
    const what = document.createElement("span");
    what.textContent = ` ${ruleName(event)}: ${sentence(event)}, ${state(event).text} `;
    const since = Object.assign(document.createElement("span"), { className: "event-when" });
    since.dataset.eventId = event.id;
    item.append(mark, what, since);
    return item;
  }

  // How long it has lasted.
  tick() {
    for (const since of this.list?.querySelectorAll("[data-event-id]") ?? []) {
      const text = period(this.events.get(Number(since.dataset.eventId)), this.clock, this.now());
      if (since.textContent !== text) since.textContent = text;
    }
  }
}
