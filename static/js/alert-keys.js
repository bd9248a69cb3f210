// The inbox by keyboard: j and k go from one alert to the next, e acknowledges the one that has the focus.

import { onKey } from "./keys.js";
import { t } from "./words.js";

const shown = () => [...document.querySelectorAll(".events > .event[data-event-id]")].filter((entry) => entry.checkVisibility());
const current = () => document.activeElement?.closest?.(".event[data-event-id]") ?? null;

function move(by) {
  const entries = shown();
  if (entries.length === 0) return;
  const at = entries.indexOf(current());
  const next = entries[at < 0 ? (by > 0 ? 0 : entries.length - 1) : Math.min(entries.length - 1, Math.max(0, at + by))];
  next.tabIndex = -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

// Does what the button would do; without one that is offered, nothing.
function press(act) {
  (current() ?? shown()[0])?.querySelector(`[data-act=${act}]:not([hidden])`)?.click();
}

export function listenForInboxKeys({ mayAct, filter }) {
  onKey("j", t("next alert"), () => move(1));
  onKey("k", t("alert before"), () => move(-1));
  onKey("/", t("filter"), filter);
  if (!mayAct) return;
  onKey("e", t("acknowledge"), () => press("acknowledge"));
  onKey("c", t("add a note"), () => press("note"));
  onKey("s", t("snooze"), () => press("snooze"));
}
