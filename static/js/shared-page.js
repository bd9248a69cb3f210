// The page behind a share link: follows its units, and says so when the link is good for nothing any more.

import { call } from "./api.js";
import { showLink } from "./link.js";
import { SharedUnit } from "./shared-unit.js";
import { SlmmClient } from "./slmm-client.js";
import { ServerClock } from "./store.js";
import { t } from "./words.js";

const TICK_MS = 500;
const MINUTE_MS = 60000;
const byId = (id) => document.getElementById(id);
const clock = new ServerClock();
const units = new Map();
let client = null;
let refreshing = null;

for (const root of document.querySelectorAll(".shared-unit")) units.set(root.dataset.unitId, new SharedUnit(root, clock));

async function load() {
  try {
    const { devices } = await call("/roster", { clock });
    const known = new Map(devices.map((device) => [device.unit_id, device]));
    for (const unit of units.values()) {
      const entry = known.get(unit.unitId);
      if (entry) unit.store.known(entry);
      else unit.store.isRemoved = true;
    }
    await Promise.all([...units.values()].filter(({ store }) => !store.isRemoved).map(loadUnit));
    byId("load-outcome").textContent = "";
  } catch (error) {
    byId("load-outcome").textContent = t("The figures could not be loaded: {reason}", { reason: error.message });
    check();
  }
}

async function loadUnit(unit) {
  unit.hearLimits(await call(`${unit.path}/limits/standing`));
  await unit.load();
}

// Whoever comes by a link that has ended is nobody to the service.
async function check() {
  try {
    const me = await call("/_me");
    if (me.role === "public") end();
  } catch {
    /* the service does not answer: the head of the page says so */
  }
}

function end() {
  byId("ended").hidden = false;
  client?.close();
  clearInterval(refreshing);
  for (const unit of units.values()) unit.hasEnded = true;
}

function follow() {
  client = new SlmmClient({
    units: [...units.keys()],
    onFrame: (frame) => {
      if (frame.feed_status !== "unreachable") clock.heard(Date.parse(frame.timestamp));
      units.get(frame.unit_id)?.store.take(frame);
    },
    onLimits: (payload) => units.get(payload.unit_id)?.hearLimits(payload),
    onTime: (ms) => clock.told(ms),
    onState: (state, detail, nextAt) => {
      showLink(state, detail, nextAt);
      if (state === "waiting" || state === "closed") check();
    },
  });
}

await load();
if (byId("ended").hidden) start();

function start() {
  refreshing = setInterval(load, MINUTE_MS);
  if (units.size) follow();
  else byId("link").hidden = true;
}

setInterval(() => units.forEach((unit) => unit.draw()), TICK_MS);
