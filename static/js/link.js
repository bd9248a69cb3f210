// Shows in the head of the page whether the service itself is heard.

const TEXTS = { connecting: "connecting", live: "connected", waiting: "reconnecting", closed: "closed" };

export function showLink(state, detail = "") {
  const element = document.getElementById("link");
  element.dataset.state = state;
  element.textContent = detail ? `${TEXTS[state]}: ${detail}` : TEXTS[state];
}
