// Logins in browsers as a list, each with the way to end it.

import { button, when } from "./admin-parts.js";
import { element } from "./element.js";
import { t } from "./words.js";

const BROWSERS = [/\bEdg\//, /\bOPR\//, /\bFirefox\//, /\bChrome\//, /\bSafari\//];
const NAMES = ["Edge", "Opera", "Firefox", "Chrome", "Safari"];
const SYSTEMS = { "iPhone": /iPhone/, "iPad": /iPad/, "Android": /Android/, "Windows": /Windows/, "macOS": /Mac OS X/, "Linux": /Linux/ };

// "Firefox, Windows"; what says nothing of itself as it stands.
export function browserOf(agent) {
  const name = NAMES[BROWSERS.findIndex((mark) => mark.test(agent))];
  const system = Object.keys(SYSTEMS).find((each) => SYSTEMS[each].test(agent));
  return [name, system].filter(Boolean).join(", ") || agent.slice(0, 40) || t("a browser that does not say which");
}

export function drawSessions(place, sessions, end) {
  if (!sessions.length) {
    place.replaceChildren(element("p", { className: "hint" }, t("Nowhere. A login appears here when the password is entered in a browser; it ends after 7 days without use.")));
    return;
  }
  const entries = sessions.map((session) => {
    const browser = browserOf(session.user_agent);
    const text = t("{browser} at {address}; since {since}, last used {used}", {
      browser,
      address: session.address,
      since: when(session.created_at),
      used: when(session.last_used_at),
    });
    const own = session.is_this ? element("b", {}, t("this browser")) : null;
    const label = t("End");
    return element("li", { className: "admin-session" }, element("span", { title: session.user_agent }, own, own ? ": " : null, text), button(label, browser, () => end(session)));
  });
  place.replaceChildren(element("ul", { className: "plain" }, entries));
}
