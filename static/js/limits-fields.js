// Fields of a form as members of a document and back; and the document itself as JSON, for what the form does not show.

import { t } from "./words.js";

// What a field holds, as its data-kind says; an empty one is null.
export function read(field) {
  const { kind } = field.dataset;
  if (kind === "flag") return field.checked;
  const text = field.value.trim();
  if (text === "") return null;
  if (kind === "number") return Number(text);
  if (kind === "percent") return Number(text) / 100;
  return text;
}

export function write(field, value) {
  const { kind } = field.dataset;
  if (kind === "flag") field.checked = Boolean(value);
  else if (kind === "percent") field.value = value == null ? "" : String(Math.round(value * 1000) / 10);
  else field.value = value ?? field.dataset.default ?? "";
}

// The JSON of a form in a <details>: made anew when it is opened, and taken over when it is changed by hand.
export class JsonField {
  constructor(details, { make, take }) {
    this.details = details;
    this.area = details.querySelector("textarea");
    this.outcome = details.querySelector(".outcome");
    this.make = make;
    details.addEventListener("toggle", () => this.refresh());
    this.area.addEventListener("change", () => {
      try {
        take(JSON.parse(this.area.value));
        this.outcome.textContent = t("The fields show what stands here.");
        this.outcome.dataset.kind = "good";
      } catch (error) {
        this.outcome.textContent = t("This is no JSON: {error}", { error: error.message });
        this.outcome.dataset.kind = "bad";
      }
    });
  }

  refresh() {
    if (!this.details.open) return;
    this.area.value = JSON.stringify(this.make(), null, 2);
    this.outcome.textContent = "";
  }
}
