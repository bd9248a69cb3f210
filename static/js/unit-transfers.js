// What is being fetched from the card of one unit: the queue on the server, progress, what came of it, and going on after an error.

import { call } from "./api.js";
import { element } from "./element.js";
import { age } from "./format.js";
import * as words from "./operation.js";
import { may, path, clock, tell } from "./unit-work.js";
import { number, t, tn } from "./words.js";

const KINDS = new Set(["download", "download-folder", "card", "stop-cycle"]);
const BUSY_MS = 1000;
const CALM_MS = 10000;
const MOST_ENDED = 12;
const RATE_OVER_MS = 8000;

export class Transfers {
  constructor(list, empty, whenEnded) {
    Object.assign(this, { list, empty, whenEnded });
    this.samples = new Map();
    this.items = new Map();
    this.wasRunning = new Set();
    this.refresh();
  }

  async begin(kind, remotePath, outcome) {
    await this.ask(`${path}/ftp/${kind}?wait=false&queue=true`, { remote_path: remotePath }, outcome);
  }

  async beginRun(runId, outcome) {
    await this.ask(`${path}/runs/${runId}/card?wait=false&queue=true`, undefined, outcome);
  }

  async ask(url, body, outcome) {
    tell(outcome, t("asked for …"));
    try {
      const { operation } = await call(url, { method: "POST", body });
      tell(outcome, t("{subject}: {state}; see Transfers above.", { subject: operation.subject ?? words.kind(operation), state: words.state(operation) }), "good");
    } catch (error) {
      tell(outcome, t("It was not fetched: {why}", { why: error.message }), "bad");
    }
    this.refresh();
  }

  async refresh() {
    clearTimeout(this.timer);
    let isBusy = false;
    try {
      const { operations } = await call(`${path}/operations`);
      const shown = operations.filter((each) => KINDS.has(each.kind));
      const active = shown.filter((each) => !words.isOver(each)).sort((a, b) => (a.position ?? 0) - (b.position ?? 0));
      const ended = shown.filter(words.isOver).slice(0, MOST_ENDED);
      isBusy = active.length > 0;
      this.draw([...active, ...ended]);
      if (ended.some((each) => this.wasRunning.has(each.operation_id))) this.whenEnded();
      this.wasRunning = new Set(active.map((each) => each.operation_id));
    } catch (error) {
      this.empty.hidden = false;
      this.empty.textContent = t("The transfers could not be read: {why}", { why: error.message });
    }
    this.timer = setTimeout(() => this.refresh(), isBusy ? BUSY_MS : CALM_MS);
  }

  draw(operations) {
    this.empty.hidden = operations.length > 0;
    const wanted = operations.map((operation) => this.item(operation));
    // Moved only when the order is another: whoever has the focus on a button keeps it.
    if (wanted.length !== this.list.children.length || wanted.some((item, at) => item !== this.list.children[at])) this.list.replaceChildren(...wanted);
  }

  item(operation) {
    const id = operation.operation_id;
    let kept = this.items.get(id);
    if (!kept) this.items.set(id, (kept = this.built(operation)));
    const { item, state, bar, far } = kept;
    item.dataset.state = operation.state;
    const text = words.state(operation);
    if (state.textContent !== text) state.textContent = text;
    const isFetching = operation.state === "running" && operation.unit === "bytes" && operation.total > 0;
    bar.hidden = !isFetching;
    if (isFetching) Object.assign(bar, { max: operation.total, value: operation.done });
    far.textContent = this.far(operation, isFetching);
    if (kept.drawn !== operation.state) {
      kept.drawn = operation.state;
      kept.rest.replaceChildren(...this.rest(operation));
    }
    return item;
  }

  built(operation) {
    const name = operation.subject?.startsWith("/") ? operation.subject : words.kind(operation);
    const state = element("span", { className: "transfer-state" });
    const bar = element("progress", { "aria-label": t("Progress of {name}", { name }) });
    const far = element("p", { className: "hint" });
    const rest = element("div");
    const head = element("p", { className: "transfer-head" }, element("strong", {}, name), state);
    return { item: element("li", { className: "transfer", dataset: { id: operation.operation_id } }, head, bar, far, rest), state, bar, far, rest };
  }

  far(operation, isFetching) {
    if (operation.state === "queued") return t("asked for at {time}", { time: clock.time(operation.started_at) });
    if (words.isOver(operation)) return operation.ended_at ? t("ended {time}", { time: clock.moment(operation.ended_at) }) : "";
    if (!isFetching) return operation.steps.at(-1)?.name ?? t("beginning …");
    const rate = this.rate(operation);
    const done = t("{done} of {total}", { done: words.size(operation.done), total: words.size(operation.total) });
    if (!rate) return done;
    const left = t("about {time} left", { time: age(Math.max(1, Math.round((operation.total - operation.done) / rate))) });
    return `${done}, ${words.size(rate)}/s, ${left}`;
  }

  // Bytes a second of late; a download that went on where it stopped does not count what was here already.
  rate({ operation_id: id, done }) {
    const now = performance.now();
    const seen = (this.samples.get(id) ?? []).filter((each) => now - each.at < RATE_OVER_MS);
    seen.push({ at: now, done });
    this.samples.set(id, seen);
    const [first] = seen;
    return seen.length > 2 && done > first.done ? ((done - first.done) * 1000) / (now - first.at) : 0;
  }

  rest(operation) {
    if (operation.state === "done") return this.brought(operation);
    const parts = [];
    if (operation.error) parts.push(element("p", { className: "transfer-why" }, operation.error));
    if (operation.state === "failed" && operation.kind !== "stop-cycle") parts.push(element("p", { className: "hint" }, t("What is here already is kept; going on begins where it stopped.")));
    const buttons = element("div", { className: "buttons" });
    if (may("operator") && operation.can_be_stopped) buttons.append(this.button(operation.state === "queued" ? t("Take out") : t("Stop"), () => this.stop(operation)));
    if (may("operator") && ["failed", "cancelled"].includes(operation.state) && operation.subject) buttons.append(this.button(t("Go on"), () => this.again(operation)));
    return buttons.childElementCount ? [...parts, buttons] : parts;
  }

  button(text, action) {
    const button = element("button", { type: "button" }, text);
    button.addEventListener("click", action);
    return button;
  }

  async stop({ operation_id: id }) {
    const kept = this.items.get(id);
    try {
      await call(`${path}/operations/${id}`, { method: "DELETE" });
    } catch (error) {
      kept.far.textContent = error.message;
    }
    this.refresh();
  }

  again({ kind, subject, operation_id: id }) {
    const { far } = this.items.get(id);
    const run = /^run (\d+)$/.exec(subject);
    return run ? this.beginRun(run[1], far) : this.begin(kind, subject, far);
  }

  brought({ operation_id: id, kind, result, has_file: hasFile }) {
    const files = Array.isArray(result.files) ? result.files : result.sha256 ? [result] : [];
    const parts = [];
    if (kind === "card") parts.push(element("p", {}, t("Brought into the record: {n} new of {all} stored intervals.", { n: number(result.new_rows ?? 0), all: number(result.rows ?? 0) })));
    if (kind === "stop-cycle") parts.push(element("p", {}, result.download_success ? t("{folder} is here, whole and checked.", { folder: result.downloaded_folder }) : (result.download_error ?? t("Nothing was fetched."))));
    if (result.unusable?.length) parts.push(element("p", { className: "transfer-why" }, tn(result.unusable.length, "One file could not be fetched: {why}", "{n} files could not be fetched: {why}", { why: result.unusable.slice(0, 3).join("; ") })));
    if (hasFile && may("operator")) {
      const total = files.reduce((sum, file) => sum + file.size, 0);
      const text = kind === "download" ? t("Save the file ({size})", { size: words.size(total) }) : t("Save as ZIP ({size} in {n} files)", { size: words.size(total), n: number(files.length) });
      parts.push(element("p", {}, element("a", { className: "button", href: `/api/nl43${path}/operations/${id}/file`, download: "" }, text)));
    }
    if (files.some((file) => file.was_resumed)) parts.push(element("p", { className: "hint" }, t("It was gone on with where it had stopped.")));
    if (files.some((file) => file.is_growing)) parts.push(element("p", { className: "hint" }, t("The meter still writes to it: this is what it held when it was fetched.")));
    if (files.length) parts.push(sums(files));
    return parts;
  }
}

function sums(files) {
  const lines = files.slice(0, 200).map((file) => element("li", {}, file.remote_path.split("/").at(-1), " ", element("span", { className: "hash" }, `SHA-256 ${file.sha256}`)));
  if (files.length === 1) return element("p", { className: "hash" }, `SHA-256 ${files[0].sha256}`);
  return element("details", {}, element("summary", {}, tn(files.length, "Checksum of one file", "Checksums of {n} files")), element("ul", { className: "plain" }, lines));
}
