// How far a meter is from what is expected of it: which item, since when, and the two ways out: restore or accept.

import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element, table } from "./element.js";
import { drawSteps, follow } from "./operation.js";
import { settingName } from "./setting-words.js";
import { clock, path, tell } from "./unit-work.js";
import { number, t, tn } from "./words.js";

const byId = (id) => document.getElementById(id);

export class Drift {
  constructor() {
    this.expected = {};
    this.items = [];
    this.whenChanged = () => {};
    byId("drift-restore")?.addEventListener("click", () => this.restore());
    byId("drift-accept")?.addEventListener("click", () => this.accept());
  }

  async load() {
    try {
      const found = await call(`${path}/settings/drift`);
      this.expected = found.expected;
      this.draw(found, Object.fromEntries(found.drift.map((item) => [item.member, item])));
    } catch (error) {
      this.show("grey", t("not known"));
      tell(byId("drift-outcome"), t("What is expected could not be read: {why}", { why: error.message }), "bad");
    }
  }

  // What the meter has just said counts for more than what it said at its last measurement.
  compared(settings, changed) {
    for (const [member, [expected, now]] of Object.entries(changed)) {
      const known = this.items.find((item) => item.member === member && item.now === now);
      this.items = [...this.items.filter((item) => item.member !== member), known ?? { member, name: member, expected, now, since: null, right_at: null }];
    }
    this.items = this.items.filter((item) => item.member in changed || !(item.member in settings));
    this.drawItems(true);
  }

  show(kind, text) {
    byId("drift-state").dataset.kind = kind;
    byId("drift-state").textContent = text;
  }

  draw({ fingerprint_taken_at: takenAt }, byMember) {
    this.takenAt = takenAt;
    this.items = Object.values(byMember);
    this.drawItems(false);
  }

  drawItems(isFresh) {
    const restore = byId("drift-restore");
    if (restore) restore.hidden = this.items.length === 0;
    byId("drift-items").replaceChildren();
    if (!this.takenAt) {
      this.show("grey", t("nothing is expected yet"));
      byId("drift-note").textContent = t("When the meter is set as it should be, take its settings as expected: from then on a change at the meter is noticed and told here and in the diagnosis.");
      return;
    }
    const taken = clock.minute(this.takenAt);
    if (this.items.length === 0) {
      this.show(isFresh ? "live" : "grey", isFresh ? t("as expected") : t("no difference known"));
      byId("drift-note").textContent = isFresh ? t("Every setting is as it was taken {time}.", { time: taken }) : t("Expected since {time}. As far as the last measurement and the display tell, nothing differs.", { time: taken });
      return;
    }
    this.show("old", tn(this.items.length, "one setting differs", "{n} settings differ"));
    byId("drift-note").textContent = t("Expected since {time}. What differs changes what the figures mean.", { time: taken });
    const columns = [{ title: t("Setting") }, { title: t("Expected") }, { title: t("Now") }, { title: t("Since") }];
    byId("drift-items").replaceChildren(table(t("Settings that differ"), columns, this.items.map((item) => this.row(item))));
  }

  row({ member, expected, now, since, right_at: rightAt }) {
    const seen = since ? t("the measurement of {time}", { time: clock.minute(since) }) : t("found when the meter was asked");
    const right = rightAt ? element("span", { className: "period-time" }, t("still right at {time}", { time: clock.minute(rightAt) })) : null;
    return [settingName(member), expected, now, element("span", {}, seen, right)];
  }

  async restore() {
    const lines = this.items.map(({ member, expected, now }) => `${settingName(member)}: ${now} → ${expected}`);
    const isSure = await askFirst({ title: t("Restore what is expected?"), lines: [...lines, t("The meter must not be measuring. Each setting is read back.")], action: t("Restore") });
    if (!isSure) return;
    const settings = Object.fromEntries(this.items.map(({ member, expected }) => [member, expected]));
    await sendSettings(settings, byId("drift-outcome"));
    await this.load();
    this.whenChanged();
  }

  async accept() {
    const differing = this.items.map(({ member, now }) => `${settingName(member)}: ${now}`);
    const lines = [...differing, t("All settings are read from the meter, which takes half a minute, and count as the right ones from then on.")];
    const isSure = await askFirst({ title: t("Take the present settings as expected?"), lines, action: t("Take them") });
    if (!isSure) return;
    const since = Date.now();
    const button = byId("drift-accept");
    button.disabled = true;
    const waiting = () => tell(byId("drift-outcome"), t("reading the meter … {n} s", { n: number(Math.round((Date.now() - since) / 1000)) }));
    const ticking = setInterval(waiting, 1000);
    waiting();
    try {
      await call(`${path}/settings/fingerprint`, { method: "PUT" });
      await this.load();
      tell(byId("drift-outcome"), t("Taken: the present settings count as the right ones."), "good");
    } catch (error) {
      tell(byId("drift-outcome"), t("Nothing was taken: {why}", { why: error.message }), "bad");
    }
    clearInterval(ticking);
    button.disabled = false;
    this.whenChanged();
  }
}

// Brings settings to the meter step by step; gives the result, or null when nothing could be done.
export async function sendSettings(settings, outcome) {
  const steps = byId("settings-steps");
  tell(outcome, t("sent; waiting for the meter …"));
  try {
    const { operation } = await call(`${path}/settings/apply?wait=false`, { method: "POST", body: { settings } });
    steps.hidden = false;
    const ended = await follow(path, operation, (each) => {
      drawSteps(steps, each);
      tell(outcome, t("{done} of {all} settings; waiting for the meter …", { done: number(each.done), all: number(Object.keys(settings).length) }));
    });
    if (ended.state !== "done") throw new Error(ended.error);
    const { changed, unchanged, failed } = ended.result;
    const failures = Object.entries(failed).map(([member, why]) => `${settingName(member)}: ${why}`);
    const counts = t("The meter confirmed {n} changes; {same} were so already.", { n: number(Object.keys(changed).length), same: number(unchanged.length) });
    if (failures.length) tell(outcome, `${counts} ${t("These failed: {list}", { list: failures.join("; ") })}`, "bad");
    else tell(outcome, counts, "good");
    return ended.result;
  } catch (error) {
    tell(outcome, t("The settings were not sent: {why}", { why: error.message }), "bad");
    return null;
  }
}
