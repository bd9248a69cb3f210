// What the controls of a meter say: its state in words, why a button does nothing now, what a question asks. Pure.

import { elapsed } from "./format.js";
import { t } from "./words.js";

export const names = () => ({
  start: t("Start"),
  stop: t("Stop"),
  pause: t("Pause"),
  resume: t("Resume"),
  "start-cycle": t("Start cycle"),
  "stop-cycle": t("Stop cycle"),
  store: t("Store"),
  reset: t("Reset"),
  sleep: t("Sleep"),
  wake: t("Wake"),
  "monitor/start": t("Always read it"),
  "monitor/stop": t("Read it only when watched"),
  disconnect: t("Disconnect"),
  deactivate: t("Deactivate"),
  activate: t("Activate"),
});

// Once more as a thing that is waited for and confirmed: "stop sent; waiting …", "The meter confirmed: stop."
export const deeds = () => ({
  start: t("start"),
  stop: t("stop"),
  pause: t("pause"),
  resume: t("resume"),
  "start-cycle": t("start of a cycle"),
  "stop-cycle": t("end of a cycle"),
  store: t("store"),
  reset: t("reset"),
  sleep: t("sleep"),
  wake: t("wake"),
  "monitor/start": t("reading it always"),
  "monitor/stop": t("reading it only when watched"),
  disconnect: t("disconnect"),
  deactivate: t("deactivate"),
  activate: t("activate"),
});

// What the service itself does; the meter is not asked and so confirms nothing.
export const OWN = new Set(["monitor/start", "monitor/stop", "disconnect", "deactivate", "activate"]);

// The one word for what the meter is doing, and the sentence behind it.
export function state(known, nowMs) {
  const { runState, startedAt } = known;
  if (known.isRemoved) return { kind: "grey", text: t("no longer on the roster") };
  if (known.isStandby) return { kind: "grey", text: t("standby: the service holds no connection to any meter") };
  if (!known.isActive) return { kind: "grey", text: t("deactivated: left alone on request") };
  if (known.isTcpOff) return { kind: "grey", text: t("TCP is switched off for this unit") };
  if (known.isReachable === false) return { kind: "lost", text: t("not reachable"), detail: known.reason };
  if (known.heldBy) return { kind: "old", text: t("held by {what}", { what: known.heldBy }) };
  if (runState === "Start") {
    const text = known.isPaused ? t("paused") : "";
    if (!startedAt) return { kind: known.isPaused ? "old" : "live", text: text || t("measuring, since before we looked") };
    const time = elapsed((nowMs - Date.parse(startedAt)) / 1000);
    return { kind: text ? "old" : "live", text: text ? t("paused; begun {time} ago", { time }) : t("measuring for {time}", { time }) };
  }
  if (runState === "Stop") return { kind: "grey", text: known.isAsleep ? t("stopped; sleep mode is on") : t("stopped") };
  return { kind: "grey", text: known.isAsleep ? t("asleep") : t("run state not known yet") };
}

// What holds for every command to the meter; "" when nothing stands in the way.
function hindrance(known) {
  if (known.isRemoved) return t("The unit is no longer on the roster.");
  if (known.isStandby) return t("The service is in standby; an administrator can resume it.");
  if (!known.isActive) return t("The unit is deactivated; activate it first.");
  if (known.isTcpOff) return t("TCP is switched off for this unit; switch it on in its settings.");
  if (known.asking) return t("The meter has not answered the last command yet.");
  if (known.operation) return t("Another operation is under way.");
  if (known.isReachable === false) return t("The meter cannot be reached.");
  if (known.heldBy) return t("A transfer holds the meter; wait for its end.");
  return "";
}

// Of two buttons of which one undoes the other only one is shown, once it is known which.
export function applies(verb, known) {
  if (verb === "pause") return known.isPaused !== true;
  if (verb === "resume") return known.isPaused === true || (known.isPaused === null && known.runState === "Start");
  if (verb === "sleep") return known.isAsleep !== true;
  if (verb === "wake") return known.isAsleep !== false;
  if (verb === "monitor/start") return !known.isKeptAlive;
  if (verb === "monitor/stop") return Boolean(known.isKeptAlive);
  if (verb === "activate") return !known.isActive;
  if (verb === "deactivate") return known.isActive;
  return true;
}

// Why a button does nothing now; "" for one that may be pressed. The meter has the last word in any case.
export function why(verb, known) {
  const isMeasuring = known.runState === "Start";
  const isStopped = known.runState === "Stop";
  if (verb === "activate" || verb === "deactivate" || verb.startsWith("monitor/") || verb === "disconnect") {
    if (known.isRemoved) return hindrance(known);
    if (known.asking) return t("The meter has not answered the last command yet.");
    return verb !== "disconnect" || (known.isActive && !known.isStandby) ? "" : t("There is no connection to close.");
  }
  const general = hindrance(known);
  if (general) return general;
  if (["stop", "pause", "resume"].includes(verb) && isStopped) return t("No measurement runs.");
  if (["start", "start-cycle"].includes(verb) && isMeasuring) return t("A measurement runs already.");
  if (["store", "sleep"].includes(verb) && isMeasuring) return t("Not while a measurement runs.");
  return "";
}

// What helps against a refusal, where it is known; R+0004 is "wrong state" for all of them.
export function cure(verb, sentence) {
  if (!sentence.includes("R+0004")) return "";
  if (verb === "start") return t("Either it measures already, or the card holds data under the present store name: Start cycle finds a free one.");
  if (verb === "store") return t("Only the finished result of a measurement in store mode Manual can be stored, and only once.");
  if (verb === "stop" || verb === "pause" || verb === "resume") return t("Nothing runs at the meter any more; somebody may have stopped it there.");
  return "";
}

// What is asked before, for what ends or overwrites something; null for what may simply be done.
export function question(verb, { overwrites } = {}) {
  const title = names()[verb];
  if (verb === "stop") {
    return {
      title: t("Stop the measurement?"),
      lines: [t("The running levels end here: Leq, Lmax, Lmin and LN begin anew with the next start. What is stored on the card stays."), t("A night that is not measured cannot be measured again.")],
      action: t("Stop"),
      isDangerous: true,
    };
  }
  if (verb === "reset") {
    return {
      title: t("Reset the measurement?"),
      lines: [t("The running Leq, Lmax, Lmin and LN would be lost. Most NL-43 know no reset and will say so: stop and start begin anew.")],
      action: title,
      isDangerous: true,
    };
  }
  if (verb === "store") {
    return overwrites
      ? { title: t("Store over what is there?"), lines: [t("The meter says that storing overwrites {what} on the card. What is there is lost.", { what: overwrites })], action: t("Overwrite"), isDangerous: true }
      : { title: t("Store the result?"), lines: [t("The last manual measurement is written to the SD card. Nothing is overwritten.")], action: title };
  }
  if (verb === "sleep") {
    return { title: t("Send the meter to sleep?"), lines: [t("A sleeping meter may drop off the network and stay out of reach until somebody presses a key at it.")], action: title, isDangerous: true };
  }
  if (verb === "deactivate") {
    return { title: t("Leave this unit alone?"), lines: [t("No polling, no feed, no alarms from its levels until somebody activates it again. The meter itself goes on measuring.")], action: title, isDangerous: true };
  }
  if (verb === "start-cycle") {
    return {
      title: t("Start a cycle?"),
      lines: [t("Finds the next free store name on the card and starts. Nothing is overwritten.")],
      choices: [{ name: "sync_clock", label: t("Set the meter's clock first"), checked: true }],
      action: title,
    };
  }
  if (verb === "stop-cycle") {
    return {
      title: t("End the cycle?"),
      lines: [t("Stops the measurement. Fetching its files takes minutes, and the meter may be mute meanwhile.")],
      choices: [{ name: "download", label: t("Fetch its files and check them"), checked: true }],
      action: title,
      isDangerous: true,
    };
  }
  return null;
}
