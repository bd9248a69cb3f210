// Adds a meter: where it is, whether it answers, what it is called; every step can be gone back to.

import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { clearErrors, showErrors } from "./field-errors.js";
import { address, facts, prepare, shortName } from "./roster-fields.js";
import { StepList, probe } from "./roster-probe.js";
import { t } from "./words.js";

const byId = (id) => document.getElementById(id);
const where = byId("where");
const form = byId("facts-form");
const steps = new StepList(byId("steps"));
let running = null;
let isOwnName = false; // somebody has typed a short name of their own

new AlertBadge();
form.elements.reading.value = "kept";
form.elements.ftp_enabled.checked = true;
const known = await call("/roster").catch(() => ({ devices: [] }));
prepare(form, known.devices.map(({ site }) => site).filter(Boolean));
where.elements.host.focus();

function open(id) {
  byId(id).hidden = false;
}

function isSound(checked) {
  clearErrors(checked);
  const wrong = [...checked.elements].find((field) => field.willValidate && !field.validity.valid);
  if (!wrong) return true;
  const message = wrong.validationMessage;
  showErrors(checked, checked.querySelector(".outcome"), Object.assign(new Error(message), { fields: [{ field: wrong.name, message }] }));
  return false;
}

where.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!isSound(where)) return;
  const outcome = where.querySelector(".outcome");
  outcome.textContent = "";
  steps.clear();
  running?.abort();
  running = new AbortController();
  byId("try").disabled = true;
  byId("trial-end").textContent = "";
  open("trial");
  try {
    await probe(address(where), hear, running.signal);
  } catch (error) {
    if (error.name !== "AbortError") showErrors(where, outcome, error);
  } finally {
    byId("try").disabled = false;
    byId("try").textContent = t("Try it again");
  }
});

function hear(step) {
  if (step.step !== "end") {
    steps.show(step);
    return;
  }
  const end = byId("trial-end");
  end.dataset.state = step.state;
  const isKnown = Boolean(step.found.unit_id);
  if (isKnown) end.textContent = t("This meter need not be added.");
  else if (step.state === "failed") end.textContent = t("It cannot be read as things are. Put it right and try again, or add it all the same: it is read as soon as it answers.");
  else if (step.state === "warning") end.textContent = t("It can be read. Mind what is marked above.");
  else end.textContent = t("It can be read.");
  byId("facts").hidden = isKnown;
  if (step.found.serial_number && !isOwnName && !form.elements.name.value) form.elements.unit_id.value = shortName(`nl43-${step.found.serial_number}`);
  // Only once something came of it: who tries again is still busy above.
  if (step.state !== "failed") byId("facts-title").focus();
}

byId("skip").addEventListener("click", () => {
  if (!isSound(where)) return;
  open("facts");
  byId("facts-title").focus();
});

form.elements.name.addEventListener("input", ({ target }) => {
  if (!isOwnName) form.elements.unit_id.value = shortName(target.value);
});
form.elements.unit_id.addEventListener("input", ({ target }) => {
  isOwnName = target.value !== "";
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!isSound(where) || !isSound(form)) return;
  const outcome = form.querySelector(".outcome");
  outcome.textContent = "";
  byId("take-on").disabled = true;
  try {
    const unitId = form.elements.unit_id.value;
    await call("/roster", { method: "POST", body: { unit_id: unitId, ...address(where), ...facts(form) } });
    finish(unitId, form.elements.name.value.trim() || unitId);
  } catch (error) {
    // What is wrong may stand in the form above.
    const isAbove = error.fields?.some(({ field }) => where.elements[field]);
    showErrors(isAbove ? where : form, (isAbove ? where : form).querySelector(".outcome"), error);
  } finally {
    byId("take-on").disabled = false;
  }
});

function finish(unitId, name) {
  for (const id of ["trial", "facts"]) byId(id).hidden = true;
  where.closest("section").hidden = true;
  open("done");
  byId("done-title").textContent = t("{name} is on the roster", { name });
  byId("see-live").href = `/unit/${encodeURIComponent(unitId)}`;
  byId("see-limits").href = `/unit/${encodeURIComponent(unitId)}/limits`;
  byId("done-title").focus();
}
