// Asks before something is done that cannot be undone, or that needs a choice: a native dialog.

import { element } from "./element.js";
import { t } from "./words.js";

let dialogs = 0;

// lines say what will happen and what will be lost; choices are { name, label, checked }, fields are elements with a name.
// Gives the values of choices and fields by name, or null when the reader thought better of it.
export function askFirst({ title, lines = [], choices = [], fields = [], action, isDangerous = false }) {
  const heading = element("h2", { id: `ask-${++dialogs}` }, title);
  const cancel = element("button", { type: "button" }, t("Cancel"));
  const go = element("button", { type: "submit", className: isDangerous ? "danger" : "primary" }, action);
  const boxes = choices.map(({ name, label, checked }) => {
    const box = element("input", { type: "checkbox", name, checked: Boolean(checked) });
    return element("label", { className: "choice" }, box, label);
  });
  const form = element("form", {}, heading, lines.map((line) => element("p", {}, line)), boxes, fields, element("div", { className: "buttons" }, go, cancel));
  const dialog = element("dialog", { className: "ask", "aria-labelledby": heading.id }, form);
  document.body.append(dialog);
  return new Promise((answer) => {
    const end = (value) => {
      dialog.close();
      dialog.remove();
      answer(value);
    };
    cancel.addEventListener("click", () => end(null));
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      end(null);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const inputs = [...form.elements].filter((input) => input.name);
      end(Object.fromEntries(inputs.map((input) => [input.name, input.type === "checkbox" ? input.checked : input.value])));
    });
    dialog.showModal();
    (isDangerous ? cancel : go).focus();
  });
}
