// The controls of one meter: they mirror its state, say why they do nothing, and claim nothing before it confirms.
//
// Mounted by the live page into <section id="unit-control">:
//
//   const control = new UnitControl(document.getElementById("unit-control"), unitId, () => clock.now());
//   control.known(entry);           // the unit as GET /roster gives it, whenever that is read; null when it is gone
//   control.hear(statusEvent);      // every "status" event of the stream
//   control.run(state, startedAt);  // run state of every frame
//   control.tick();                 // at least once a second
//
// The page needs css/unit-work.css.

import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import * as words from "./control-words.js";
import { element } from "./element.js";
import { follow, drawSteps, isOver, size } from "./operation.js";
import { number, t } from "./words.js";

const FIRST = [["start", "stop", "pause", "resume"], ["start-cycle", "stop-cycle"]];
const MORE = [["store", "reset"], ["sleep", "wake"], ["monitor/start", "monitor/stop"], ["disconnect", "deactivate", "activate"]];
const CYCLES = new Set(["start-cycle", "stop-cycle"]);
const PERIOD_MS = 1000;

export class UnitControl {
  constructor(section, unitId, now) {
    this.path = `/${encodeURIComponent(unitId)}`;
    this.now = now;
    this.is = { runState: null, startedAt: null, isActive: true, isReachable: null, isPaused: null, isAsleep: null, heldBy: null };
    this.buttons = new Map();
    this.mayOperate = ["operator", "admin"].includes(document.documentElement.dataset.role);
    this.build(section);
    if (this.mayOperate) this.findOperation();
  }

  build(section) {
    section.classList.add("card", "unit-control");
    section.setAttribute("aria-label", t("Measurement"));
    this.state = element("span", { id: "run-state" }, t("run state not known yet"));
    this.detail = element("span", { className: "hint" });
    this.line = element("p", { className: "verdict", dataset: { kind: "grey" } }, this.state);
    this.steps = element("ol", { className: "steps", id: "control-steps", hidden: true });
    this.bar = element("progress", { hidden: true, "aria-label": t("Progress of the download") });
    this.outcome = element("p", { className: "outcome", id: "outcome", role: "status" });
    section.replaceChildren(element("h2", {}, t("Measurement")), this.line, this.detail);
    if (!this.mayOperate) {
      section.append(element("p", { className: "hint" }, t("Starting and stopping is for operators.")));
      return;
    }
    const firstReasons = element("ul", { className: "plain hint", id: "control-reasons" });
    const moreReasons = element("ul", { className: "plain hint" });
    this.reasons = [[FIRST.flat(), firstReasons], [MORE.flat(), moreReasons]];
    const more = element("details", { className: "more-control" }, element("summary", {}, t("Card, power and connection")), this.groups(MORE), moreReasons);
    section.append(this.groups(FIRST), firstReasons, this.outcome, this.bar, this.steps, more);
  }

  groups(verbs) {
    const names = words.names();
    const made = verbs.map((group) => {
      const buttons = group.map((verb) => {
        const button = element("button", { type: "button", id: verb.replace("/", "-") }, names[verb]);
        button.addEventListener("click", () => this.press(verb));
        this.buttons.set(verb, button);
        return button;
      });
      return element("div", { className: "buttons", role: "group" , "aria-label": group.map((verb) => names[verb]).join(", ") }, buttons);
    });
    return element("div", { className: "control-groups" }, made);
  }

  known(entry) {
    this.is.isRemoved = !entry;
    if (!entry) return this.tick();
    Object.assign(this.is, { isActive: entry.is_active, isTcpOff: entry.tcp_enabled === false, isKeptAlive: entry.monitor_enabled });
    const status = entry.status;
    if (status) {
      Object.assign(this.is, { isReachable: status.is_reachable, reason: status.last_error ?? "", heldBy: status.held_by });
      this.is.isAsleep = status.sleep_mode ? status.sleep_mode.toLowerCase() === "on" : null;
      this.run(status.measurement_state, status.measurement_start_time);
    }
    this.readStandby();
    this.tick();
  }

  hear(event) {
    if ("held_by" in event) this.is.heldBy = event.held_by;
    if ("is_reachable" in event) Object.assign(this.is, { isReachable: event.is_reachable, reason: event.reason });
    if ("measurement_state" in event) this.run(event.measurement_state, event.measurement_start_time);
    this.tick();
  }

  run(state, startedAt) {
    if (!state) return;
    const isNew = state !== this.is.runState || startedAt !== this.is.startedAt;
    Object.assign(this.is, { runState: state, startedAt });
    if (!isNew) return;
    this.is.isPaused = null;
    if (state === "Start") this.readPause();
    this.tick();
  }

  // The run state does not tell a pause; asked once for each measurement, and after each of our own commands.
  async readPause() {
    if (!this.mayOperate || !this.is.isActive || this.is.isReachable === false) return;
    try {
      this.is.isPaused = (await call(`${this.path}/pause`)).is_paused;
    } catch {
      this.is.isPaused = null; // not every meter tells; both buttons stay, and the meter has the last word
    }
    this.tick();
  }

  async readStandby() {
    if (!this.mayOperate) return;
    try {
      this.is.isStandby = (await call("/_system/status")).is_standby;
    } catch {
      return; // the head of the page says that the service does not answer
    }
    this.tick();
  }

  async findOperation() {
    try {
      const { operations } = await call(`${this.path}/operations`);
      const running = operations.find((each) => CYCLES.has(each.kind) && !isOver(each));
      if (running) this.followCycle(running.kind, running);
    } catch {
      /* told by the head of the page */
    }
  }

  async press(verb) {
    const reason = words.why(verb, this.is);
    if (reason) return this.tell(reason);
    const overwrites = verb === "store" ? await this.overwritten() : "";
    if (overwrites === null) return undefined;
    const question = words.question(verb, { overwrites });
    const choices = question ? await askFirst(question) : {};
    if (choices === null) return this.tell(t("Nothing was sent."));
    this.buttons.get(verb).focus();
    return CYCLES.has(verb) ? this.beginCycle(verb, choices) : this.send(verb);
  }

  // What a store would overwrite in the meter's words; "" for nothing, null when the meter did not say.
  async overwritten() {
    this.waiting("store", t("asking what would be overwritten …"));
    try {
      const { overwrite_status: told, will_overwrite: will } = await call(`${this.path}/overwrite-check`);
      this.tell("");
      return will ? told : "";
    } catch (error) {
      this.tell(t("The meter did not say what would be overwritten, so nothing was stored: {why}", { why: error.message }), "bad");
      return null;
    } finally {
      this.is.asking = null;
      this.tick();
    }
  }

  waiting(verb, text) {
    this.is.asking = { verb, sinceMs: Date.now(), text };
    this.tick();
  }

  async send(verb) {
    const deed = words.deeds()[verb];
    this.waiting(verb, words.OWN.has(verb) ? t("{deed} asked for …", { deed }) : t("{deed} sent; waiting for the meter …", { deed }));
    try {
      const answer = await call(`${this.path}/${verb}`, { method: "POST" });
      this.tell(words.OWN.has(verb) ? answer.message : t("The meter confirmed: {deed}.", { deed }), "good");
      this.took(verb);
    } catch (error) {
      this.tell([t("{deed} did not happen: {why}", { deed, why: error.message }), words.cure(verb, error.message)].filter(Boolean).join(" "), "bad");
    }
    this.is.asking = null;
    this.tick();
  }

  // What a confirmed command says of the state, until the stream or the next reading says it too.
  took(verb) {
    if (verb === "pause" || verb === "resume") this.is.isPaused = verb === "pause";
    if (verb === "sleep" || verb === "wake") this.is.isAsleep = verb === "sleep";
    if (verb === "start") this.is.isAsleep = false;
    if (verb.startsWith("monitor/")) this.is.isKeptAlive = verb === "monitor/start";
    if (verb === "activate" || verb === "deactivate") this.is.isActive = verb === "activate";
  }

  async beginCycle(verb, body) {
    this.waiting(verb, t("{deed} asked for …", { deed: words.deeds()[verb] }));
    try {
      const { operation } = await call(`${this.path}/${verb}?wait=false`, { method: "POST", body });
      this.is.asking = null;
      await this.followCycle(verb, operation);
    } catch (error) {
      this.is.asking = null;
      this.tell(t("{deed} did not happen: {why}", { deed: words.deeds()[verb], why: error.message }), "bad");
    }
    this.tick();
  }

  async followCycle(verb, operation) {
    this.is.operation = operation;
    try {
      const ended = await follow(this.path, operation, (each) => this.drawCycle(verb, each));
      this.ended(verb, ended);
    } catch (error) {
      this.tell(t("It is not known how it ended: {why}", { why: error.message }), "bad");
    }
    this.is.operation = null;
    this.tick();
  }

  drawCycle(verb, operation) {
    this.is.operation = operation;
    this.steps.hidden = false;
    drawSteps(this.steps, operation);
    const isFetching = operation.unit === "bytes" && operation.total > 0;
    this.bar.hidden = !isFetching || isOver(operation);
    if (isFetching) Object.assign(this.bar, { max: operation.total, value: operation.done });
    const far = isFetching ? t("{done} of {total}", { done: size(operation.done), total: size(operation.total) }) : t("{n} steps", { n: number(operation.steps.length) });
    if (!isOver(operation)) this.tell(t("{deed} under way: {far}", { deed: words.deeds()[verb], far }));
    this.tick();
  }

  ended(verb, { state, error, result }) {
    const deed = words.deeds()[verb];
    if (state !== "done") return this.tell(t("{deed} failed: {why}", { deed, why: error }), "bad");
    if (result.download_error) return this.tell(t("Stopped, but the files are not all here: {why}", { why: result.download_error }), "bad");
    if (verb === "start-cycle") return this.tell(t("The meter confirmed: measuring under store name {name}.", { name: String(result.new_index).padStart(4, "0") }), "good");
    return this.tell(result.download_success ? t("Stopped; {folder} is here, whole and checked.", { folder: result.downloaded_folder }) : t("Stopped. Nothing was fetched."), "good");
  }

  tell(text, kind = "") {
    if (!this.outcome) return;
    this.outcome.dataset.kind = kind;
    if (this.outcome.textContent !== text) this.outcome.textContent = text;
  }

  tick() {
    const { kind, text, detail = "" } = words.state(this.is, this.now());
    this.line.dataset.kind = kind;
    if (this.state.textContent !== text) this.state.textContent = text;
    this.detail.hidden = !detail;
    if (this.detail.textContent !== detail) this.detail.textContent = detail;
    if (!this.mayOperate) return;
    const asking = this.is.asking;
    if (asking) {
      const waitedMs = Date.now() - asking.sinceMs;
      this.tell(waitedMs < PERIOD_MS ? asking.text : `${asking.text} ${number(Math.floor(waitedMs / 1000))} s`);
    }
    for (const [verbs, list] of this.reasons) this.drawReasons(verbs, list);
  }

  // Each reason once, with the buttons it is about; they point to it.
  drawReasons(verbs, list) {
    const about = new Map();
    for (const verb of verbs) {
      const button = this.buttons.get(verb);
      const reason = words.why(verb, this.is);
      button.hidden = !words.applies(verb, this.is) && button !== document.activeElement;
      button.setAttribute("aria-disabled", String(Boolean(reason)));
      if (!reason) button.removeAttribute("aria-describedby");
      else if (!button.hidden) about.set(reason, [...(about.get(reason) ?? []), verb]);
    }
    const key = JSON.stringify([...about]);
    if (key === list.dataset.key) return;
    list.dataset.key = key;
    const names = words.names();
    const shown = [...about].map(([reason, concerned]) => {
      const id = `why-${concerned[0].replace("/", "-")}`;
      for (const verb of concerned) this.buttons.get(verb).setAttribute("aria-describedby", id);
      return element("li", { id }, element("strong", {}, concerned.map((verb) => names[verb]).join(", ")), `: ${reason}`);
    });
    list.replaceChildren(...shown);
  }
}
