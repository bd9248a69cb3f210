// What is said of a limit: verdict, level, margin, allowance. Pure functions over what the service tells.

import { language, number, t } from "./words.js";

const VERDICTS = {
  ok: t("within the limit"),
  amber: t("close to the limit"),
  red: t("limit exceeded"),
  not_judged: t("not judged: too little is known"),
  no_data: t("no data"),
  not_proven: t("not proven"),
};

// Amber of a running period may also mean: beyond the limit so far, but quiet could still bring it back.
export function verdict({ verdict: word, now }) {
  if (!word) return t("no limit is in force");
  if (word === "amber" && now?.margin_db < 0) return t("beyond the limit so far");
  return VERDICTS[word] ?? word;
}

const decibels = (value) => `${number(value, 1)} dB`;

// What was over-range is more, what was under range is less.
function bounded(value, bound) {
  if (bound === ">") return t("at least {level}", { level: decibels(value) });
  return bound === "<" ? t("at most {level}", { level: decibels(value) }) : decibels(value);
}

export function level({ now }) {
  return now?.level_db == null ? "–" : bounded(now.level_db, now.bound);
}

export const uncertainty = ({ now }) => (now?.uncertainty_db == null ? "" : `± ${decibels(now.uncertainty_db)}`);

export function margin({ now }) {
  if (!now) return "";
  const limit = number(now.limit_db, 1);
  if (now.margin_db == null) return t("limit {limit} dB", { limit });
  const by = decibels(Math.abs(now.margin_db));
  if (now.margin_db === 0) return t("just at the limit of {limit} dB", { limit });
  return now.margin_db < 0 ? t("{by} above the limit of {limit} dB", { by, limit }) : t("{by} below the limit of {limit} dB", { by, limit });
}

export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.floor(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

// Never more than there is: 99.96 % are not 100 %.
const percent = (ratio) => `${number(Math.floor(ratio * 1000 + 1e-6) / 10, 1)} %`;

// The service's own sentence is English; what it says beyond verdict, level and limit is said to other readers.
export function why({ now, why: sentence }, clock) {
  if (language === "en" || !now) return { text: sentence, lang: "en" };
  const span = { from: clock.hour(now.starts_at), until: clock.hour(now.ends_at), percent: percent(now.coverage) };
  return { text: t("{from} to {until} so far, coverage {percent}", span), lang: language };
}

export function used({ allowance }) {
  if (!allowance) return "";
  const least = percent(allowance.used_ratio);
  const most = allowance.used_at_most == null ? "" : percent(allowance.used_at_most);
  return most && most !== least ? t("{least} to {most} of the allowance used", { least, most }) : t("{least} of the allowance used", { least });
}

export function rest({ allowance }) {
  if (!allowance || allowance.rest_s <= 0) return "";
  if (allowance.is_lost) return t("Exceeded whatever happens now.");
  const parts = [];
  if (allowance.rest_level_db != null) {
    parts.push(t("No more than {level} for the rest ({time}).", { level: decibels(allowance.rest_level_db), time: duration(allowance.rest_s) }));
  }
  if (allowance.exhausted_in_s != null) {
    parts.push(
      allowance.exhausted_in_s < allowance.rest_s
        ? t("At the level of the last 15 min it is used up in {time}.", { time: duration(allowance.exhausted_in_s) })
        : t("At the level of the last 15 min it lasts."),
    );
  }
  return parts.join(" ");
}

export function change({ next_change: next }, clock) {
  if (!next) return "";
  const time = clock.minute(next.at);
  return next.level_db == null ? t("From {time}: no limit.", { time }) : t("From {time}: limit {level}.", { time, level: decibels(next.level_db) });
}

export function previous({ previous: last }, clock) {
  if (!last) return "";
  const value = last.level_db == null ? "–" : bounded(last.level_db, last.bound);
  return t("Period before, to {time}: {level}, {verdict}.", { time: clock.hour(last.ends_at), level: value, verdict: VERDICTS[last.verdict] ?? last.verdict });
}

export const byUrgency = (one, other) => rank(other) - rank(one) || one.limit_id - other.limit_id;
const RANKS = ["ok", "no_data", "not_judged", "not_proven", "amber", "red"];
const rank = ({ verdict: word }) => RANKS.indexOf(word);
