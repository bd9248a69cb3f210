// The list of tokens or of share links: those that are good first, the others folded away.

import { attempt, button, listed, standing } from "./admin-parts.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element } from "./element.js";
import { t, tn } from "./words.js";

// kind: { path, label, titles, row(grant), empty, question, consequence }; reload() after one was revoked.
export function drawGrants(place, grants, kind, reload) {
  const titles = [...kind.titles, t("State"), ""];
  const rows = (wanted) =>
    grants
      .filter((grant) => standing(grant).isGood === wanted)
      .map((grant) => {
        const revoke = button(t("Revoke"), grant.name, () => ask(grant, kind, reload), "quiet danger");
        return [...kind.row(grant), standing(grant).text, wanted ? revoke : ""];
      });
  const good = rows(true);
  const over = rows(false);
  const parts = [good.length ? listed(kind.label, titles, good) : element("p", {}, kind.empty)];
  if (over.length) {
    const summary = element("summary", {}, tn(over.length, "one that is no longer good", "{n} that are no longer good"));
    parts.push(element("details", {}, summary, listed(summary.textContent, titles, over)));
  }
  place.replaceChildren(...parts);
}

async function ask(grant, kind, reload) {
  const title = t("Revoke “{name}”?", { name: grant.name });
  const lines = [kind.consequence];
  if (!(await askFirst({ title, lines, action: t("Revoke"), isDangerous: true }))) return;
  await attempt(() => call(`${kind.path}/${grant.id}`, { method: "DELETE" }), t("“{name}” is revoked.", { name: grant.name }));
  reload();
}
