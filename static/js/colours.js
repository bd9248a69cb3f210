// Colours of the sheet for what is drawn on a canvas, and when they change.

const probe = document.createElement("span");
probe.hidden = true;

// "--leq" to what a canvas understands; light-dark() stands in the sheet, so only an element can tell.
export function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

// handler() after the reader or the system has changed between light and dark.
export function onColours(handler) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", handler);
  addEventListener("slmm-theme", handler);
}
