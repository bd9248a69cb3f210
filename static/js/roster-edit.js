// The dialog that changes what is known of one meter.

import { call } from "./api.js";
import { clearErrors, showErrors } from "./field-errors.js";
import { address, facts, fill, prepare } from "./roster-fields.js";
import { t } from "./words.js";

const dialog = document.getElementById("edit");
const form = document.getElementById("edit-form");
let present = null;

// saved() is called once the service has taken the change.
export function openEditor(entry, sites, saved) {
  if (!present) prepare(form, sites);
  present = { entry, saved };
  clearErrors(form);
  form.querySelector(".outcome").textContent = "";
  document.getElementById("edit-title").textContent = t("Change {name}", { name: entry.name || entry.unit_id });
  document.getElementById("edit-note").textContent = t("Short name {unit}: it stays for good.", { unit: entry.unit_id });
  for (const name of ["host", "tcp_port", "ftp_port", "ftp_username"]) form.elements[name].value = entry[name] ?? "";
  form.elements.ftp_password.value = "";
  form.elements.ftp_password.placeholder = entry.ftp_password_set ? t("one is set") : t("that of the factory");
  fill(form, entry);
  dialog.showModal();
  form.elements.name.focus();
}

if (form) {
  form.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const outcome = form.querySelector(".outcome");
    const button = form.querySelector("[type=submit]");
    clearErrors(form);
    outcome.textContent = "";
    button.disabled = true;
    try {
      const body = { ...address(form), ...facts(form) };
      await call(`/${encodeURIComponent(present.entry.unit_id)}/config`, { method: "PUT", body });
      dialog.close();
      present.saved();
    } catch (error) {
      showErrors(form, outcome, error);
    } finally {
      button.disabled = false;
    }
  });
}
