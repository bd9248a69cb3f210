// What the pages of the administration share: times, outcomes, a secret that is shown once, units to choose, and ends.

import { call } from "./api.js";
import { element, table } from "./element.js";
import { clearErrors, showErrors } from "./field-errors.js";
import { t } from "./words.js";
import { ZoneClock } from "./zone.js";

const DAY_MS = 86400000;
const COPIED_MS = 4000;

export const byId = (id) => document.getElementById(id);
export const clock = new ZoneClock();
export const isAdmin = document.documentElement.dataset.role === "admin";
export const roles = () => ({ viewer: t("viewer"), operator: t("operator"), admin: t("administrator") });

// The place for outcomes of the page as a whole.
export function say(text, kind = "good") {
  const place = byId("outcome");
  place.dataset.kind = kind;
  place.textContent = text;
}

export const when = (stamp, otherwise = "–") => (stamp ? clock.minute(stamp) : otherwise);

// A table that stands as a list of cards on a phone; the roles keep it a table for those who hear the page.
// A column of buttons has no title to see.
export function listed(label, titles, rows) {
  const columns = titles.map((title) => ({ title: title || element("span", { className: "unseen" }, t("Actions")) }));
  const made = table(label, columns, rows);
  const inner = made.querySelector("table");
  inner.classList.add("stacks");
  inner.setAttribute("role", "table");
  for (const line of inner.querySelectorAll("tr")) line.setAttribute("role", "row");
  for (const group of inner.querySelectorAll("thead, tbody")) group.setAttribute("role", "rowgroup");
  for (const head of inner.querySelectorAll("th")) head.setAttribute("role", "columnheader");
  for (const cell of inner.querySelectorAll("td")) {
    cell.setAttribute("role", "cell");
    cell.dataset.label = titles[cell.cellIndex];
  }
  return made;
}

// A button in a row: a few words, and for whom, for those who hear the page.
export function button(text, about, handler, className = "quiet") {
  const made = element("button", { type: "button", className, "aria-label": `${text}: ${about}` }, text);
  made.addEventListener("click", handler);
  return made;
}

// Does something for a button and tells the page what came of it; true when it was done.
export async function attempt(action, done) {
  try {
    await action();
    say(done);
    return true;
  } catch (error) {
    say(error.message, "bad");
    return false;
  }
}

// action(form) is done on submit; what the service refuses stands beside the field it names.
export function onSubmit(form, action) {
  const outcome = form.querySelector(".outcome");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const send = form.querySelector("[type=submit]");
    if (send.disabled) return;
    send.disabled = true;
    outcome.textContent = "";
    clearErrors(form);
    try {
      await action(form);
    } catch (error) {
      showErrors(form, outcome, error);
    }
    send.disabled = false;
  });
}

// Shows what is shown only once, with a button that copies it. Beneath it what it is good for.
export function showSecret(place, { title, value, lines = [] }) {
  const field = element("input", { readOnly: true, value, className: "secret", id: "secret", "aria-label": title });
  const told = element("span", { className: "hint", role: "status" });
  const copy = element("button", { type: "button", className: "primary" }, t("Copy"));
  const gone = element("button", { type: "button", className: "quiet" }, t("I have it"));
  copy.addEventListener("click", async () => {
    field.select();
    const isCopied = await copied(value);
    told.textContent = isCopied ? t("copied") : t("marked: copy it with the keyboard");
    setTimeout(() => (told.textContent = ""), COPIED_MS);
  });
  gone.addEventListener("click", () => place.replaceChildren());
  const heading = element("h2", { tabIndex: -1 }, title);
  const row = element("div", { className: "secret-row" }, field, copy, gone, told);
  const warning = element("p", {}, element("strong", {}, t("It is shown this once and cannot be found out later.")));
  place.replaceChildren(element("section", { className: "notice secret-box" }, heading, warning, row, lines));
  heading.focus();
}

// The clipboard is there for pages over https and on this machine only; what is marked can be copied the old way.
async function copied(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}

// A choice of units by name; read with chosenUnits.
export async function drawUnits(place) {
  const { devices } = await call("/roster");
  place.replaceChildren(
    ...devices.map(({ unit_id: unitId, name }) => {
      const box = element("input", { type: "checkbox", name: "unit", value: unitId });
      return element("label", { className: "choice" }, box, name ? `${name} (${unitId})` : unitId);
    }),
  );
  if (!devices.length) place.append(element("p", { className: "hint" }, t("There are no units yet; the meters page adds the first one.")));
  return new Map(devices.map((device) => [device.unit_id, device.name ?? device.unit_id]));
}

export const chosenUnits = (form) => [...form.querySelectorAll("[name=unit]:checked")].map(({ value }) => value);

// The end of a token or link: days from now, the end of a day of the reader's calendar, or null for none.
export function expiryOf(form) {
  const { expiry, until } = form.elements;
  if (expiry.value === "date") {
    if (!until.value) throw Object.assign(new Error(t("Choose the day until which it is good.")), { fields: [{ field: "expires_at", message: t("choose a day") }] });
    return new Date(`${until.value}T23:59:59`).toISOString();
  }
  return expiry.value ? new Date(Date.now() + Number(expiry.value) * DAY_MS).toISOString() : null;
}

export function followExpiry(form) {
  const { expiry, until } = form.elements;
  const show = () => (until.closest("label").hidden = expiry.value !== "date");
  expiry.addEventListener("change", show);
  show();
}

// What a token or link is good for now: { text, isGood }.
export function standing({ revoked_at: revokedAt, expires_at: expiresAt }) {
  if (revokedAt) return { text: t("revoked {time}", { time: when(revokedAt) }), isGood: false };
  if (expiresAt && Date.parse(expiresAt) <= Date.now()) return { text: t("expired {time}", { time: when(expiresAt) }), isGood: false };
  return { text: expiresAt ? t("good until {time}", { time: when(expiresAt) }) : t("good until it is revoked"), isGood: true };
}
