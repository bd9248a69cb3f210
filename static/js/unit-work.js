// The unit a page is about: its name, its way in the interface, its site's clock, and what the reader may do with it.

import { ZoneClock } from "./zone.js";

const RANK = ["guest", "viewer", "operator", "admin"];
const page = document.getElementById("unit");

export const unitId = page.dataset.unitId;
export const path = `/${encodeURIComponent(unitId)}`;
export const clock = new ZoneClock(page.dataset.zone);
export const may = (role) => RANK.indexOf(document.documentElement.dataset.role) >= RANK.indexOf(role);

// A sentence under a form or beside a button: kind is good, bad, or nothing while it is under way.
export function tell(place, text, kind = "") {
  place.dataset.kind = kind;
  if (place.textContent !== text) place.textContent = text;
}
