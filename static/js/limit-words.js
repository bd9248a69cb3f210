// What is said of a limit: verdict, level, margin, allowance. Pure functions over what the service tells.

const VERDICTS = {
  ok: "within the limit",
  amber: "close to the limit",
  red: "limit exceeded",
  not_judged: "not judged: too little is known",
  no_data: "no data",
  not_proven: "not proven",
};

// Amber of a running period may also mean: beyond the limit so far, but quiet could still bring it back.
export function verdict({ verdict: word, now }) {
  if (!word) return "no limit is in force";
  if (word === "amber" && now?.margin_db < 0) return "beyond the limit so far";
  return VERDICTS[word] ?? word;
}

const decibels = (value) => `${value.toFixed(1)} dB`;
const BOUNDS = { ">": "at least ", "<": "at most ", "=": "" };

export function level({ now }) {
  return now?.level_db == null ? "–" : `${BOUNDS[now.bound] ?? ""}${decibels(now.level_db)}`;
}

export const uncertainty = ({ now }) => (now?.uncertainty_db == null ? "" : `± ${decibels(now.uncertainty_db)}`);

export function margin({ now }) {
  if (!now) return "";
  const limit = `limit ${decibels(now.limit_db)}`;
  if (now.margin_db == null) return limit;
  const side = now.margin_db < 0 ? "above it" : "below it";
  return `${limit}, ${decibels(Math.abs(now.margin_db))} ${side}`;
}

export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.floor(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

// Never more than there is: 99.96 % are not 100 %.
const percent = (ratio) => `${(Math.floor(ratio * 1000 + 1e-6) / 10).toFixed(1)} %`;

export function used({ allowance }) {
  if (!allowance) return "";
  const least = percent(allowance.used_ratio);
  const most = allowance.used_at_most == null ? "" : percent(allowance.used_at_most);
  return most && most !== least ? `${least} to ${most} of the allowance used` : `${least} of the allowance used`;
}

export function rest({ allowance }) {
  if (!allowance || allowance.rest_s <= 0) return "";
  if (allowance.is_lost) return "Exceeded whatever happens now.";
  const parts = [];
  if (allowance.rest_level_db != null) {
    parts.push(`No more than ${decibels(allowance.rest_level_db)} for the rest (${duration(allowance.rest_s)}).`);
  }
  if (allowance.exhausted_in_s != null) {
    parts.push(
      allowance.exhausted_in_s < allowance.rest_s
        ? `At the level of the last 15 min it is used up in ${duration(allowance.exhausted_in_s)}.`
        : "At the level of the last 15 min it lasts.",
    );
  }
  return parts.join(" ");
}

export function change({ next_change: next }, clock) {
  if (!next) return "";
  const then = next.level_db == null ? "no limit" : `limit ${decibels(next.level_db)}`;
  return `From ${clock.minute(next.at)}: ${then}.`;
}

export function previous({ previous: last }, clock) {
  if (!last) return "";
  const value = last.level_db == null ? "no data" : `${BOUNDS[last.bound] ?? ""}${decibels(last.level_db)}`;
  return `Period before, to ${clock.time(last.ends_at)}: ${value}, ${VERDICTS[last.verdict] ?? last.verdict}.`;
}

export const byUrgency = (one, other) => rank(other) - rank(one) || one.limit_id - other.limit_id;
const RANKS = ["ok", "no_data", "not_judged", "not_proven", "amber", "red"];
const rank = ({ verdict: word }) => RANKS.indexOf(word);
