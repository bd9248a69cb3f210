// The story of an event: what happened to it, and who was told through which channel with what outcome.

import * as words from "./alert-words.js";
import { call } from "./api.js";
import { number, t } from "./words.js";

const SOON_MS = 3000;
const LATER_MS = 30000; // reminders wait for long

function line(list, text) {
  const item = document.createElement("li");
  item.textContent = text;
  list.append(item);
  return item;
}

function part(place, title, tag, empty, count) {
  const heading = document.createElement("h4");
  heading.textContent = title;
  const list = document.createElement(tag);
  place.append(heading, list);
  if (count === 0) {
    list.replaceWith(Object.assign(document.createElement("p"), { textContent: empty }));
  }
  return list;
}

function happened(event, { kind, at, value, actor, reason }, clock) {
  const level = words.figure(event, value);
  const why = reason ? (kind === "ended" ? words.endReason(reason) : reason) : "";
  const tail = [level, actor ? t("by {name}", { name: actor }) : "", why].filter(Boolean).join(", ");
  return `${clock.moment(at)}: ${words.transition(kind)}${tail ? `, ${tail}` : ""}`;
}

function told(message, clock) {
  const { recipient, channel } = message;
  const to = recipient ? t("{recipient} through {channel}", { recipient, channel }) : t("through {channel}", { channel });
  const when = message.sent_at ? ` ${t("at {time}", { time: clock.moment(message.sent_at) })}` : "";
  const tries = message.attempts > 1 ? ` ${t("after {n} tries", { n: number(message.attempts) })}` : "";
  const error = message.last_error && message.status !== "sent" ? `: ${message.last_error}` : "";
  return `${message.subject} – ${to}: ${words.delivery(message.status)}${when}${tries}${error}`;
}

export class Story {
  constructor(details, clock) {
    this.details = details;
    this.place = details.querySelector(".story-text");
    this.clock = clock;
    details.addEventListener("toggle", () => this.load());
  }

  async load() {
    clearTimeout(this.again);
    if (!this.details.open || !this.eventId) return;
    try {
      this.show(await call(`/_alerts/events/${this.eventId}`));
    } catch (error) {
      this.place.textContent = t("The story could not be loaded: {error}", { error: error.message });
    }
  }

  show({ event, transitions, messages }) {
    // Only what is new is written: the button that has the focus must not be made anew under the hand.
    const told = JSON.stringify([event.uid, transitions, messages]);
    if (told !== this.told) this.write(event, transitions, messages);
    this.told = told;
    const waiting = messages.filter(({ status }) => status === "pending" || status === "sending");
    const isSoon = waiting.some((message) => Date.parse(message.not_before) < Date.now() + LATER_MS);
    if (waiting.length) this.again = setTimeout(() => this.load(), isSoon ? SOON_MS : LATER_MS);
  }

  write(event, transitions, messages) {
    const hadFocus = this.place.contains(document.activeElement);
    this.place.replaceChildren();
    const steps = part(this.place, t("What happened ({zone})", { zone: this.clock.zone }), "ol", t("Nothing was recorded: it is from an earlier version."), transitions.length);
    for (const step of transitions) line(steps, happened(event, step, this.clock));
    const sent = part(this.place, t("Who was told"), "ul", t("Nobody: no message belongs to it."), messages.length);
    for (const message of messages.toReversed()) {
      const item = line(sent, told(message, this.clock));
      if (message.status === "dead") item.append(" ", this.button(message));
    }
    if (hadFocus) this.details.querySelector("summary").focus();
  }

  button(message) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = t("Send again");
    button.setAttribute("aria-label", `${button.textContent}: ${message.recipient || message.channel}`);
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await call(`/_alerts/messages/${message.uid}/redeliver`, { method: "POST" });
        await this.load();
      } catch (error) {
        button.disabled = false;
        button.after(` ${error.message}`);
      }
    });
    return button;
  }
}
