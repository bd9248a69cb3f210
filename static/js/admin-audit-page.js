// The audit log: newest first, by who, unit and action.

import { actionWords, howWords, outcomeWords } from "./admin-audit-words.js";
import { byId, clock, listed, say } from "./admin-parts.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { element } from "./element.js";
import { t } from "./words.js";

const PAGE = 100;
const form = byId("filters");
const entries = [];

function wanted() {
  const query = new URLSearchParams({ limit: PAGE });
  for (const [name, value] of new FormData(form)) if (value.trim()) query.set(name, value.trim());
  return query;
}

function cells(entry) {
  const words = actionWords(entry.action);
  const request = element("code", {}, entry.action);
  const detail = entry.detail && Object.keys(entry.detail).length ? JSON.stringify(entry.detail, null, 1) : "";
  const more = detail ? element("details", {}, element("summary", {}, t("What was sent")), element("pre", {}, element("code", {}, detail))) : null;
  const { text, isGood } = outcomeWords(entry.outcome);
  return [
    element("time", { dateTime: entry.at }, clock.moment(entry.at)),
    element("span", {}, element("b", {}, entry.who), element("br"), element("span", { className: "hint" }, howWords(entry.how))),
    entry.address,
    entry.unit_id ?? "–",
    element("span", {}, words ? element("span", {}, words, element("br")) : null, request, more),
    { text, className: isGood ? "" : "bad" },
  ];
}

function draw(hasMore) {
  const titles = [t("When"), t("Who"), t("From"), t("Unit"), t("What"), t("Outcome")];
  const isFiltered = [...wanted().keys()].length > 1;
  const why = isFiltered ? t("Nothing on record fits these filters.") : t("Nothing is on record yet. Every change anybody asks for appears here; reading leaves no trace.");
  byId("list").replaceChildren(entries.length ? listed(t("Audit log"), titles, entries.map(cells)) : element("p", {}, why));
  byId("more").hidden = !hasMore;
}

async function load(isMore) {
  const query = wanted();
  if (isMore && entries.length) query.set("before_id", entries.at(-1).id);
  try {
    const found = (await call(`/_audit?${query}`)).entries;
    if (!isMore) entries.length = 0;
    entries.push(...found);
    draw(found.length === PAGE);
    say("", "");
  } catch (error) {
    say(error.message, "bad");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  load(false);
});
form.addEventListener("reset", () => setTimeout(() => load(false)));
byId("more").addEventListener("click", () => load(true));
new AlertBadge();
load(false);
