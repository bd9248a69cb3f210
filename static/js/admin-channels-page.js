// Channels with their health, what waits or was given up, and recipients.

import { ChannelForm } from "./admin-channel-form.js";
import { KINDS } from "./admin-channel-fields.js";
import { givenUp, health, waiting } from "./admin-channel-words.js";
import { attempt, button, byId, isAdmin, listed, onSubmit, say, when } from "./admin-parts.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element } from "./element.js";
import { t } from "./words.js";

const MOST = 1000;
const SHOWN = 50;
const EVERY_MS = 15000;
const channelForm = isAdmin ? new ChannelForm(load) : null;

// -- channels -------------------------------------------------------------------------------------------

function channelRow(channel, pending, dead) {
  const { text, kind } = health(channel);
  const state = element("span", {}, element("span", { className: "admin-state", dataset: { kind } }, text));
  if (channel.last_error && channel.health !== "ok") state.append(element("br"), element("span", { className: "hint" }, channel.last_error));
  const mine = (messages) => messages.filter((message) => message.channel === channel.name).length;
  return [
    element("b", {}, channel.name),
    KINDS[channel.kind]?.title ?? channel.kind,
    state,
    when(channel.last_ok_at, t("never")),
    [waiting(mine(pending)), givenUp(mine(dead))].filter(Boolean).join(", ") || "–",
    channelForm ? button(t("Change and try"), channel.name, () => channelForm.open(channel)) : "",
  ];
}

function drawChannels(channels, pending, dead) {
  const titles = [t("Name"), t("Kind"), t("State"), t("Last delivered"), t("Messages"), ""];
  const always = [element("b", {}, "log"), t("Log of the service"), t("always there; tells nobody by itself"), "–", "–", ""];
  const rows = [...channels.map((channel) => channelRow(channel, pending, dead)), always];
  const none = channels.length ? null : element("p", {}, t("Nobody is told of alerts yet: they stand in the inbox and in the log only. Add a channel, then name it in the rules of your units."));
  byId("channels").replaceChildren(...[none, listed(t("Channels"), titles, rows)].filter(Boolean));
}

// -- messages -------------------------------------------------------------------------------------------

function messageRow(message) {
  const isDead = message.status === "dead";
  const state = isDead ? t("given up") : t("waits, next try {time}", { time: when(message.not_before) });
  const again = button(t("Send again"), message.subject, () => redeliver(message));
  return [message.subject, `${message.channel} ${message.recipient}`, state, message.last_error ?? "–", when(message.created_at), again];
}

async function redeliver(message) {
  await attempt(() => call(`/_alerts/messages/${message.uid}/redeliver`, { method: "POST", body: {} }), t("It is tried again now."));
  load();
}

function drawMessages(pending, dead) {
  const found = [...dead, ...pending].slice(0, SHOWN);
  const titles = [t("Message"), t("To"), t("State"), t("Reason"), t("Written"), ""];
  const empty = element("p", {}, t("Nothing waits and nothing was given up. A message is tried for hours before it is given up, and then it stands here."));
  const lists = found.length ? listed(t("Waiting and given up"), titles, found.map(messageRow)) : empty;
  const more = pending.length + dead.length - found.length;
  byId("undelivered").replaceChildren(...[lists, more > 0 ? element("p", { className: "hint" }, t("and {n} more", { n: more })) : null].filter(Boolean));
}

// -- recipients -----------------------------------------------------------------------------------------

const recipientForm = byId("recipient-form");

function fill(recipient) {
  const { elements } = recipientForm;
  for (const name of ["address", "name", "quiet_start", "quiet_end", "timezone"]) elements[name].value = recipient[name] ?? "";
  elements.quiet_for_red.checked = recipient.quiet_for_red;
  elements.address.focus();
}

async function forget({ address }) {
  const lines = [t("Rules that name the address go on telling it, at any hour.")];
  if (!(await askFirst({ title: t("Forget {address}?", { address }), lines, action: t("Forget"), isDangerous: true }))) return;
  await attempt(() => call(`/_alerts/recipients/${encodeURIComponent(address)}`, { method: "DELETE" }), t("{address} is forgotten.", { address }));
  load();
}

function recipientRow(recipient) {
  const { address, name, quiet_start: from, quiet_end: until, quiet_for_red: isForRed, timezone } = recipient;
  const quiet = from && until ? `${from}–${until}${timezone ? ` ${timezone}` : ""}${isForRed ? `, ${t("also red")}` : ""}` : t("none");
  const buttons = element("span", { className: "buttons" }, button(t("Change"), address, () => fill(recipient)), button(t("Forget"), address, () => forget(recipient)));
  return [element("b", {}, address), name ?? "–", quiet, buttons];
}

function drawRecipients(recipients) {
  const titles = [t("Address"), t("Name"), t("Quiet hours"), ""];
  const empty = element("p", {}, t("Nothing is known of anybody: whoever a rule names is told at any hour."));
  byId("recipients").replaceChildren(recipients.length ? listed(t("Recipients"), titles, recipients.map(recipientRow)) : empty);
}

onSubmit(recipientForm, async ({ elements }) => {
  const text = (name) => elements[name].value.trim() || null;
  const address = elements.address.value.trim();
  const body = { name: text("name"), quiet_start: text("quiet_start"), quiet_end: text("quiet_end"), timezone: text("timezone"), quiet_for_red: elements.quiet_for_red.checked };
  await call(`/_alerts/recipients/${encodeURIComponent(address)}`, { method: "PUT", body });
  say(t("{address} is saved.", { address }));
  recipientForm.reset();
  load();
});

// -- all of it ------------------------------------------------------------------------------------------

async function load() {
  try {
    const [{ channels }, pending, dead, { recipients }] = await Promise.all([
      call("/_alerts/channels"),
      call(`/_alerts/messages?state=pending&limit=${MOST}`),
      call(`/_alerts/messages?state=dead&limit=${MOST}`),
      call("/_alerts/recipients"),
    ]);
    drawChannels(channels, pending.messages, dead.messages);
    drawMessages(pending.messages, dead.messages);
    drawRecipients(recipients);
  } catch (error) {
    say(error.message, "bad");
  }
}

for (const add of document.querySelectorAll("[data-add]")) add.addEventListener("click", () => channelForm.open({ kind: add.dataset.add }));
new AlertBadge();
load();
// Drawn anew only while nobody is at one of its buttons: the focus would be lost.
setInterval(() => {
  if (!document.hidden && !document.activeElement?.closest(".table-box, dialog, form")) load();
}, EVERY_MS);
