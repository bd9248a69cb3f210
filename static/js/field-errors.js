// What the service refuses, said beside the field it names; what names none of the form's fields is said once below.

import { element } from "./element.js";
import { language } from "./words.js";

// Takes away what the last attempt left behind.
export function clearErrors(form) {
  for (const note of form.querySelectorAll(".field-error")) note.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

// The field of the longest name that fits: "rows.0.period.length", else "rows.0.period", else "rows.0".
function fieldOf(form, name) {
  const parts = name.split(".");
  while (parts.length) {
    const found = form.querySelector(`[data-field="${CSS.escape(parts.join("."))}"]`);
    if (found) return found;
    parts.pop();
  }
  return null;
}

// What the service says of a field is English; what the page itself says is in the page's language.
// prefix is what the request puts around the members of this form, such as "rule".
export function showErrors(form, outcome, error, prefix = "") {
  clearErrors(form);
  let first = null;
  const rest = [];
  for (const { field, message } of error.fields ?? []) {
    const name = prefix && field.startsWith(`${prefix}.`) ? field.slice(prefix.length + 1) : field;
    const place = fieldOf(form, name);
    if (!place) {
      rest.push(`${name}: ${message}`);
      continue;
    }
    first ??= place;
    const note = element("span", { className: "field-error", lang: error.status ? "en" : language, id: `error-${name.replaceAll(".", "-")}` }, message);
    place.setAttribute("aria-invalid", "true");
    place.setAttribute("aria-describedby", note.id);
    place.after(note);
  }
  outcome.dataset.kind = "bad";
  outcome.textContent = first && rest.length === 0 ? error.message : rest.join("; ") || error.message;
  (first?.matches("input, select, textarea") ? first : first?.querySelector("input, select, textarea"))?.focus();
}
