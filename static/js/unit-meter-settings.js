// The settings of a meter as it says them, what would be sent to it, and templates.

import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element } from "./element.js";
import { follow } from "./operation.js";
import { couldNotBeRead, isSame, settingName } from "./setting-words.js";
import { sendSettings } from "./unit-drift.js";
import { clock, may, path, tell } from "./unit-work.js";
import { number, t, tn } from "./words.js";

const CHANGING = new Set(["settings", "apply-settings", "fingerprint", "start-cycle"]);
const FRESH_MS = 600000;
const byId = (id) => document.getElementById(id);

export class MeterSettings {
  constructor(whenRead) {
    this.whenRead = whenRead;
    this.now = {};
    this.fields = new Map();
    this.templates = [];
    byId("read-settings").addEventListener("click", () => this.read());
    byId("apply")?.addEventListener("click", () => this.apply());
    byId("template")?.addEventListener("change", () => this.choose());
    byId("template-keep")?.addEventListener("click", () => this.keep());
    byId("template-forget")?.addEventListener("click", () => this.forget());
  }

  async begin() {
    await this.loadTemplates();
    this.draw();
    await this.readUnlessKnown();
  }

  // Reading takes the meter a command a setting, and nothing else long can begin meanwhile: what it said a moment ago
  // will do, unless somebody has set something since.
  async readUnlessKnown() {
    const { operations } = await call(`${path}/operations`).catch(() => ({ operations: [] }));
    const last = operations.find((each) => CHANGING.has(each.kind));
    const isFresh = last?.kind === "settings" && last.state === "done" && Date.now() - Date.parse(last.ended_at) < FRESH_MS;
    if (isFresh) this.take(last);
    else await this.read(last?.kind === "settings" && last.state === "running" ? last : null);
  }

  async loadTemplates(chosen = "") {
    try {
      const { templates, settable } = await call("/_settings/templates");
      Object.assign(this, { templates, settable });
    } catch (error) {
      this.settable ??= [];
      tell(byId("settings-outcome"), t("The templates could not be read: {why}", { why: error.message }), "bad");
    }
    const select = byId("template");
    if (!select) return;
    const group = (label, origin) => {
      const options = this.templates.filter((each) => each.origin === origin).map((each) => new Option(each.name, each.id));
      return options.length ? element("optgroup", { label }, options) : null;
    };
    select.replaceChildren(...[new Option(t("none"), ""), group(t("that come with the program"), "shipped"), group(t("your own"), "saved")].filter(Boolean));
    select.value = chosen;
    this.choose();
  }

  get template() {
    return this.templates.find((each) => each.id === byId("template")?.value);
  }

  async read(underWay = null) {
    const outcome = byId("settings-outcome");
    const bar = byId("settings-progress");
    byId("read-settings").disabled = true;
    tell(outcome, t("asking the meter, one setting after the other …"));
    try {
      const operation = underWay ?? (await call(`${path}/settings?wait=false`)).operation;
      bar.hidden = false;
      const ended = await follow(path, operation, (each) => {
        Object.assign(bar, { max: each.total ?? 1, value: each.done });
        tell(outcome, t("read {done} of {all} settings …", { done: number(each.done), all: number(each.total ?? 0) }));
      });
      if (ended.state !== "done") throw new Error(ended.error);
      this.take(ended);
    } catch (error) {
      tell(outcome, t("The settings could not be read: {why}", { why: error.message }), "bad");
    }
    bar.hidden = true;
    byId("read-settings").disabled = false;
    this.draw();
  }

  take({ result, ended_at: at }) {
    this.now = result.settings;
    const failed = Object.values(this.now).filter(couldNotBeRead).length;
    const words = t("As the meter said at {time}.", { time: clock.time(at) });
    tell(byId("settings-outcome"), failed ? `${words} ${tn(failed, "One setting could not be read.", "{n} settings could not be read.")}` : words, failed ? "bad" : "");
    this.draw();
    this.whenRead(this.now, result.changed);
  }

  draw() {
    if (!this.settable?.length) return;
    const head = [t("Setting"), t("At the meter"), ...(may("operator") ? [t("To be sent")] : [])];
    const heads = element("tr", {}, head.map((title) => element("th", { scope: "col" }, title)));
    const others = Object.keys(this.now).filter((member) => !this.settable.some((each) => each.member === member));
    const rows = [...this.settable.map((each) => this.row(each)), ...others.map((member) => this.row({ member, name: "" }))];
    const made = element("table", { className: "data settings-table" }, element("thead", {}, heads), element("tbody", {}, rows));
    byId("settings-table").replaceChildren(element("div", { className: "table-box", tabIndex: 0, role: "region", "aria-label": t("Table of settings") }, made));
    this.mark();
  }

  row({ member, name, choices }) {
    const value = this.now[member];
    const shown = value === undefined ? t("not read yet") : couldNotBeRead(value) ? t("could not be read: {why}", { why: value.replace(/^Error:? ?/, "") }) : value;
    const title = element("th", { scope: "row" }, settingName(member), name ? element("span", { className: "wire-name" }, name) : null);
    const cells = [title, element("td", {}, shown)];
    if (may("operator")) cells.push(element("td", {}, choices ? this.field(member, choices) : "–"));
    return element("tr", { dataset: { member } }, cells);
  }

  // Kept over redraws: what somebody has chosen is not lost when the meter is read again.
  field(member, choices) {
    if (!this.fields.has(member)) {
      const label = { "aria-label": t("{setting}, to be sent", { setting: settingName(member) }) };
      const field = choices.length ? element("select", label) : element("input", { ...label, type: "number", min: 0.1, max: 99.9, step: 0.1, placeholder: t("as it is") });
      if (choices.length) field.append(new Option(t("as it is"), ""), ...choices.map((choice) => new Option(choice, choice)));
      field.addEventListener("input", () => this.mark());
      this.fields.set(member, field);
    }
    return this.fields.get(member);
  }

  // What would be sent: chosen, and not so already as far as the meter has said.
  get wanted() {
    const found = [...this.fields].filter(([member, field]) => field.value !== "" && !isSame(this.now[member], field.value));
    return Object.fromEntries(found.map(([member, field]) => [member, field.value]));
  }

  mark() {
    const { wanted } = this;
    const count = Object.keys(wanted).length;
    for (const row of byId("settings-table").querySelectorAll("tr[data-member]")) row.classList.toggle("differs", row.dataset.member in wanted);
    const apply = byId("apply");
    if (!apply) return;
    const isMeasuring = this.now.measurement_state === "Start";
    apply.disabled = count === 0 || isMeasuring;
    const none = this.template ? t("The meter is set as the template says.") : t("Choose a template, or new values in the last column.");
    const some = tn(count, "One setting would be changed; it is marked.", "{n} settings would be changed; they are marked.");
    byId("changes-note").textContent = isMeasuring && count ? `${some} ${t("The meter measures and would refuse: stop it first.")}` : count ? some : none;
  }

  choose() {
    const { template } = this;
    byId("template-note").hidden = !template;
    byId("template-note").textContent = template ? template.note || t("Kept by {who}, {time}.", { who: template.made_by, time: clock.minute(template.made_at) }) : "";
    byId("template-forget").hidden = template?.origin !== "saved";
    for (const [member, field] of this.fields) field.value = template?.settings[member] ?? "";
    this.mark();
  }

  async apply() {
    const { wanted } = this;
    const lines = Object.entries(wanted).map(([member, value]) => `${settingName(member)}: ${this.now[member] ?? "?"} → ${value}`);
    const isSure = await askFirst({
      title: tn(lines.length, "Change one setting of the meter?", "Change {n} settings of the meter?"),
      lines: [...lines, t("They change what the next measurement means. Each is read back; one that fails does not undo the others.")],
      action: t("Send to the meter"),
    });
    if (!isSure) return;
    byId("apply").disabled = true;
    const outcome = byId("settings-outcome");
    const result = await sendSettings(wanted, outcome);
    if (result) {
      for (const [member, [, now]] of Object.entries(result.changed)) this.now[member] = now;
      for (const member of [...Object.keys(result.changed), ...result.unchanged]) this.fields.get(member).value = this.template?.settings[member] ?? "";
      this.draw();
      this.whenRead(null, null);
    }
    this.mark();
  }

  async keep() {
    const settings = {};
    for (const { member } of this.settable) {
      const value = this.fields.get(member)?.value || this.now[member];
      if (value && !couldNotBeRead(value) && member !== "sleep_mode") settings[member] = value;
    }
    if (Object.keys(settings).length === 0) return tell(byId("settings-outcome"), t("There is nothing to keep yet: read the meter first, or choose values."), "bad");
    const name = element("label", {}, t("Name"), element("input", { name: "name", required: true, maxLength: 80 }));
    const note = element("label", {}, t("What it is for"), element("textarea", { name: "note", maxLength: 500, rows: 2 }));
    const lines = [t("The settings as they are shown, with what you have chosen in the last column.")];
    const given = await askFirst({ title: t("Keep as template"), lines, fields: [name, note], action: t("Keep") });
    if (!given) return undefined;
    try {
      const { template } = await call("/_settings/templates", { method: "POST", body: { ...given, settings } });
      await this.loadTemplates(template.id);
      return tell(byId("settings-outcome"), t("Kept as “{name}”.", { name: template.name }), "good");
    } catch (error) {
      return tell(byId("settings-outcome"), t("It was not kept: {why}", { why: error.message }), "bad");
    }
  }

  async forget() {
    const { template } = this;
    const isSure = await askFirst({ title: t("Remove the template “{name}”?", { name: template.name }), lines: [t("Meters that were set by it stay as they are.")], action: t("Remove"), isDangerous: true });
    if (!isSure) return;
    try {
      await call(`/_settings/templates/${template.id}`, { method: "DELETE" });
      await this.loadTemplates();
      tell(byId("settings-outcome"), t("“{name}” is gone.", { name: template.name }), "good");
    } catch (error) {
      tell(byId("settings-outcome"), t("It was not removed: {why}", { why: error.message }), "bad");
    }
  }
}
