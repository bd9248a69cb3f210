// What keeps people from being told: what is snoozed, and channels that fail. For operators only.

import { call } from "./api.js";
import { t } from "./words.js";

const HEALTH = {
  failing: (values) => t("Channel {name} fails; messages wait and are tried again {since}: {error}", values),
  paused: (values) => t("Channel {name} has stopped by itself; a change of its settings starts it again {since}: {error}", values),
  broken: (values) => t("Channel {name} cannot be used with its settings {since}: {error}", values),
};

export class Snoozes {
  constructor({ clockOf, ended }) {
    this.box = document.getElementById("snoozed-box");
    this.list = document.getElementById("snoozed");
    this.clockOf = clockOf;
    this.ended = ended;
    this.names = new Map();
  }

  async load() {
    if (!this.box) return;
    try {
      const { shelves } = await call("/_alerts/shelves");
      await Promise.all(shelves.map((shelf) => this.nameOf(shelf)));
      this.show(shelves);
    } catch {
      /* the page itself tells that the service does not answer; the list is loaded anew with the next change */
    }
  }

  async nameOf({ unit_id: unitId, rule_id: ruleId }) {
    if (ruleId === null || this.names.has(ruleId)) return;
    try {
      this.names.set(ruleId, (await call(`/${encodeURIComponent(unitId)}/alerts/rules/${ruleId}`)).rule.name);
    } catch {
      this.names.set(ruleId, t("{number} (no longer there)", { number: ruleId }));
    }
  }

  show(shelves) {
    const shown = JSON.stringify(shelves);
    document.getElementById("snoozed-empty").hidden = shelves.length > 0;
    if (shown === this.shown) return;
    this.shown = shown;
    this.list.replaceChildren(...shelves.map((shelf) => this.entry(shelf)));
  }

  entry(shelf) {
    const item = document.getElementById("snooze-entry").content.firstElementChild.cloneNode(true);
    const clock = this.clockOf(shelf.unit_id);
    const what =
      shelf.rule_id === null ? t("all of {unit}", { unit: shelf.unit_id }) : t("{unit}, rule {rule}", { unit: shelf.unit_id, rule: this.names.get(shelf.rule_id) });
    item.querySelector(".snooze-what").textContent = what;
    const values = { time: `${clock.minute(shelf.until)} ${clock.zone}`, name: shelf.created_by };
    item.querySelector(".snooze-when").textContent = shelf.one_shot
      ? t("until {time} or the next return to normal, by {name}", values)
      : t("until {time}, by {name}", values);
    item.querySelector(".event-note").textContent = shelf.reason;
    const button = item.querySelector("[data-end]");
    button.setAttribute("aria-label", `${button.textContent}: ${what}`);
    button.addEventListener("click", () => this.end(shelf, what, button));
    return item;
  }

  async end(shelf, what, button) {
    button.disabled = true;
    try {
      await call(`/_alerts/shelves/${shelf.id}`, { method: "DELETE" });
      await this.load();
      document.getElementById("snoozed-title").focus();
      this.ended(t("{what}: no longer snoozed.", { what }));
    } catch (error) {
      button.disabled = false;
      this.ended(error.message);
    }
  }
}

export async function showChannels(clock) {
  const box = document.getElementById("channels");
  if (!box) return;
  let channels;
  try {
    ({ channels } = await call("/_alerts/channels"));
  } catch {
    return; // told by the page itself
  }
  const failing = channels.filter(({ health }) => health in HEALTH);
  box.hidden = failing.length === 0;
  const lines = failing.map((channel) => {
    const item = document.createElement("li");
    const since = channel.failing_since ? t("since {time}", { time: `${clock.moment(channel.failing_since)} ${clock.zone}` }) : "";
    item.textContent = HEALTH[channel.health]({ name: channel.name, since, error: channel.last_error ?? t("no reason is known") }).replace(" :", ":");
    return item;
  });
  document.getElementById("channel-list").replaceChildren(...lines);
}
