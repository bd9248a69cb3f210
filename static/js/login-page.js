// The login and setup pages: sends the form as JSON and goes to where the visitor wanted to be.

import { call } from "./api.js";

const form = document.getElementById("entry-form");
const outcome = document.getElementById("outcome");

// Only a path of this service: an address from a link must not lead a person elsewhere after the login.
function wanted() {
  const next = new URLSearchParams(location.search).get("next") ?? "/";
  const url = new URL(next, location.origin);
  return url.origin === location.origin && next.startsWith("/") ? url.pathname + url.search : "/";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  outcome.textContent = "";
  try {
    await call(form.dataset.path, { method: "POST", body: Object.fromEntries(new FormData(form)) });
    location.assign(wanted());
  } catch (error) {
    outcome.textContent = error.message;
    button.disabled = false;
  }
});
