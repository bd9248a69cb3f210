// The settings of one unit: what is expected, what the meter says, templates, its clock, and how it is reached.

import { AlertBadge } from "./alert-badge.js";
import { askFirst } from "./ask-first.js";
import { call } from "./api.js";
import { element } from "./element.js";
import { number, t } from "./words.js";
import { Drift } from "./unit-drift.js";
import { MeterSettings } from "./unit-meter-settings.js";
import { beginConfiguration } from "./unit-configuration.js";
import { clock, path, tell } from "./unit-work.js";

const AMBER_S = 2;
const RED_S = 10;
const byId = (id) => document.getElementById(id);

function fact(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value));
}

function offsetWords(offsetS) {
  const size = Math.abs(offsetS);
  const text = offsetS >= 0 ? t("{n} s ahead", { n: number(size, 1) }) : t("{n} s behind", { n: number(size, 1) });
  if (size > RED_S) return t("{offset}: wrong, set it", { offset: text });
  return size > AMBER_S ? t("{offset}: set it when nothing is measured", { offset: text }) : t("{offset}: good", { offset: text });
}

async function readClock() {
  tell(byId("clock-outcome"), t("asking the meter …"));
  try {
    const said = await call(`${path}/clock`);
    byId("clock-facts").replaceChildren(
      fact(t("It shows"), said.clock),
      fact(t("Taken to be in"), said.timezone),
      fact(t("Against the service"), offsetWords(said.offset_s)),
      fact(t("Read at"), clock.time(Date.now())),
    );
    tell(byId("clock-outcome"), "");
  } catch (error) {
    tell(byId("clock-outcome"), t("The clock could not be read: {why}", { why: error.message }), "bad");
  }
}

async function setClock() {
  const isSure = await askFirst({
    title: t("Set the meter's clock?"),
    lines: [t("It is set to the present time in the zone of the unit. Files on the card that are being written would jump in time, so a measuring meter refuses.")],
    action: t("Set the clock"),
  });
  if (!isSure) return;
  tell(byId("clock-outcome"), t("sent; waiting for the meter …"));
  try {
    const { message } = await call(`${path}/clock`, { method: "PUT", body: {} });
    await readClock();
    tell(byId("clock-outcome"), message, "good");
  } catch (error) {
    tell(byId("clock-outcome"), t("The clock was not set: {why}", { why: error.message }), "bad");
  }
}

new AlertBadge();
beginConfiguration();
const drift = new Drift();
const settings = new MeterSettings((now, changed) => (now ? drift.compared(now, changed) : drift.load()));
drift.whenChanged = () => settings.read();
byId("clock-read").addEventListener("click", readClock);
byId("clock-set")?.addEventListener("click", setClock);
await drift.load();
await settings.begin();
await readClock();
