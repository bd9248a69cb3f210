// What every page has: language and colours, keyboard help, the way out.

import { call } from "./api.js";
import { listenForKeys, onKey } from "./keys.js";
import { t } from "./words.js";

const YEAR_S = 31536000;
const byId = (id) => document.getElementById(id);

// In a cookie, so that the next page comes in the right language and colours from the start.
function remember(name, value) {
  document.cookie = `${name}=${value}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax`;
}

byId("language")?.addEventListener("change", ({ target }) => {
  remember("slmm_language", target.value);
  location.reload();
});

byId("theme")?.addEventListener("change", ({ target }) => {
  remember("slmm_theme", target.value);
  document.documentElement.dataset.theme = target.value;
  dispatchEvent(new Event("slmm-theme")); // what is drawn on a canvas has to be drawn anew
});

byId("logout")?.addEventListener("click", async () => {
  await call("/_logout", { method: "POST" }).catch(() => {});
  location.assign("/login");
});

// An open panel closes with Escape and by a click elsewhere, as people expect of a menu.
const look = byId("look");
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !look?.open) return;
  look.open = false;
  look.querySelector("summary").focus();
});
addEventListener("click", ({ target }) => {
  if (look?.open && !look.contains(target)) look.open = false;
});

listenForKeys();
for (const link of document.querySelectorAll(".top nav a")) {
  const key = { "/": "w", "/alerts": "a", "/history": "h", "/roster": "m" }[link.pathname];
  if (key) onKey(key, t("go to {page}", { page: link.firstChild.textContent.trim() }), () => location.assign(link.href));
}
