// ?at=<RFC 3339>: the chart around a moment of the past, as far as the trail reaches, and the way back to live.

import { ZoneClock } from "./zone.js";

const MOMENT_WINDOW_S = 1800;
const TRAIL_H = 48;
const LIVE_H = 2;
const byId = (id) => document.getElementById(id);

export class Moment {
  // chooseWindow(seconds) is the page's own way of choosing how much time is shown.
  constructor(chart, chooseWindow) {
    this.chart = chart;
    this.chooseWindow = chooseWindow;
    this.isLoaded = false;
    this.wanted = new URLSearchParams(location.search).get("at");
    const atMs = Date.parse(this.wanted ?? "");
    if (this.wanted === null) return;
    byId("moment").hidden = false;
    byId("moment-end").addEventListener("click", () => this.end());
    if (Number.isNaN(atMs)) {
      this.say(`“${this.wanted}” is no moment; the address needs one such as ?at=2026-03-01T22:03:10Z`);
      return;
    }
    chart.momentS = atMs / 1000;
    chooseWindow(MOMENT_WINDOW_S);
  }

  // How much of the trail is needed.
  get hours() {
    return this.chart.momentS === null ? LIVE_H : TRAIL_H;
  }

  // What the chart shows of it, once the trail is there; in the browser's zone, as the chart itself.
  explain([times, lps]) {
    const { momentS } = this.chart;
    if (momentS === null || !this.isLoaded) return;
    const clock = new ZoneClock();
    const told = (seconds) => `${clock.moment(new Date(seconds * 1000).toISOString())} ${clock.zone}`;
    const isThere = times.some((time, index) => lps[index] !== null && Math.abs(time - momentS) <= MOMENT_WINDOW_S / 2);
    if (isThere) this.say(`Around ${told(momentS)}: the dashed line`);
    else if (times.length === 0) this.say(`Nothing is kept of ${told(momentS)}: there is no trail of this unit`);
    else if (momentS < times[0]) this.say(`Nothing is kept of ${told(momentS)}: the trail reaches back to ${told(times[0])}`);
    else this.say(`There is no reading around ${told(momentS)}`);
  }

  say(sentence) {
    if (byId("moment-text").textContent !== sentence) byId("moment-text").textContent = sentence;
  }

  end() {
    this.chart.momentS = null;
    history.replaceState(null, "", location.pathname);
    byId("moment").hidden = true;
    this.chooseWindow(this.chart.windowS);
    document.querySelector("[data-window-s][aria-pressed=true]").focus();
  }
}
