// The form of a meter's facts: what stands in it, what is asked for, and what people need not type.

import { t } from "./words.js";

const zones = () => (Intl.supportedValuesOf ? Intl.supportedValuesOf("timeZone") : []);

// "53,5511" as people in half of Europe write it; null for nothing, NaN for what is no number.
const degrees = (text) => (text.trim() === "" ? null : Number(text.trim().replace(",", ".")));

export const readingOf = (config) => (config.monitor_enabled ? "kept" : config.poll_enabled ? "polled" : "watched");

// Lists for the fields that have some, the button for the position, and the field that only one choice needs.
export function prepare(form, sites = []) {
  const options = (id, values) => {
    document.getElementById(id).replaceChildren(...values.map((value) => Object.assign(document.createElement("option"), { value })));
  };
  options("sites", [...new Set(sites)].sort());
  options("zones", zones());
  form.addEventListener("change", () => showInterval(form));
  showInterval(form);
  const button = form.querySelector(".use-position");
  if (!isSecureContext || !navigator.geolocation) {
    button.hidden = true; // browsers tell a position to pages of HTTPS or of this machine only
    return;
  }
  button.addEventListener("click", () => usePosition(form, button));
}

export function showInterval(form) {
  form.querySelector(".interval").hidden = form.elements.reading.value !== "polled";
}

function usePosition(form, button) {
  const note = form.querySelector(".position-note");
  button.disabled = true;
  note.textContent = t("asking this device where it is …");
  const end = (words) => {
    button.disabled = false;
    note.textContent = words;
  };
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      form.elements.latitude.value = coords.latitude.toFixed(5);
      form.elements.longitude.value = coords.longitude.toFixed(5);
      end(t("The position of this device, within {metres} m.", { metres: Math.round(coords.accuracy) }));
    },
    () => end(t("This device did not tell its position: type it, or leave it empty.")),
    { enableHighAccuracy: true, timeout: 15000 },
  );
}

export function fill(form, config) {
  for (const name of ["name", "site", "timezone", "latitude", "longitude", "poll_interval_seconds"]) {
    form.elements[name].value = config[name] ?? "";
  }
  form.elements.reading.value = readingOf(config);
  form.elements.ftp_enabled.checked = config.ftp_enabled;
  showInterval(form);
}

// What the form says, as the interface takes it; raises an Error that names the field.
export function facts(form) {
  const { elements } = form;
  const place = { latitude: degrees(elements.latitude.value), longitude: degrees(elements.longitude.value) };
  for (const [field, value] of Object.entries(place)) {
    if (!Number.isNaN(value)) continue;
    const message = t("degrees as a number, such as 53.5511");
    throw Object.assign(new Error(message), { fields: [{ field, message }] });
  }
  const reading = elements.reading.value;
  const found = {
    name: elements.name.value.trim() || null,
    site: elements.site.value.trim() || null,
    timezone: elements.timezone.value.trim() || null,
    ...place,
    ftp_enabled: elements.ftp_enabled.checked,
    monitor_enabled: reading === "kept",
    poll_enabled: reading !== "watched",
  };
  if (reading === "polled") found.poll_interval_seconds = Number(elements.poll_interval_seconds.value);
  return found;
}

// Where it is; user and password only when something is typed.
export function address(form) {
  const { elements } = form;
  const found = {
    host: elements.host.value.trim(),
    tcp_port: Number(elements.tcp_port.value),
    ftp_port: Number(elements.ftp_port.value),
  };
  if (elements.ftp_username.value) found.ftp_username = elements.ftp_username.value;
  if (elements.ftp_password.value) found.ftp_password = elements.ftp_password.value;
  return found;
}

// Of a name, what may stand in an address: "Gate north" becomes "gate-north".
export const shortName = (name) =>
  name
    .toLowerCase()
    .replaceAll("ß", "ss")
    .replace(/[äöü]/g, (letter) => ({ ä: "ae", ö: "oe", ü: "ue" })[letter])
    .normalize("NFD")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[-._]+|[-.]+$/g, "")
    .slice(0, 64);
