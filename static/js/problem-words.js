// What a refusal of the service is about, in the reader's language; the service's own sentence, which is English and says more, stands beside it.

import { language, t } from "./words.js";

const KINDS = {
  invalid: t("what was entered does not fit"),
  not_found: t("that is not there, or not any more"),
  not_identified: t("not logged in, or name, password or code are wrong"),
  too_many_requests: t("asked too often; try again in a minute"),
  not_allowed: t("your role may not do that"),
  conflict: t("that does not fit what is there"),
  not_installed: t("this part of the service is not installed"),
  standby: t("the service is in standby"),
  disk_full: t("the disk of the service is full"),
  disk_trouble: t("the disk of the service gives trouble"),
  device_disabled: t("the unit is switched off in its settings"),
  device_busy: t("the meter is busy"),
  device_timeout: t("the meter did not answer in time"),
  device_unreachable: t("the meter cannot be reached"),
  connection_lost: t("the connection to the meter broke"),
  not_confirmed: t("the meter did not do what it accepted"),
  garbled_reply: t("the meter's answer was not understood"),
  wrong_state: t("the meter refuses that in its present state"),
  not_supported: t("this meter cannot do that"),
  device_refused: t("the meter refused"),
  database_unavailable: t("the database does not take it at present; nothing was changed"),
  internal: t("the service failed at this; its log tells why"),
};

// The sentence for people out of a problem document, which may lack everything but its status.
export function problemSentence({ code, detail }, status) {
  if (!detail) return t("the service answered {status}", { status });
  return language === "en" || !KINDS[code] ? detail : t("{kind} (“{detail}”)", { kind: KINDS[code], detail });
}
