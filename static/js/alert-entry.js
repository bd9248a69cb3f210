// One entry of the inbox: made once, then only what differs is written, so that focus and open parts stay.

import * as words from "./alert-words.js";
import { number, t } from "./words.js";

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}

export class Entry {
  constructor(template) {
    this.root = template.content.firstElementChild.cloneNode(true);
    this.part = (name) => this.root.querySelector(`.${name}`);
  }

  draw(event, site, nowMs) {
    this.event = event;
    const { clock } = site;
    const { part } = this;
    this.root.dataset.eventId = event.id;
    this.root.dataset.severity = event.severity;
    const state = words.state(event);
    this.root.dataset.state = state.kind;
    write(part("severity"), words.severity(event));
    write(part("event-unit"), site.name ? `${site.name} (${event.unit_id})` : event.unit_id);
    write(part("event-rule"), words.ruleName(event));
    write(part("event-state"), state.text);
    write(part("event-sentence"), words.sentence(event));
    write(part("event-more"), this.details(event, clock, state));
    write(part("event-ack"), words.acknowledged(event, clock));
    const remarks = [event.cause ? t("Cause: {cause}", { cause: event.cause }) : "", event.notes ?? ""];
    write(part("event-note"), remarks.filter(Boolean).join("\n"));
    const link = part("event-chart");
    link.href = `/unit/${encodeURIComponent(event.unit_id)}?at=${encodeURIComponent(event.onset_at)}`;
    link.setAttribute("aria-label", `${link.textContent}: ${event.unit_id}, ${words.ruleName(event)}`);
    link.hidden = !site.isKnown;
    const rule = part("event-rule-link");
    rule.href = `/unit/${encodeURIComponent(event.unit_id)}/limits#rule-${event.rule_id}`;
    rule.setAttribute("aria-label", `${rule.textContent}: ${event.unit_id}, ${words.ruleName(event)}`);
    rule.hidden = !site.isKnown || event.rule_id === 0; // a lost meter has no rule
    part("event-gone").hidden = site.isKnown;
    this.drawButtons(event);
    this.tick(clock, nowMs);
  }

  // What grows with time alone.
  tick(clock, nowMs) {
    write(this.part("event-when"), words.period(this.event, clock, nowMs));
  }

  details(event, clock, state) {
    return [
      state.detail ?? "",
      words.peak(event, clock),
      event.occurrences > 1 ? t("happened {n} times", { n: number(event.occurrences) }) : "",
      event.suppressed ? t("snoozed: nobody was told") : "",
    ]
      .filter(Boolean)
      .join(" · ");
  }

  drawButtons(event) {
    const isAcknowledged = event.acknowledged_at !== null;
    const isOpen = words.isOpen(event);
    this.show("acknowledge", !isAcknowledged);
    this.show("note", isAcknowledged);
    this.show("unacknowledge", isAcknowledged && isOpen);
    this.show("snooze", isOpen);
    this.show("close", isOpen && event.rule_id !== 0); // a lost meter ends with its data only
  }

  show(act, isShown) {
    const button = this.root.querySelector(`[data-act=${act}]`);
    if (!button) return; // for those who may not act
    button.hidden = !isShown;
    button.setAttribute("aria-label", `${button.textContent}: ${this.event.unit_id}, ${words.ruleName(this.event)}`);
  }

  // Where the keyboard goes on after a button has vanished.
  focus() {
    this.root.querySelector("[data-act]:not([hidden])")?.focus();
  }
}

// Brings a list into order and leaves alone what is in place; the focus stays where it was.
export function arrange(list, nodes) {
  const focused = document.activeElement;
  for (const node of [...list.children]) if (!nodes.includes(node)) node.remove();
  for (const [index, node] of nodes.entries()) {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  }
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}
