// Share links: made, shown once, revoked; and a look at what a guest would see.

import { drawGrants } from "./admin-grants.js";
import { byId, chosenUnits, drawUnits, expiryOf, followExpiry, onSubmit, say, showSecret, when } from "./admin-parts.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { element } from "./element.js";
import { t } from "./words.js";

const form = byId("add-form");
let names = new Map();

const preview = (units) => `/shared?${new URLSearchParams({ units: units.join(",") })}`;

const kind = {
  path: "/_shares",
  label: t("Share links"),
  titles: [t("Name"), t("Units"), t("Last opened"), t("Made")],
  row: (share) => [
    element("b", {}, share.name),
    element("a", { href: preview(share.units), title: t("what guests see") }, share.units.map((unitId) => names.get(unitId) ?? unitId).join(", ")),
    when(share.last_used_at, t("never")),
    t("{time} by {name}", { time: when(share.created_at), name: share.created_by }),
  ],
  empty: t("There is no link yet. One made below can be sent to whoever shall see the levels."),
  consequence: t("Whoever has the link sees nothing any more, and open pages say so. It cannot be made good again."),
};

async function load() {
  try {
    drawGrants(byId("list"), (await call("/_shares")).shares, kind, load);
  } catch (error) {
    say(error.message, "bad");
  }
}

function refuseNone(units) {
  if (units.length) return;
  throw Object.assign(new Error(t("Choose at least one unit to show.")), { fields: [{ field: "units", message: t("choose at least one") }] });
}

onSubmit(form, async () => {
  const units = chosenUnits(form);
  refuseNone(units);
  const { name, language } = form.elements;
  const made = await call("/_shares", { method: "POST", body: { name: name.value, units, expires_at: expiryOf(form) } });
  const value = language.value ? `${made.url}?lang=${language.value}` : made.url;
  const title = t("The link “{name}”", { name: name.value });
  form.reset();
  followExpiry(form);
  const lines = [element("p", {}, t("Send it to whoever shall see the levels. Everybody who has it can pass it on."))];
  showSecret(byId("made"), { title, value, lines });
  load();
});

byId("preview").addEventListener("click", () => {
  const units = chosenUnits(form);
  if (units.length) open(preview(units), "_blank", "noopener");
  else form.querySelector(".outcome").textContent = t("Choose at least one unit to show.");
});

new AlertBadge();
followExpiry(form);
try {
  names = await drawUnits(byId("units"));
} catch (error) {
  say(error.message, "bad");
}
load();
