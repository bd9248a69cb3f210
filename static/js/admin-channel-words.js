// How a channel is, and what came of a test, in words. Pure functions.

import { t, tn } from "./words.js";

const HEALTH = {
  ok: t("works"),
  failing: t("does not deliver at present; it is tried again and again"),
  paused: t("has stopped: the receiver refuses us; it starts again when its settings are saved"),
  off: t("switched off"),
  broken: t("cannot be used: its settings cannot be read; give them again"),
};

export function health({ health: word, last_ok_at: lastOkAt }) {
  if (word === "ok" && !lastOkAt) return { text: t("nothing sent yet"), kind: "grey" };
  return { text: HEALTH[word] ?? word, kind: { ok: "good", off: "grey" }[word] ?? "bad" };
}

const STAGES = {
  dns: t("The name of the server was not found."),
  connect: t("The server could not be reached: wrong address or port, or a firewall."),
  tls: t("The encrypted connection failed: wrong port, wrong kind of encryption, or a certificate that is not trusted."),
  auth: t("User name or password was refused."),
  sender: t("The sender address was refused."),
  recipient: t("The recipient was refused."),
  data: t("The message itself was refused."),
  answer: t("The receiver answered that it does not take the message."),
};

export function testOutcome({ delivered, detail, stage, code }) {
  if (delivered) return t("Delivered: {detail}", { detail });
  const number = code ? ` (${code})` : "";
  return `${t("Not delivered.")} ${STAGES[stage] ?? ""} ${detail}${number}`;
}

export const waiting = (n) => (n ? tn(n, "one waits", "{n} wait") : "");
export const givenUp = (n) => (n ? tn(n, "one given up", "{n} given up") : "");
