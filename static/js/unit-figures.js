// The figures of a unit: the limited quantity with its limit, else the running mean; the level now; percentiles and extremes.

import { BOUNDS } from "./chart-legend.js";
import { element } from "./element.js";
import * as format from "./format.js";
import { margin, rest, uncertainty, used } from "./limit-words.js";
import { t } from "./words.js";

const PERCENTILES = ["ln1", "ln2", "ln3", "ln4", "ln5"];
const EXTREMES = ["lmax", "lmin", "lpeak", "le"];
const byId = (id) => document.getElementById(id);

function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function cells(place, names) {
  return names.map((name) => {
    const term = element("dt");
    const value = element("dd");
    place.append(element("div", {}, term, value));
    return { name, term, value };
  });
}

export class UnitFigures {
  constructor(store) {
    this.store = store;
    this.cells = [...cells(byId("percentiles"), PERCENTILES), ...cells(byId("grid"), EXTREMES)];
  }

  // lead is where the most urgent limit in force stands; null when none is.
  draw(view, lead, nowMs) {
    const frame = view.isBlank ? {} : (this.store.frame ?? {});
    const { measurement_state: state, measurement_start_time: startedAt } = this.store.frame ?? {};
    const { figures } = view;
    const isLate = view.areFiguresOld && !view.isStale && view.figures.leq != null;
    const old = isLate ? `, ${t("{age} old", { age: format.age(view.figuresAgeS) })}` : "";
    this.drawLead(view.isBlank ? null : lead, figures, format.period(state, startedAt, nowMs) + old);
    byId("lead").classList.toggle("is-stale", isLate && !lead);
    byId("run-figures").classList.toggle("is-stale", isLate);
    const names = format.labels(this.store.labels);
    const isKnown = Boolean(this.store.labels?.frequency_weighting);
    format.writeLabel(byId("lp-label"), names.lp, isKnown);
    write(byId("lp"), format.level(frame.lp));
    write(byId("age"), view.hasReading ? t("{age} old", { age: format.age(view.ageS) }) : t("no reading yet"));
    for (const { name, term, value } of this.cells) {
      format.writeLabel(term, names[name], isKnown);
      write(value, figures[name] == null ? "–" : `${format.level(figures[name])} dB`);
    }
    const base = names.lp[1] === "p" ? t("the time-weighted level") : names.lp.join("");
    write(byId("percentile-base"), t("from {base}, {period}", { base, period: format.period(state, startedAt, nowMs) + old }));
    const flags = (figures.flags ?? []).map(format.flag);
    byId("flags").hidden = flags.length === 0;
    write(byId("flags"), flags.join("; "));
  }

  drawLead(lead, figures, period) {
    const box = byId("lead");
    box.dataset.verdict = lead?.verdict ?? "";
    const running = format.labels(this.store.labels).leq;
    byId("running").hidden = !lead;
    this.drawAllowance(lead);
    if (!lead) {
      format.writeLabel(byId("leq-label"), running, Boolean(this.store.labels?.frequency_weighting));
      write(byId("leq"), format.level(figures.leq));
      write(byId("period"), period);
      return;
    }
    const { now } = lead;
    format.writeLabel(byId("leq-label"), format.splitLabel(now.label));
    write(byId("leq"), `${now.level_db == null ? "" : (BOUNDS[now.bound] ?? "")}${format.level(now.level_db)}`);
    write(byId("period"), [margin(lead), uncertainty(lead)].filter(Boolean).join(", "));
    write(byId("running"), t("{name} {level} dB, {period}", { name: running.join(""), level: format.level(figures.leq), period }));
  }

  // How much of a period's energy is used, and when it will be used up.
  drawAllowance(lead) {
    byId("lead-allowance").hidden = !lead?.allowance;
    if (!lead?.allowance) return;
    const meter = byId("lead-meter");
    meter.value = Math.min(100, lead.allowance.used_ratio * 100);
    meter.setAttribute("aria-label", t("Allowance of {name}", { name: lead.name }));
    meter.setAttribute("aria-valuetext", used(lead));
    write(byId("lead-used"), [`${used(lead)}.`, rest(lead)].filter(Boolean).join(" "));
  }
}
