// Shows in the head of the page whether the service itself is heard: since when not, and when it is tried again.

import { age } from "./format.js";
import { t } from "./words.js";

const element = document.getElementById("link");
const more = document.createElement("span");
let shown = { state: "connecting", detail: "", nextAt: 0 };
let lostAt = null;

// What the client says in English, in the words of the page; what the service says stays as it is.
function why(detail) {
  if (detail === "connection lost") return "";
  const known = { "the service is stopping": t("the service is stopping"), "the unit was removed": t("the unit was removed") };
  return known[detail] ?? detail;
}

function lost() {
  const lostS = Math.max(0, Date.now() - lostAt) / 1000;
  const parts = [why(shown.detail), t("for {age}", { age: lostS < 100 ? `${Math.round(lostS)} s` : age(lostS) })];
  const seconds = Math.ceil((shown.nextAt - Date.now()) / 1000);
  if (seconds > 0 && seconds < 60) parts.push(t("next try in {seconds} s", { seconds }));
  return parts.filter(Boolean).join(", ");
}

function words() {
  if (shown.state === "live") return [t("connected"), ""];
  if (shown.state === "closed") return [t("closed"), why(shown.detail)];
  if (!navigator.onLine) return [t("offline"), t("this device has no network; the page goes on by itself")];
  return lostAt ? [t("reconnecting"), lost()] : [t("connecting"), ""];
}

// The state alone is read aloud; the seconds beside it would be, every second.
function draw() {
  if (!element) return;
  if (!more.isConnected) {
    more.className = "link-more";
    element.after(more);
  }
  const [state, detail] = words();
  element.dataset.state = shown.state === "waiting" && !navigator.onLine ? "offline" : shown.state;
  if (element.textContent !== state) element.textContent = state;
  if (more.textContent !== detail) more.textContent = detail;
}

export function showLink(state, detail = "", nextAt = 0) {
  if (state === "live" || state === "closed") lostAt = null;
  else if (state === "waiting") lostAt ??= Date.now();
  shown = { state, detail: detail || (state === "connecting" ? shown.detail : ""), nextAt };
  draw();
}

setInterval(() => lostAt && draw(), 1000);
addEventListener("online", draw);
addEventListener("offline", draw);
