// What keeps people from being told: what is snoozed, and channels that fail. For operators only.

import { call } from "./api.js";

const HEALTH = {
  failing: "fails; messages wait and are tried again",
  paused: "has stopped by itself; a change of its settings starts it again",
  broken: "cannot be used with its settings",
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
      this.names.set(ruleId, `${ruleId} (no longer there)`);
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
    const what = shelf.rule_id === null ? `all of ${shelf.unit_id}` : `${shelf.unit_id}, rule ${this.names.get(shelf.rule_id)}`;
    item.querySelector(".snooze-what").textContent = what;
    const once = shelf.one_shot ? " or the next return to normal" : "";
    item.querySelector(".snooze-when").textContent = `until ${clock.minute(shelf.until)} ${clock.zone}${once}, by ${shelf.created_by}`;
    item.querySelector(".event-note").textContent = shelf.reason;
    const button = item.querySelector("[data-end]");
    button.setAttribute("aria-label", `End now: ${what}`);
    button.addEventListener("click", () => this.end(shelf, what, button));
    return item;
  }

  async end(shelf, what, button) {
    button.disabled = true;
    try {
      await call(`/_alerts/shelves/${shelf.id}`, { method: "DELETE" });
      await this.load();
      document.getElementById("snoozed-title").focus();
      this.ended(`${what}: no longer snoozed.`);
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
    const since = channel.failing_since ? ` since ${clock.moment(channel.failing_since)} ${clock.zone}` : "";
    item.textContent = `Channel ${channel.name} ${HEALTH[channel.health]}${since}: ${channel.last_error ?? "no reason is known"}`;
    return item;
  });
  document.getElementById("channel-list").replaceChildren(...lines);
}
