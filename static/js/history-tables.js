// What was, as tables: periods, judged periods, exceedances, measurements. Each says why it is empty.

import { element, table } from "./element.js";
import * as limitWords from "./limit-words.js";
import { number, t, tn } from "./words.js";

const MOST_ROWS = 200;
const db = (value) => (value == null ? "–" : number(value, 1));
export const percent = (ratio) => `${number(Math.floor(ratio * 1000 + 1e-6) / 10, ratio < 1 ? 1 : 0)} %`;
const BOUNDS = { ">": "> ", "<": "< ", "=": "" };
const hint = (text) => element("p", { className: "hint" }, text);

const FLAGS = {
  over: t("over-range"),
  under: t("under-range"),
  gap: t("gap"),
  paused: t("paused"),
  reset: t("restarted"),
  weather: t("weather"),
  calibration: t("calibration"),
  excluded: t("excluded"),
  spread: t("spread"),
};
export const flagsInWords = (flags) => flags.map((flag) => FLAGS[flag] ?? flag).join(", ");

const PARTS = { day: t("day"), evening: t("evening"), night: t("night") };

// From–until on the site's clock; the date only where the day changes.
function when({ period, starts_at: from, ends_at: until, is_open: isOpen }, clock) {
  const part = PARTS[period] ? `${PARTS[period]}, ` : "";
  const end = clock.day(from) === clock.day(until) ? clock.hour(until) : `${clock.weekday(until)} ${clock.hour(until)}`;
  return `${part}${clock.weekday(from)} ${clock.hour(from)} – ${end}${isOpen ? ` (${t("so far")})` : ""}`;
}

// A level of which too little is known is struck through: shown, and not judged.
function levelCell(period, value) {
  const text = value == null ? "–" : BOUNDS[period.bound] + db(value);
  return { text: period.judged || value == null ? text : element("s", { title: t("too little is known to judge it") }, text), className: "" };
}

export function periods(place, answer, clock) {
  const known = answer.periods.filter(({ laeq, lmax, coverage }) => laeq !== null || lmax !== null || coverage > 0);
  if (known.length === 0) {
    place.replaceChildren(hint(t("Nothing is on record of this time, so there is nothing to sum up.")));
    return;
  }
  const names = answer.names;
  const name = (metric) => (names[metric]?.name ?? metric).split(",")[0];
  const columns = [
    { title: t("Period") },
    ...["laeq", "lmax", "lmin", "l10", "l50", "l90"].map((metric) => ({ title: name(metric), isNumber: true })),
    { title: t("Known"), isNumber: true },
    { title: t("Remarks") },
  ];
  const rows = known.slice(-MOST_ROWS).map((period) => {
    const both = period.as_recorded ? t("{level} dB with all that was recorded", { level: db(period.as_recorded.laeq) }) : "";
    const off = period.uncertainty_db == null ? "" : `± ${db(period.uncertainty_db)} dB`;
    return [
      when(period, clock),
      levelCell(period, period.laeq),
      ...["lmax", "lmin", "l10", "l50", "l90"].map((metric) => db(period[metric])),
      percent(period.coverage),
      [flagsInWords(period.flags), off, both].filter(Boolean).join("; "),
    ];
  });
  const parts = [table(t("Periods, levels in dB"), columns, rows)];
  const skipped = known.length - rows.length;
  if (skipped > 0) parts.push(hint(tn(skipped, "One earlier period is left out; the files below have all.", "{n} earlier periods are left out; the files below have all.")));
  const judged = answer.ratings.filter(({ lden }) => lden !== null);
  if (judged.length) {
    parts.push(
      table(
        t("Ratings of whole days"),
        [{ title: t("Day from 07:00") }, { title: "Lden", isNumber: true }, { title: "Ldn", isNumber: true }, { title: "CNEL", isNumber: true }, { title: t("Known"), isNumber: true }],
        judged.map((day) => [day.date, ...["lden", "ldn", "cnel"].map((name) => levelCell({ ...day, bound: "=" }, day[name])), percent(day.coverage)]),
      ),
    );
  }
  parts.push(hint(t("Levels in dB. Struck through: too little is known to judge it. A night belongs to the day it starts on.")));
  place.replaceChildren(...parts);
}

const VERDICTS = {
  ok: t("kept"),
  amber: t("close"),
  red: t("exceeded"),
  not_judged: t("not judged"),
  no_data: t("no data"),
  not_proven: t("not proven"),
};

function verdictCell(verdict) {
  return element("span", { className: "verdict-word", dataset: { verdict } }, VERDICTS[verdict] ?? verdict);
}

// Periods without data, one after the other, are one line: that nothing is known is said once.
function merged(found) {
  const lines = [];
  for (const each of found) {
    const last = lines.at(-1);
    if (each.verdict === "no_data" && last?.verdict === "no_data" && last.ends_at === each.starts_at) {
      lines[lines.length - 1] = { ...last, ends_at: each.ends_at, many: (last.many ?? 1) + 1 };
    } else lines.push(each);
  }
  return lines;
}

// standing is that of now, when now is within the span.
export function judged(place, answer, standing, clock) {
  const parts = [];
  if (standing?.allowance) {
    parts.push(element("p", { className: "allowance" }, `${t("The running period:")} ${limitWords.used(standing)}. ${limitWords.rest(standing)}`));
  }
  if (answer.count === 0) {
    parts.push(hint(t("No period of this limit has ended in this time. The first is judged when it is over.")));
    place.replaceChildren(...parts);
    return;
  }
  const counts = ["red", "amber", "ok", "not_judged", "not_proven", "no_data"].filter((name) => answer.verdicts[name]);
  parts.push(
    element("p", { className: "counts" }, counts.map((name) => element("span", { className: "verdict-word", dataset: { verdict: name } }, `${number(answer.verdicts[name])} ${VERDICTS[name]}`))),
  );
  const told = answer.judgements.filter(({ verdict, as_measured: other }) => verdict !== "ok" || other);
  const shown = merged(told).slice(-MOST_ROWS);
  if (told.length === 0) parts.push(hint(t("Every judged period kept the limit.")));
  else {
    const columns = [{ title: t("Period") }, { title: t("Verdict") }, { title: t("Level"), isNumber: true }, { title: t("Limit"), isNumber: true }, { title: t("Known"), isNumber: true }, { title: t("Why") }];
    const rows = shown.map((each) => [
      when(each, clock),
      verdictCell(each.verdict),
      each.verdict === "not_judged" && each.level_db != null ? element("s", {}, db(each.level_db)) : `${BOUNDS[each.bound]}${db(each.level_db)}`,
      db(each.limit_db),
      percent(each.coverage),
      each.many > 1 ? tn(each.many, "one period", "{n} periods without data") : each.as_measured ? `${each.why}; ${t("with what was excluded: {why}", { why: each.as_measured.why })}` : element("span", { lang: "en" }, each.why),
    ]);
    parts.push(table(t("Periods that did not simply keep the limit"), columns, rows));
  }
  place.replaceChildren(...parts);
}

export function exceedances(place, answer, allowance, clock) {
  const { name, level, exceeding, periods: all, not_judged: unknown } = answer;
  const parts = [
    element("p", { className: "counts" }, t("{name} above {level} dB in {exceeding} of {all} periods; {unknown} could not be judged.", { name, level: db(level), exceeding: number(exceeding), all: number(all), unknown: number(unknown) })),
  ];
  if (allowance) {
    const most = allowance.used_at_most_percent;
    const used = most != null && most !== allowance.used_percent ? `${db(allowance.used_percent)} % – ${db(most)} %` : `${db(allowance.used_percent)} %`;
    const rest = allowance.is_lost
      ? t("It is exceeded whatever happens now.")
      : allowance.rest_s > 0 && allowance.rest_level_db != null
        ? t("No more than {level} dB for the rest.", { level: db(allowance.rest_level_db) })
        : "";
    parts.push(element("p", {}, `${t("As a mean over the whole span, {used} of what {level} dB allows is used.", { used, level: db(level) })} ${rest}`));
  }
  if (answer.exceedances.length) {
    const columns = [{ title: t("From") }, { title: t("Until") }, { title: t("Highest, dB"), isNumber: true }, { title: t("At") }, { title: "LAeq, dB", isNumber: true }, { title: t("Periods"), isNumber: true }];
    const rows = answer.exceedances.slice(0, MOST_ROWS).map((run) => [clock.minute(run.starts_at), clock.minute(run.ends_at), `${BOUNDS[run.bound]}${db(run.highest)}`, clock.hour(run.highest_ends_at), db(run.laeq), number(run.count)]);
    parts.push(table(t("Exceedances"), columns, rows));
  }
  place.replaceChildren(...parts);
}

const HOW = { stopped: t("stopped from here"), by_itself: t("stopped by itself"), unseen: t("stopped while nobody looked"), superseded: t("another start followed") };
const CARD = { none: t("not fetched"), wanted: t("to be fetched"), partial: t("fetched in part"), merged: t("fetched and merged"), failed: t("failed") };

export function runs(place, found, clock) {
  if (found.length === 0) {
    place.replaceChildren(hint(t("No measurement is known of this time. One appears here when the meter is started, from here or by hand.")));
    return;
  }
  const columns = [{ title: t("Store name") }, { title: t("Began") }, { title: t("Ended") }, { title: t("How") }, { title: t("SD card") }];
  const rows = found.map((run) => [
    run.store_name ?? "–",
    `${run.is_start_exact ? "" : `${t("before")} `}${clock.minute(run.started_at)}`,
    run.ended_at ? `${run.is_end_exact ? "" : `${t("about")} `}${clock.minute(run.ended_at)}` : t("goes on"),
    run.how ? (HOW[run.how] ?? run.how) : "",
    `${CARD[run.card] ?? run.card}${run.card_note ? `: ${run.card_note}` : ""}`,
  ]);
  place.replaceChildren(table(t("Measurements, from start to stop"), columns, rows));
}
