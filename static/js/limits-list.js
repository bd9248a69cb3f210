// The limits and the alert rules of a unit as cards: what each says, where it stands, and what can be done about it.

import { element } from "./element.js";
import * as words from "./limit-words.js";
import { judging, sentences } from "./limits-words.js";
import { ruleWords } from "./rule-words.js";
import { language, t, tn } from "./words.js";

// Buttons that act on one entry; words name it for those who do not see where the button stands.
function buttons(name, acts) {
  const made = acts.map(([text, run, className = ""]) => {
    const button = element("button", { type: "button", className, "aria-label": `${text}: ${name}` }, text);
    button.addEventListener("click", () => run(button));
    return button;
  });
  return element("p", { className: "buttons" }, made);
}

function lines(className, texts, lang = language) {
  return texts.length ? element("ul", { className, lang }, texts.map((text) => element("li", {}, text))) : null;
}

function standingLine(standing) {
  if (!standing) return t("switched off: nothing is judged");
  return [words.verdict(standing), standing.now ? words.level(standing) : "", words.margin(standing)].filter(Boolean).join(" · ");
}

function made(limit, clock) {
  const by = limit.changed_at
    ? t("changed {time}, version {version}", { time: clock.minute(limit.changed_at), version: limit.version })
    : t("set by {name}, {time}", { name: limit.made_by, time: clock.minute(limit.made_at) });
  return [limit.template ? t("from template {name}", { name: limit.template }) : "", by, limit.timezone].filter(Boolean).join(" · ");
}

export function limitCard(limit, { standing, rules, clock, acts, historyOf }) {
  const watching = rules.filter((rule) => rule.limit_id === limit.id);
  const told = watching.length
    ? tn(watching.length, "One rule tells people: {names}", "{n} rules tell people: {names}", { names: watching.map(({ name }) => name).join(", ") })
    : t("Nobody is told when it is exceeded.");
  const { name, source, note } = limit.document;
  return element(
    "li",
    { className: "card limit-card", id: `limit-${limit.id}`, tabIndex: -1, dataset: { verdict: limit.enabled ? (standing?.verdict ?? "none") : "off", limitId: limit.id } },
    element("div", { className: "limit-head" }, element("h3", {}, name), element("p", { className: "limit-verdict" }, standingLine(limit.enabled ? (standing ?? {}) : null))),
    lines("limit-says", sentences(limit.document)),
    element("p", { className: "hint" }, judging(limit.document)),
    element("p", { className: watching.length ? "hint" : "hint is-untold" }, told),
    element("details", {}, element("summary", {}, t("Where it comes from")), element("p", {}, source ?? t("No source is named.")), element("p", {}, note), element("p", { className: "hint" }, made(limit, clock))),
    element("p", {}, element("a", { href: historyOf(limit), "aria-label": t("Judged periods: {name}", { name }) }, t("Judged periods"))),
    acts
      ? buttons(name, [
          [t("Change"), () => acts.changeLimit(limit)],
          [t("Try on the past"), (button) => acts.tryLimit(limit, button)],
          ...(watching.length ? [] : [[t("Tell people"), () => acts.watch(limit)]]),
          [limit.enabled ? t("Switch off") : t("Switch on"), () => acts.switchLimit(limit)],
          [t("Delete"), () => acts.deleteLimit(limit)],
        ])
      : null,
    element("div", { className: "back-test", hidden: true }),
  );
}

const STATES = {
  normal: t("quiet"),
  pending: t("may fire soon"),
  active: t("alarm"),
  latched: t("held until somebody acknowledges it"),
  "outside hours": t("outside its hours"),
  off: t("switched off"),
  stale: t("no data"),
  error: t("cannot be judged"),
};

// The one word for where a rule stands; one that is quiet because nothing arrives is not quiet.
function shownOf({ enabled, state }) {
  if (!enabled) return "off";
  return state.quality === "stale" && ["normal", "pending"].includes(state.shown) ? "stale" : state.shown;
}

// The service's own sentence is English; one that it could not make says why.
function said(rule) {
  const isForeign = language !== "en" && rule.words && rule.level_name;
  return isForeign ? element("p", {}, ruleWords(rule)) : element("p", { lang: "en" }, rule.words ?? rule.state.error ?? "");
}

export function ruleCard(rule, acts, inboxOf) {
  const shown = shownOf(rule);
  const to = [rule.channels, rule.recipients].filter(Boolean).join(" → ").replaceAll(",", ", ");
  return element(
    "li",
    { className: "card rule-card", id: `rule-${rule.id}`, tabIndex: -1, dataset: { state: shown, severity: rule.state.is_red || rule.severity === "red" ? "red" : "amber", ruleId: rule.id } },
    element("div", { className: "limit-head" }, element("h3", {}, rule.name), element("p", { className: "limit-verdict" }, STATES[shown] ?? shown)),
    said(rule),
    element("p", { className: "hint" }, to ? t("tells {whom}", { whom: to }) : t("Nobody is told: it has no channel.")),
    lines("notes", rule.advice, "en"),
    element("p", {}, element("a", { href: inboxOf(rule), "aria-label": t("Its alerts: {name}", { name: rule.name }) }, t("Its alerts"))),
    acts
      ? buttons(rule.name, [
          [t("Change"), () => acts.changeRule(rule)],
          [t("Try on the past"), (button) => acts.tryRule(rule, button)],
          [rule.enabled ? t("Switch off") : t("Switch on"), () => acts.switchRule(rule)],
          [t("Delete"), () => acts.deleteRule(rule)],
        ])
      : null,
    element("div", { className: "back-test", hidden: true }),
  );
}
