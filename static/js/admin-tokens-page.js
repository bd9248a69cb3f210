// API tokens: made, shown once, revoked.

import { drawGrants } from "./admin-grants.js";
import { byId, chosenUnits, drawUnits, expiryOf, followExpiry, onSubmit, roles, say, showSecret, when } from "./admin-parts.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { element } from "./element.js";
import { t } from "./words.js";

const form = byId("add-form");

const kind = {
  path: "/_tokens",
  label: t("Tokens"),
  titles: [t("Name"), t("Begins with"), t("Role"), t("Units"), t("Last used"), t("Made")],
  row: (token) => [
    element("b", {}, token.name),
    element("code", {}, `${token.prefix}…`),
    roles()[token.role],
    token.units ? token.units.join(", ") : t("all"),
    when(token.last_used_at, t("never")),
    t("{time} by {name}", { time: when(token.created_at), name: token.created_by }),
  ],
  empty: t("No program may come in yet. A token made below lets one in without a password."),
  consequence: t("Whatever uses it is refused from now on, and its open streams end. It cannot be made good again."),
};

async function load() {
  try {
    drawGrants(byId("list"), (await call("/_tokens")).tokens, kind, load);
  } catch (error) {
    say(error.message, "bad");
  }
}

onSubmit(form, async () => {
  const units = chosenUnits(form);
  const body = { name: form.elements.name.value, role: form.elements.role.value, expires_at: expiryOf(form) };
  const made = await call("/_tokens", { method: "POST", body: units.length ? { ...body, units } : body });
  form.reset();
  followExpiry(form);
  const example = `curl -H "Authorization: Bearer ${made.secret}" ${location.origin}/api/nl43/roster`;
  const lines = [element("p", {}, t("A program sends it with every request, such as:")), element("pre", { tabIndex: 0, role: "region", "aria-label": t("Example") }, element("code", {}, example))];
  showSecret(byId("made"), { title: t("The token “{name}”", { name: body.name }), value: made.secret, lines });
  load();
});

new AlertBadge();
followExpiry(form);
drawUnits(byId("units")).catch((error) => say(error.message, "bad"));
load();
