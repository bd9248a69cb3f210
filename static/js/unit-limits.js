// Where the limits of one unit stand: verdict in words, level, margin and allowance; told by the event stream.

import { call } from "./api.js";
import { age } from "./format.js";
import * as words from "./limit-words.js";
import { t } from "./words.js";

const LINES = ["why", "rest", "change", "previous"];

export class UnitLimits {
  // clock is the ZoneClock of the place.
  constructor(unitId, now, clock) {
    this.path = `/${encodeURIComponent(unitId)}/limits/standing`;
    this.now = now;
    this.section = document.getElementById("unit-limits");
    this.list = document.getElementById("unit-limit-list");
    this.entries = new Map();
    this.clock = clock;
  }

  // Where they stand, as the event stream would tell it.
  async load() {
    const standing = await call(this.path);
    this.hear(standing);
    return standing;
  }

  // The most urgent one in force; null when there is none.
  get lead() {
    const inForce = [...this.entries.values()].map(({ standing }) => standing).filter(({ now, verdict }) => now && verdict);
    return inForce.sort(words.byUrgency)[0] ?? null;
  }

  hear({ limits }) {
    const sorted = [...limits].sort(words.byUrgency);
    for (const id of [...this.entries.keys()]) {
      if (!sorted.some((standing) => standing.limit_id === id)) this.entries.delete(id);
    }
    const items = sorted.map((standing) => this.shown(standing).item);
    // Moved only when the order is another: a screen reader loses its place in what is put in anew.
    if (items.length !== this.list.children.length || items.some((item, at) => item !== this.list.children[at])) {
      this.list.replaceChildren(...items);
    }
    this.section.hidden = items.length === 0;
    this.tick();
  }

  shown(standing) {
    if (!this.entries.has(standing.limit_id)) this.entries.set(standing.limit_id, built());
    const entry = this.entries.get(standing.limit_id);
    entry.standing = standing;
    entry.item.dataset.verdict = standing.verdict ?? "none";
    write(entry.name, standing.now ? `${standing.name}, ${standing.now.label}` : standing.name);
    write(entry.verdict, words.verdict(standing));
    write(entry.level, words.level(standing));
    write(entry.uncertainty, words.uncertainty(standing));
    write(entry.margin, words.margin(standing));
    this.drawAllowance(entry, standing);
    const why = words.why(standing, this.clock);
    entry.why.lang = why.lang;
    const texts = {
      why: why.text,
      rest: words.rest(standing),
      change: words.change(standing, this.clock),
      previous: words.previous(standing, this.clock),
    };
    for (const name of LINES) {
      entry[name].hidden = !texts[name];
      write(entry[name], texts[name]);
    }
    return entry;
  }

  drawAllowance(entry, standing) {
    entry.allowance.hidden = !standing.allowance;
    if (!standing.allowance) return;
    entry.meter.value = Math.min(100, standing.allowance.used_ratio * 100);
    entry.meter.setAttribute("aria-label", t("Allowance of {name}", { name: standing.name }));
    entry.meter.setAttribute("aria-valuetext", words.used(standing));
    write(entry.used, words.used(standing));
  }

  // How old it is.
  tick() {
    for (const { standing, old } of this.entries.values()) {
      const at = Date.parse(standing.at);
      const values = { time: this.clock.time(standing.at), age: age((this.now() - at) / 1000) };
      write(old, standing.resolution === "live" ? t("as of {time}, {age} old", values) : t("as of {time}, {age} old, whole minutes", values));
    }
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function element(tag, className, parent) {
  const made = Object.assign(document.createElement(tag), { className });
  parent.append(made);
  return made;
}

function built() {
  const item = Object.assign(document.createElement("li"), { className: "limit" });
  const entry = { item };
  const head = element("div", "limit-head", item);
  entry.name = element("h3", "", head);
  entry.verdict = element("p", "limit-verdict", head);
  entry.verdict.setAttribute("role", "status");
  const figure = element("p", "limit-figure", item);
  entry.level = element("span", "limit-level", figure);
  entry.uncertainty = element("span", "limit-uncertainty", figure);
  entry.margin = element("span", "limit-margin", figure);
  entry.allowance = element("p", "limit-allowance", item);
  entry.meter = Object.assign(element("meter", "", entry.allowance), {
    min: 0,
    max: 100,
    low: 75, // green up to here, amber up to high, then red
    high: 99,
    optimum: 0,
  });
  entry.used = element("span", "limit-used", entry.allowance);
  for (const name of LINES) entry[name] = element("p", `limit-${name}`, item);
  entry.old = element("p", "limit-old", item);
  return entry;
}
