// The button in the head of every page.

import { call } from "./api.js";

document.getElementById("logout").addEventListener("click", async () => {
  await call("/_logout", { method: "POST" }).catch(() => {});
  location.assign("/login");
});
