// One's own account: the password, and where one is logged in.

import { attempt, byId, onSubmit, say } from "./admin-parts.js";
import { drawSessions } from "./admin-sessions.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { t } from "./words.js";

async function load() {
  try {
    const { sessions } = await call("/_sessions");
    drawSessions(byId("sessions"), sessions, end);
  } catch (error) {
    say(error.message, "bad");
  }
}

async function end(session) {
  const isDone = await attempt(() => call(`/_sessions/${session.id}`, { method: "DELETE" }), t("The login is ended."));
  if (isDone && session.is_this) location.assign("/login");
  else load();
}

const form = byId("password-form");
if (form) {
  onSubmit(form, async ({ elements }) => {
    const body = { old_password: elements.old_password.value, new_password: elements.new_password.value };
    await call("/_me/password", { method: "PUT", body });
    form.reset();
    say(t("The password is changed. Every other login of yours has ended."));
    load();
  });
  load();
}
new AlertBadge();
