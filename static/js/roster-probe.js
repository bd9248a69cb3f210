// Tries a meter: asks the service, which tells each step as it happens, a line of JSON each.

import { element } from "./element.js";
import { problemSentence } from "./problem-words.js";
import { t } from "./words.js";

// Calls hear(step) for each line; raises an Error with the service's sentence.
export async function probe(body, hear, signal) {
  let answer;
  try {
    answer = await fetch("/api/nl43/_roster/probe", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Error(t("the service does not answer"));
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(problemSentence(problem, answer.status)), { fields: problem.errors ?? [] });
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) hear(JSON.parse(line));
  }
}

const STATES = {
  running: () => t("being tried"),
  ok: () => t("good"),
  warning: () => t("look at this"),
  failed: () => t("failed"),
};
const SIGNS = { running: "…", ok: "✓", warning: "!", failed: "✗" };

// The list of steps on the page: a step that ends takes the place of the one that began.
export class StepList {
  constructor(list) {
    this.list = list;
    this.clear();
  }

  clear() {
    this.items = new Map();
    this.list.replaceChildren();
  }

  show(step) {
    const sign = element("span", { className: "step-sign", "aria-hidden": "true" }, SIGNS[step.state]);
    const state = element("span", { className: "unseen" }, `${STATES[step.state]()}: `);
    const made = element(
      "li",
      { dataset: { state: step.state, step: step.step } },
      sign,
      element(
        "div",
        {},
        element("p", { className: "step-title" }, state, step.title),
        step.sentence ? element("p", { className: "step-sentence" }, step.sentence) : null,
        step.advice ? element("p", { className: "step-advice" }, step.advice) : null,
        step.found.unit_id ? element("p", {}, element("a", { href: `/unit/${encodeURIComponent(step.found.unit_id)}` }, t("Open {unit}", { unit: step.found.unit_id }))) : null,
      ),
    );
    const before = this.items.get(step.step);
    if (before) before.replaceWith(made);
    else this.list.append(made);
    this.items.set(step.step, made);
  }
}
