// The link "Alerts" in the head of the page: how many open events nobody has acknowledged, also in the page's title.
// What begins is read aloud; everything else changes the page silently.

import { announcement } from "./alert-words.js";
import { call } from "./api.js";
import { number as written, t } from "./words.js";

const EVERY_MS = 60000; // a page that follows one unit hears nothing of the others
const SOON_MS = 150;
const MOST_SPOKEN = 5;

export class AlertBadge {
  constructor() {
    this.badge = document.getElementById("alert-badge"); // only for those who may see alerts
    this.place = document.getElementById("announcements");
    this.title = document.title;
    this.told = new Set();
    if (!this.badge) return;
    this.ready = this.refresh();
    setInterval(() => this.refresh(), EVERY_MS);
  }

  async refresh() {
    if (!this.badge) return;
    // What began before this moment, by the server's clock, is on the page already and is not read aloud.
    const clock = { heard: (serverMs) => (this.sinceMs ??= serverMs) };
    try {
      this.show(await call("/_alerts/summary", { clock }));
    } catch {
      /* the page itself tells that the service does not answer */
    }
  }

  show({ unacknowledged, red }) {
    this.badge.hidden = unacknowledged === 0;
    this.badge.dataset.severity = red ? "red" : "amber";
    const number = written(unacknowledged);
    const words = ` ${red ? t("not acknowledged, {red} red", { red: written(red) }) : t("not acknowledged")}`;
    if (this.badge.textContent !== number + words) {
      const spoken = document.createElement("span");
      spoken.className = "unseen";
      spoken.textContent = words;
      this.badge.replaceChildren(number, spoken);
    }
    document.title = unacknowledged ? `(${number}) ${this.title}` : this.title;
  }

  // An alert event of the stream the page follows anyhow.
  async hear(payload) {
    if (!this.badge) return;
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.refresh(), SOON_MS);
    await this.ready;
    const key = `${payload.event.uid} ${payload.change} ${payload.timestamp}`;
    const words = announcement(payload);
    if (!words || this.told.has(key) || Date.parse(payload.timestamp) < this.sinceMs) return;
    this.told.add(key);
    const line = document.createElement("p");
    line.textContent = words;
    this.place.append(line);
    while (this.place.childElementCount > MOST_SPOKEN) this.place.firstElementChild.remove();
  }
}
