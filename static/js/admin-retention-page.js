// How long what is kept, what it takes, and removing what is older.

import { byId, clock, say } from "./admin-parts.js";
import { forecastText, kept, span, tierName } from "./admin-system-words.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element, table } from "./element.js";
import { size } from "./operation.js";
import { number, t, tn } from "./words.js";

const REMOVED = {
  trail: (n) => tn(n, "one row of the trail", "{n} rows of the trail"),
  logs: (n) => tn(n, "one entry of a log", "{n} entries of logs"),
  partials: (n) => tn(n, "one unfinished download", "{n} unfinished downloads"),
  frames: (n) => tn(n, "one day of readings", "{n} days of readings"),
  minutes: (n) => tn(n, "one day of minutes", "{n} days of minutes"),
};

function removedText(removed) {
  const told = Object.entries(removed).filter(([, count]) => count).map(([key, count]) => REMOVED[key]?.(count) ?? `${key}: ${count}`);
  return told.length ? told.join(", ") : t("nothing was older than it is kept");
}

function setting(tier) {
  if (!tier.setting) return element("span", { className: "hint" }, t("no setting"));
  const where = tier.where_set ? t("set by {where}", { where: tier.where_set }) : t("the default");
  return element("span", { className: "setting" }, element("code", {}, `${tier.setting}=${tier.value}`), element("span", { className: "tier-note" }, where));
}

function draw(found) {
  const columns = [{ title: t("What") }, { title: t("Kept") }, { title: t("Setting") }, { title: t("Takes"), isNumber: true }, { title: t("Entries"), isNumber: true }, { title: t("Oldest") }];
  const rows = found.tiers.map((tier) => [
    tierName(tier.key),
    kept(tier),
    setting(tier),
    tier.size_bytes === null ? t("in the database") : size(tier.size_bytes),
    tier.entries === null ? "–" : number(tier.entries),
    tier.oldest ? clock.minute(tier.oldest) : tier.entries === null ? "–" : t("nothing yet"),
  ]);
  byId("tiers").replaceChildren(table(t("What is kept"), columns, rows));
  byId("forecast").textContent = forecastText(found.forecast);
  const often = t("It is done by itself every {time}.", { time: span(found.every_s) });
  const last = found.pruned_at ? t("Last time, {time}: {what}.", { time: clock.moment(found.pruned_at), what: removedText(found.removed) }) : t("It has not been done since the start.");
  byId("pruned").textContent = `${often} ${last}`;
  const days = found.tiers.find(({ key }) => key === "frames");
  byId("example").textContent = `${days.setting}=90`;
}

async function load() {
  try {
    draw(await call("/_system/retention"));
  } catch (error) {
    say(error.message, "bad");
  }
}

byId("prune").addEventListener("click", async () => {
  const lines = [t("What is older than the table above says is removed for good."), t("It would go by itself within minutes; a backup made before still has it.")];
  if (!(await askFirst({ title: t("Remove now?"), lines, action: t("Remove") }))) return;
  try {
    const { removed } = await call("/_system/prune", { method: "POST" });
    say(t("Removed: {what}.", { what: removedText(removed) }));
  } catch (error) {
    say(error.message, "bad");
  }
  load();
});

new AlertBadge();
load();
