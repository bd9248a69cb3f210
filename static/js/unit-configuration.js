// The form of how a unit is called and reached; what is refused is said beside its field.

import { call } from "./api.js";
import { clearErrors, showErrors } from "./field-errors.js";
import { path, tell } from "./unit-work.js";
import { t } from "./words.js";

const NUMBERS = new Set(["tcp_port", "ftp_port", "poll_interval_seconds", "latitude", "longitude"]);
const CLEARED = new Set(["name", "site", "latitude", "longitude"]); // an empty field takes these away; others stay as they are

function read(input) {
  if (input.type === "checkbox") return input.checked;
  const text = input.value.trim();
  if (!NUMBERS.has(input.dataset.field)) return text;
  const value = Number(text.replace(",", "."));
  return Number.isNaN(value) ? text : value; // the service says what is wrong with it
}

// Only what was changed here: somebody else may have changed the rest meanwhile.
function changes(form) {
  const found = {};
  for (const input of form.querySelectorAll("[data-field]")) {
    const isChanged = input.type === "checkbox" ? input.checked !== input.defaultChecked : input.value !== input.defaultValue;
    if (!isChanged) continue;
    const isEmpty = input.type !== "checkbox" && input.value.trim() === "";
    if (isEmpty && !CLEARED.has(input.dataset.field)) continue;
    found[input.dataset.field] = isEmpty ? null : read(input);
  }
  // A place has both or neither.
  for (const [one, other] of [["latitude", "longitude"], ["longitude", "latitude"]]) {
    if (one in found && !(other in found)) {
      const input = form.querySelector(`[data-field="${other}"]`);
      found[other] = input.value.trim() === "" ? null : read(input);
    }
  }
  return found;
}

function settle(form) {
  for (const input of form.querySelectorAll("[data-field]")) {
    input.defaultChecked = input.checked;
    input.defaultValue = input.type === "password" ? (input.value = "") : input.value;
  }
}

export function beginConfiguration() {
  const form = document.getElementById("configuration-form");
  const outcome = document.getElementById("configuration-outcome");
  const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
  document.getElementById("zones").append(...zones.map((zone) => new Option(zone, zone)));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = changes(form);
    clearErrors(form);
    if (Object.keys(body).length === 0) return tell(outcome, t("Nothing was changed."));
    tell(outcome, t("saving …"));
    try {
      await call(`${path}/config`, { method: "PUT", body });
      settle(form);
      tell(outcome, t("Saved; it holds from now on."), "good");
    } catch (error) {
      showErrors(form, outcome, error);
    }
    return undefined;
  });
}
