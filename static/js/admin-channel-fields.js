// The settings of each kind of channel as a form, and what the form says as settings.

import { element } from "./element.js";
import { t } from "./words.js";

const timeout = { name: "timeout_s", label: t("Seconds to wait for an answer"), type: "number", min: 1, max: 60, isRare: true };

export const KINDS = {
  email: {
    title: t("Mail"),
    about: t("Handed over to a mail server (SMTP); each recipient gets a mail of their own."),
    takesRecipient: true,
    fields: [
      { name: "host", label: t("Mail server"), isNeeded: true },
      { name: "security", label: t("Encryption"), options: { starttls: "STARTTLS (587)", tls: "TLS (465)", none: t("none (25)") } },
      { name: "port", label: t("Port (empty: as the encryption has it)"), type: "number", min: 1, max: 65535 },
      { name: "username", label: t("User name") },
      { name: "password", label: t("Password"), isSecret: true },
      { name: "sender", label: t("Sender address"), isNeeded: true },
      { name: "sender_name", label: t("Sender name") },
      { name: "hostname", label: t("Own host name (empty: of the sender's address)"), isRare: true },
      { name: "max_attachment_bytes", label: t("Most bytes of attachments"), type: "number", min: 0, max: 20000000, isRare: true },
      timeout,
    ],
  },
  webhook: {
    title: t("Webhook"),
    about: t("Each alert is posted as JSON to an address, signed if a secret is given (Standard Webhooks)."),
    fields: [
      { name: "url", label: t("Address (https://…)"), isNeeded: true },
      { name: "secret", label: t("Secret for the signature (whsec_…)"), isSecret: true },
      { name: "allow_private", label: t("may be an address in this network"), type: "checkbox" },
      { name: "old_secret", label: t("Old secret, while receivers change"), isSecret: true, isRare: true },
      { name: "headers", label: t("Headers, one a line: Name: value"), type: "pairs", isSecret: true, isRare: true },
    ],
  },
  mqtt: {
    title: "MQTT",
    about: t("States and events go to a broker; Home Assistant finds the units by itself."),
    fields: [
      { name: "host", label: t("Broker"), isNeeded: true },
      { name: "tls", label: t("encrypted (TLS)"), type: "checkbox" },
      { name: "port", label: t("Port (empty: 1883, with TLS 8883)"), type: "number", min: 1, max: 65535 },
      { name: "username", label: t("User name") },
      { name: "password", label: t("Password"), isSecret: true },
      { name: "prefix", label: t("Topics begin with") },
      { name: "protocol", label: t("Version of the protocol"), options: { 5: "5", "3.1.1": "3.1.1" }, isRare: true },
      { name: "discovery_prefix", label: t("Topic where Home Assistant looks"), isRare: true },
      { name: "client_id", label: t("Client id (empty: another one each time)"), isRare: true },
      timeout,
    ],
  },
  apprise: {
    title: t("Push, SMS, chat (Apprise)"),
    about: t("Any service that Apprise knows, by its URL; {recipient} in it is replaced by the address of each recipient.", { recipient: "{recipient}" }),
    takesRecipient: true,
    fields: [{ name: "url", label: t("Apprise URL, such as tgram://…"), isSecret: true, isNeeded: true }, timeout],
  },
};

const idOf = (name) => `setting-${name}`;

function control(field, value) {
  const { name, type, options, min, max } = field;
  const common = { id: idOf(name), name: idOf(name), "data-field": name };
  if (options) {
    const choices = Object.entries(options).map(([key, text]) => new Option(text, key, false, key === String(value ?? Object.keys(options)[0])));
    return element("select", common, choices);
  }
  if (type === "pairs") return element("textarea", { ...common, rows: 3, spellcheck: false });
  if (type === "checkbox") return element("input", { ...common, type, checked: Boolean(value) });
  const made = element("input", { ...common, type: type ?? (field.isSecret ? "password" : "text"), autocomplete: field.isSecret ? "new-password" : "off" });
  if (type === "number") Object.assign(made, { min, max, step: "any" });
  if (!field.isSecret) made.value = value ?? "";
  return made;
}

// saved: the settings without their secrets, with <name>_set; null for a new channel.
function drawn(field, saved) {
  const made = control(field, saved?.[field.name]);
  const isKept = Boolean(saved?.[`${field.name}_set`]);
  made.required = Boolean(field.isNeeded) && !isKept;
  if (field.type === "checkbox") return element("label", { className: "choice" }, made, field.label);
  if (!isKept) return element("label", {}, field.label, made);
  made.placeholder = t("kept; empty leaves it as it is");
  if (field.isNeeded) return element("label", {}, field.label, made);
  const forget = element("input", { type: "checkbox", name: `forget-${field.name}` });
  return element("div", { className: "field" }, element("label", {}, field.label, made), element("label", { className: "choice" }, forget, t("forget it")));
}

export function drawFields(kind, saved, usual, rare) {
  const { fields } = KINDS[kind];
  usual.replaceChildren(...fields.filter(({ isRare }) => !isRare).map((field) => drawn(field, saved)));
  rare.replaceChildren(...fields.filter(({ isRare }) => isRare).map((field) => drawn(field, saved)));
}

function pairs(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(lines.map((line) => [line.split(":")[0].trim(), line.split(":").slice(1).join(":").trim()]));
}

// What the form says: what is empty goes back to its default, a secret that is empty stays.
export function settingsOf(kind, form, saved) {
  const config = {};
  for (const { name, type, isSecret } of KINDS[kind].fields) {
    const input = form.elements[idOf(name)];
    if (type === "checkbox") config[name] = input.checked;
    else if (form.elements[`forget-${name}`]?.checked) config[name] = null;
    else if (!input.value.trim()) {
      if (saved && !isSecret) config[name] = null;
    } else if (type === "number") config[name] = Number(input.value);
    else config[name] = type === "pairs" ? pairs(input.value) : input.value.trim();
  }
  return config;
}
