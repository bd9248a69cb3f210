// What a rule or a limit would have done: asked of the past, and told with what the data cannot tell.

import { endReason } from "./alert-words.js";
import { call } from "./api.js";
import { element, table } from "./element.js";
import { duration } from "./limit-words.js";
import { number, t, tn } from "./words.js";

const DAY_MS = 86400000;
const MOSTLY = 0.75;
const MOST_ROWS = 50;
const db = (value) => (value == null ? "–" : `${number(value, 1)} dB`);

// body is { rule } or { limit, limit_warns }; days how far back.
export function backTest(path, body, days) {
  return call(`${path}/alerts/rules/test`, { method: "POST", body: { ...body, from: new Date(Date.now() - days * DAY_MS).toISOString() } });
}

function events(found, clock, chartOf) {
  const columns = [
    { title: t("Began") },
    { title: t("Level"), isNumber: true },
    { title: t("Highest"), isNumber: true },
    { title: t("Lasted"), isNumber: true },
    { title: t("Ended because") },
  ];
  const rows = found.events.slice(0, MOST_ROWS).map((event) => [
    element("a", { href: chartOf(event.onset_at) }, clock.moment(event.onset_at)),
    db(event.onset_value),
    db(event.peak_value),
    duration(event.duration_s),
    event.clear_at === null ? t("still open at the end") : endReason(event.end_reason),
  ]);
  return table(t("When it would have fired"), columns, rows);
}

function perDay(found) {
  const most = Math.max(...Object.values(found.per_day));
  return element(
    "ul",
    { className: "per-day plain", "aria-label": t("How many a day") },
    Object.entries(found.per_day).map(([day, count]) => {
      const bar = element("meter", { min: 0, max: most, value: count, "aria-label": day });
      return element("li", {}, element("span", {}, day), bar, element("strong", {}, number(count)));
    }),
  );
}

// How much of the span there was to judge: a test that saw nothing must not look like one that found nothing.
function seen(found) {
  const blind = found.resolution
    .filter(({ resolution }) => resolution === "none")
    .reduce((sum, { starts_at: from, ends_at: until }) => sum + Date.parse(until) - Date.parse(from), 0);
  const whole = Date.parse(found.ends_at) - Date.parse(found.starts_at);
  const missing = Math.max(blind, found.gap_s * 1000);
  return { share: whole ? Math.max(0, 1 - missing / whole) : 0, isBlind: found.samples === 0 };
}

function verdictOf(found, share, isBlind) {
  if (isBlind) return ["none", t("Nothing can be told: no levels of this time are on record. They fill in while the meter is read.")];
  if (found.count) return ["fired", tn(found.count, "It would have fired once.", "It would have fired {n} times.")];
  return share < MOSTLY ? ["none", t("It would not have fired in what is on record.")] : ["quiet", t("It would not have fired.")];
}

export function showBackTest(place, found, clock, chartOf) {
  const { share, isBlind } = seen(found);
  const span = `${clock.minute(found.starts_at)} – ${clock.minute(found.ends_at)} ${clock.zone}`;
  const [kind, verdict] = verdictOf(found, share, isBlind);
  const parts = [
    element("h3", { tabIndex: -1 }, t("On the past")),
    element("p", { className: "back-verdict", dataset: { kind } }, verdict),
    element("p", { className: "hint", lang: "en" }, found.words),
    element("p", { className: "hint" }, t("{span}; levels of {percent} % of it are on record", { span, percent: number(Math.floor(share * 1000) / 10, share < 0.1 ? 1 : 0) })),
  ];
  if (Object.keys(found.per_day).length > 1) parts.push(perDay(found));
  if (found.events.length) parts.push(events(found, clock, chartOf));
  const more = found.count - Math.min(found.events.length, MOST_ROWS);
  if (more > 0) parts.push(element("p", { className: "hint" }, tn(more, "One more is not listed.", "{n} more are not listed.")));
  if (found.notes.length) parts.push(element("ul", { className: "notes" }, found.notes.map((note) => element("li", { lang: "en" }, note))));
  place.replaceChildren(...parts);
  place.hidden = false;
  parts[0].focus();
}
