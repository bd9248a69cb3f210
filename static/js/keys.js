// Single keys that do something on a page, and the list of them under "?"; they can be switched off for good.

import { t } from "./words.js";

const OFF = "slmm-keys-off";
const handlers = new Map();
const dialog = document.getElementById("keys");

// key as KeyboardEvent.key gives it; what it does in a few words; on a second call for the same key the newer holds.
export function onKey(key, words, handler) {
  handlers.set(key, { words, handler });
}

const isOff = () => localStorage.getItem(OFF) === "yes";

function showKeys() {
  const list = document.getElementById("keys-list");
  list.replaceChildren(
    ...[...handlers].flatMap(([key, { words }]) => {
      const term = document.createElement("dt");
      term.append(Object.assign(document.createElement("kbd"), { textContent: key }));
      return [term, Object.assign(document.createElement("dd"), { textContent: words })];
    }),
  );
  document.getElementById("keys-on").checked = !isOff();
  dialog.showModal();
}

function isTyping(target) {
  return target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName);
}

export function listenForKeys() {
  if (!dialog) return;
  onKey("?", t("this help"), showKeys);
  document.getElementById("show-keys")?.addEventListener("click", showKeys);
  document.getElementById("keys-on").addEventListener("change", ({ target }) => localStorage.setItem(OFF, target.checked ? "no" : "yes"));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isOff() || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const found = handlers.get(event.key);
    if (!found) return;
    event.preventDefault();
    found.handler();
  });
}
