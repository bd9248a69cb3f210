// Which meters are shown, in which order, and in which groups. Pure functions.

import { language } from "./words.js";

const collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
const byTitle = (one, other) => collator.compare(one.title, other.title) || collator.compare(one.unitId, other.unitId);
const bySite = (one, other) => collator.compare(one.site ?? "\uffff", other.site ?? "\uffff") || byTitle(one, other);
const byRank = (one, other) => other.verdict.rank - one.verdict.rank || margin(one) - margin(other) || byTitle(one, other);
const byLevel = (one, other) => (other.level() ?? -Infinity) - (one.level() ?? -Infinity) || byTitle(one, other);

// What is furthest above its limit comes first among those of one verdict, in whole dB so that they do not dance.
const margin = ({ worst }) => Math.round(worst?.now?.margin_db ?? 1000);
const ORDERS = { worst: byRank, name: byTitle, site: bySite, level: (one, other) => (one.level() === other.level() ? byTitle(one, other) : byLevel(one, other)) };

export const sites = (units) => [...new Set(units.map(({ site }) => site).filter(Boolean))].sort(collator.compare);

export function chosen(units, { q, site, sort }) {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (unit) => `${unit.unitId} ${unit.name ?? ""} ${unit.site ?? ""}`.toLowerCase();
  const isWanted = (unit) => (!site || unit.site === site) && words.every((word) => text(unit).includes(word));
  return units.filter(isWanted).sort(ORDERS[sort]);
}

// By site, in the order in which the first of each stands; without grouping all are one.
export function groups(units, isBySite) {
  if (!isBySite) return [{ site: null, units }];
  const found = new Map();
  for (const unit of units) {
    if (!found.has(unit.site)) found.set(unit.site, { site: unit.site, units: [] });
    found.get(unit.site).units.push(unit);
  }
  return [...found.values()];
}
