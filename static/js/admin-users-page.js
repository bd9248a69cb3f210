// Accounts: who may come in, as what, and where they are logged in.

import { attempt, button, byId, listed, onSubmit, roles, say, when } from "./admin-parts.js";
import { drawSessions } from "./admin-sessions.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element } from "./element.js";
import { t, tn } from "./words.js";

const SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"; // without those that look alike
const GROUPS = 4;
const GROUP = 5;
const dialog = byId("user-dialog");
let shown = null;

// Four groups of five: 99 bits, and still to be read out over the telephone.
function madeUp() {
  const draw = crypto.getRandomValues(new Uint32Array(GROUPS * GROUP));
  const signs = [...draw].map((number) => SIGNS[number % SIGNS.length]).join("");
  return signs.match(new RegExp(`.{${GROUP}}`, "g")).join("-");
}

for (const [id, form] of [["make-up", "add-form"], ["make-up-new", "user-form"]]) {
  byId(id).addEventListener("click", () => {
    const { password } = byId(form).elements;
    password.value = madeUp();
    password.select();
  });
}

function row(user) {
  const state = user.is_enabled ? tn(user.sessions, "logged in once", "logged in {n} times") : t("may not log in");
  return [
    element("b", {}, user.name),
    roles()[user.role],
    user.is_enabled && !user.sessions ? t("not logged in") : state,
    when(user.last_seen_at ?? user.last_login_at, t("never")),
    when(user.created_at),
    button(t("Change"), user.name, () => open(user)),
  ];
}

async function load() {
  try {
    const { users } = await call("/_users");
    const titles = [t("Name"), t("Role"), t("State"), t("Last seen"), t("Made"), ""];
    const empty = element("p", {}, t("There are no accounts yet. The first one you make must be an administrator, so that somebody can make the others."));
    byId("users").replaceChildren(users.length ? listed(t("Accounts"), titles, users.map(row)) : empty);
    if (!users.length) byId("add-form").elements.role.value = "admin";
    return users;
  } catch (error) {
    say(error.message, "bad");
    return [];
  }
}

const pathOf = (name) => `/_users/${encodeURIComponent(name)}`;

async function loadSessions() {
  const { sessions } = await call(`${pathOf(shown.name)}/sessions`);
  drawSessions(byId("sessions"), sessions, async (session) => {
    await attempt(() => call(`${pathOf(shown.name)}/sessions/${session.id}`, { method: "DELETE" }), t("The login is ended."));
    if (session.is_this) location.reload();
    await loadSessions();
    load();
  });
}

function open(user) {
  shown = user;
  const form = byId("user-form");
  byId("user-title").textContent = user.name;
  form.elements.role.value = user.role;
  form.elements.is_enabled.checked = user.is_enabled;
  form.elements.password.value = "";
  form.querySelector(".outcome").textContent = "";
  byId("sessions").replaceChildren();
  dialog.showModal();
  loadSessions().catch((error) => (byId("sessions").textContent = error.message));
}

onSubmit(byId("user-form"), async ({ elements }) => {
  const body = { role: elements.role.value, is_enabled: elements.is_enabled.checked };
  if (elements.password.value) body.password = elements.password.value;
  await call(pathOf(shown.name), { method: "PUT", body });
  dialog.close();
  say(t("{name} is changed.", { name: shown.name }));
  load();
});

byId("close-user").addEventListener("click", () => dialog.close());

byId("remove-user").addEventListener("click", async () => {
  const lines = [t("The account and its logins end at once. What it did stays in the audit log under its name.")];
  if (!(await askFirst({ title: t("Remove {name}?", { name: shown.name }), lines, action: t("Remove"), isDangerous: true }))) return;
  const outcome = byId("user-form").querySelector(".outcome");
  try {
    await call(pathOf(shown.name), { method: "DELETE" });
  } catch (error) {
    outcome.textContent = error.message;
    return;
  }
  dialog.close();
  say(t("{name} is removed.", { name: shown.name }));
  load();
});

onSubmit(byId("add-form"), async (form) => {
  const { name, role, password } = form.elements;
  const body = { name: name.value, role: role.value, password: password.value };
  await call("/_users", { method: "POST", body });
  say(t("{name} may come in as {role}.", { name: body.name, role: roles()[body.role] }));
  form.reset();
  load();
});

new AlertBadge();
load();
