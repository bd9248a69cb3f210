// What a rule raises an alarm for and what ends it, for readers of another language than that of the service.

import { named, threshold } from "./alert-words.js";
import { level } from "./format.js";
import { number, t } from "./words.js";

const BACK = { above: "<=", ">": "<=", ">=": "<", below: ">=", "<": ">=", "<=": ">", "==": "!=", "!=": "==" };
const DOWNWARD = new Set(["below", "<", "<="]);
const FIXED = new Set(["==", "!="]);

const lasting = (seconds) => (seconds > 0 ? `, ${t("for {n} s", { n: number(seconds) })}` : "");

// A rolling limit is left like a level, another with a period that keeps it; which of them it is stands at the limit.
function ofLimit(rule) {
  const red = { comparison: rule.comparison, threshold_db: rule.red_threshold_db ?? rule.threshold_db };
  const text = t("Alarm when {name} is judged {threshold}", { name: named(rule.level_name), threshold: threshold(red) });
  const early = rule.limit_warns ? `; ${t("amber beyond {level} dB, both as soon as nothing can take it back", { level: level(rule.threshold_db) })}` : "";
  return `${text}${early}${lasting(rule.duration_s)}.`;
}

export function ruleWords(rule) {
  if (rule.limit_id !== null) return ofLimit(rule);
  const margin = FIXED.has(rule.comparison) ? 0 : DOWNWARD.has(rule.comparison) ? rule.clear_margin_db : -rule.clear_margin_db;
  const back = { comparison: BACK[rule.comparison], threshold_db: rule.threshold_db + margin };
  const begins = t("Alarm when {name} is {threshold}", { name: named(rule.level_name), threshold: threshold(rule) });
  const red = rule.red_threshold_db === null ? "" : `, ${t("red beyond {level} dB", { level: level(rule.red_threshold_db) })}`;
  const ends = t("ends when it is {threshold}", { threshold: threshold(back) });
  return `${begins}${lasting(rule.duration_s)}${red}; ${ends}${lasting(rule.clear_duration_s ?? rule.duration_s)}.`;
}
