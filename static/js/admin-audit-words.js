// What an entry of the audit log is about, in words; the request itself stands beneath.

import { t } from "./words.js";

const unit = (rest) => `/api/nl43/<unit_id>/${rest}`;
const all = (rest) => `/api/nl43/${rest}`;

const ACTIONS = {
  [`POST ${all("_login")}`]: t("log in"),
  [`POST ${all("_logout")}`]: t("log out"),
  [`POST ${all("_setup")}`]: t("make the first account"),
  [`PUT ${all("_me/password")}`]: t("change the own password"),
  [`DELETE ${all("_sessions/<int:grant_id>")}`]: t("end an own login"),
  [`POST ${all("_users")}`]: t("make an account"),
  [`PUT ${all("_users/<name>")}`]: t("change an account"),
  [`DELETE ${all("_users/<name>")}`]: t("remove an account"),
  [`DELETE ${all("_users/<name>/sessions/<int:session_id>")}`]: t("end somebody's login"),
  [`POST ${all("_tokens")}`]: t("make a token"),
  [`DELETE ${all("_tokens/<int:grant_id>")}`]: t("revoke a token"),
  [`POST ${all("_shares")}`]: t("make a share link"),
  [`DELETE ${all("_shares/<int:grant_id>")}`]: t("revoke a share link"),
  [`POST ${all("_tickets")}`]: t("get a stream ticket"),
  [`POST ${all("_alerts/channels")}`]: t("make a channel"),
  [`PUT ${all("_alerts/channels/<name>")}`]: t("change a channel"),
  [`DELETE ${all("_alerts/channels/<name>")}`]: t("remove a channel"),
  [`POST ${all("_alerts/channels/test")}`]: t("try a channel"),
  [`POST ${all("_alerts/messages/<uid>/redeliver")}`]: t("send a message again"),
  [`POST ${all("_alerts/events/<int:event_id>/ack")}`]: t("acknowledge an alert"),
  [`POST ${all("_alerts/events/<int:event_id>/close")}`]: t("close an alert"),
  [`POST ${all("roster")}`]: t("take on a unit"),
  [`PUT ${unit("config")}`]: t("change a unit"),
  [`DELETE ${unit("config")}`]: t("remove a unit"),
  [`POST ${unit("start")}`]: t("start measuring"),
  [`POST ${unit("stop")}`]: t("stop measuring"),
  [`POST ${unit("limits")}`]: t("make a limit"),
  [`PUT ${unit("limits/<int:limit_id>")}`]: t("change a limit"),
  [`DELETE ${unit("limits/<int:limit_id>")}`]: t("remove a limit"),
  [`POST ${unit("alerts/rules")}`]: t("make an alert rule"),
  [`PUT ${unit("alerts/rules/<int:rule_id>")}`]: t("change an alert rule"),
  [`DELETE ${unit("alerts/rules/<int:rule_id>")}`]: t("remove an alert rule"),
  [`POST ${unit("remarks")}`]: t("make a remark"),
};

export const actionWords = (action) => ACTIONS[action] ?? "";

const HOW = { session: t("logged in"), token: t("API token"), share: t("share link"), open: t("no login asked for"), none: t("not known yet") };
export const howWords = (how) => HOW[how] ?? how;

const OUTCOMES = {
  400: t("not understood"),
  401: t("refused: wrong password, code or login"),
  403: t("refused: not allowed"),
  409: t("refused: does not fit what is there"),
  422: t("refused: not valid"),
  500: t("failed"),
  502: t("the meter could not be reached or refused"),
  503: t("busy or not available"),
  504: t("the meter did not answer in time"),
};

export function outcomeWords(outcome) {
  if (/^2\d\d$/.test(outcome)) return { text: t("done"), isGood: true };
  return { text: OUTCOMES[outcome] ?? t("answered {status}", { status: outcome }), isGood: outcome.startsWith("3") };
}
