// Today's periods of one unit: day, evening and night or each hour, with coverage and what limits say of them.
//
// Mounted by the live page into <section id="unit-periods">; it reads what it needs by itself, once a minute:
//
//   new UnitPeriods(document.getElementById("unit-periods"), unitId, zone);
//
// The page needs css/unit-work.css.

import { call } from "./api.js";
import { element } from "./element.js";
import { level } from "./format.js";
import { number, t } from "./words.js";
import { ZoneClock } from "./zone.js";

const EVERY_MS = 60000;
const FIGURES = ["laeq", "lmax", "l10", "l90"];
const KEPT = "slmm-periods";

const flagWord = (flag) =>
  ({
    over: t("overload"),
    under: t("under range"),
    gap: t("gap"),
    paused: t("paused"),
    reset: t("restarted"),
    weather: t("weather"),
    calibration: t("calibration"),
    excluded: t("parts excluded"),
    spread: t("spread evenly"),
  })[flag] ?? flag;

const verdictWord = (verdict) => ({ ok: t("kept"), amber: t("close to the limit"), red: t("exceeded"), not_judged: t("not judged") })[verdict] ?? verdict;

export class UnitPeriods {
  constructor(section, unitId, zone) {
    this.path = `/${encodeURIComponent(unitId)}`;
    this.clock = new ZoneClock(zone);
    this.period = localStorage.getItem(KEPT) === "1h" ? "1h" : "parts";
    this.build(section);
    this.refresh();
    setInterval(() => document.hidden || this.refresh(), EVERY_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
  }

  build(section) {
    section.classList.add("card", "unit-periods");
    section.setAttribute("aria-label", t("Today's periods"));
    this.choices = [["parts", t("Day, evening, night")], ["1h", t("Hours")]].map(([period, name]) => {
      const button = element("button", { type: "button", dataset: { period } }, name);
      button.addEventListener("click", () => this.choose(period));
      return button;
    });
    this.note = element("p", { className: "hint", id: "periods-note", role: "status" }, t("reading today's periods …"));
    this.rows = element("tbody");
    this.head = element("tr");
    const table = element("table", { className: "data" }, element("thead", {}, this.head), this.rows);
    this.box = element("div", { className: "table-box", tabIndex: 0, role: "region", "aria-label": t("Figures of today's periods"), hidden: true }, table);
    const segments = element("div", { className: "segments", role: "group", "aria-label": t("Periods shown") }, this.choices);
    section.replaceChildren(element("div", { className: "card-head" }, element("h2", {}, t("Today's periods")), segments), this.box, this.note);
    this.showChoice();
  }

  showChoice() {
    for (const button of this.choices) button.setAttribute("aria-pressed", String(button.dataset.period === this.period));
  }

  choose(period) {
    this.period = period;
    localStorage.setItem(KEPT, period);
    this.showChoice();
    this.refresh();
  }

  async refresh() {
    const wanted = this.period;
    try {
      const [{ periods, names }, verdicts] = await Promise.all([this.periods(wanted), this.verdicts()]);
      if (wanted === this.period) this.draw(periods, names, verdicts);
    } catch (error) {
      this.note.dataset.kind = "bad";
      this.note.textContent = t("Today's periods could not be read: {why}", { why: error.message });
    }
  }

  // Days begin at 07:00 with their day period; the night before belongs to the date it began on and is shown too.
  async periods(wanted) {
    const now = Date.now();
    const since = new Date(now - (wanted === "1h" ? 12 : 24) * 3600000).toISOString();
    const until = new Date(now).toISOString();
    return call(`${this.path}/summary?period=${wanted}&from=${encodeURIComponent(since)}&until=${encodeURIComponent(until)}`);
  }

  // What each limit said of the periods that have ended in this time; a limit may have periods of its own.
  async verdicts() {
    const since = encodeURIComponent(new Date(Date.now() - 26 * 3600000).toISOString());
    const { limits } = await call(`${this.path}/limits`).catch(() => ({ limits: [] })); // not for guests
    const enabled = limits.filter((limit) => limit.enabled);
    const found = await Promise.all(
      enabled.map(async (limit) => {
        const answer = await call(`${this.path}/limits/${limit.id}/judgements?from=${since}`).catch(() => ({ judgements: [] }));
        return answer.judgements.map((judged) => ({ ...judged, limit: limit.name }));
      }),
    );
    return found.flat();
  }

  draw(periods, names, verdicts) {
    const shown = periods.filter((each) => each.valid_s > 0 || each.is_open).reverse();
    this.box.hidden = shown.every((each) => each.valid_s === 0);
    this.note.dataset.kind = "";
    this.note.textContent = this.box.hidden
      ? t("Nothing is on record of the last hours: the unit was not read, or has just been taken on. Periods fill while it measures and is read.")
      : t("Times in {zone}. Coverage is how much of a period is valid; below 75 % it is shown and not judged.", { zone: this.clock.zone });
    const columns = [t("Period"), ...FIGURES.map((name) => this.label(names, name)), t("Coverage"), t("Remarks")];
    this.head.replaceChildren(...columns.map((title, at) => element("th", { scope: "col", className: at && at < 6 ? "number" : "" }, title)));
    this.rows.replaceChildren(...shown.map((each) => this.row(each, verdicts)));
  }

  // "LAeq,12h" would differ from row to row: the period stands in the first column.
  label(names, name) {
    const [text] = (names[name]?.name ?? name).split(",");
    return text.startsWith("L") ? element("span", {}, "L", element("sub", {}, text.slice(1))) : text;
  }

  row(each, verdicts) {
    const figure = (name) => {
      const bound = name === "laeq" && each.bound !== "=" ? `${each.bound} ` : "";
      const text = each[name] == null ? "–" : `${bound}${level(each[name])}`;
      return element("td", { className: each.judged || each.is_open ? "number" : "number not-judged" }, text);
    };
    const first = element("th", { scope: "row" }, this.name(each), element("span", { className: "period-time" }, this.span(each)));
    const coverage = element("td", { className: "number" }, `${number(Math.floor(each.coverage * 1000) / 10, each.coverage > 0.999 || each.coverage === 0 ? 0 : 1)} %`);
    return element("tr", { className: each.is_open ? "is-open" : "" }, first, FIGURES.map(figure), coverage, this.remarks(each, verdicts));
  }

  name(each) {
    const names = { day: t("Day"), evening: t("Evening"), night: t("Night") };
    return names[each.period] ?? this.clock.hour(each.ends_at);
  }

  span(each) {
    const times = `${this.clock.hour(each.starts_at)}–${this.clock.hour(each.ends_at)}`;
    return each.is_open ? t("{times}, running", { times }) : `${times}, ${this.clock.weekday(each.starts_at)}`;
  }

  remarks(each, verdicts) {
    const from = Date.parse(each.starts_at);
    const until = Date.parse(each.ends_at);
    const within = verdicts.filter((judged) => Date.parse(judged.ends_at) > from && Date.parse(judged.ends_at) <= until && !judged.is_open);
    const flags = each.flags.map(flagWord).join(", ");
    const cell = element("td", {}, flags || (within.length ? null : "–"));
    for (const [text, verdict] of summed(within)) cell.append(element("span", { className: "period-verdict", dataset: { verdict } }, text));
    return cell;
  }
}

// "Section 61: exceeded (2 of 12)": by limit, only the worst that was said of it.
function summed(judgements) {
  const order = ["red", "amber", "not_judged", "ok"];
  const byLimit = grouped(judgements);
  return [...byLimit].map(([limit, all]) => {
    const worst = order.find((verdict) => all.some((each) => each.verdict === verdict)) ?? all[0].verdict;
    const count = all.filter((each) => each.verdict === worst).length;
    const words = all.length === 1 ? "" : ` ${t("({n} of {all})", { n: number(count), all: number(all.length) })}`;
    return [`${limit}: ${verdictWord(worst)}${words}`, worst];
  });
}

function grouped(judgements) {
  const found = new Map();
  for (const each of judgements) found.set(each.limit, [...(found.get(each.limit) ?? []), each]);
  return found;
}
