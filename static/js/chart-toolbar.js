// The controls around the chart: windows, lines, pause, 10 Hz, table, remark, export, and the list of events.

import { isoTime, WINDOWS } from "./chart-plan.js";
import { element } from "./element.js";
import { age } from "./format.js";
import { onKey } from "./keys.js";
import { t, tn } from "./words.js";

const byId = (id) => document.getElementById(id);
const MARKS = { alert: "▬", start: "▶", stop: "■", remark: "●", calibration: "◆" };
const FINE_WINDOW = "5min";
const DAY_S = 86400;

export class ChartToolbar {
  constructor(page) {
    this.page = page;
    for (const button of document.querySelectorAll("[data-window]")) button.addEventListener("click", () => page.choose(button.dataset.window));
    for (const button of document.querySelectorAll("[data-series]")) button.addEventListener("click", () => page.toggleSeries(button.dataset.series));
    const clicks = {
      "chart-pause": () => page.pause(),
      "chart-fine": () => this.toggleFine(),
      "chart-table-button": () => this.toggleTable(),
      "chart-remark": () => page.annotate(),
      "moment-end": () => page.backToLive(),
      "chart-link": () => this.copyLink(),
      "chart-zoom-in": () => page.wishes().zoomBy(0.5, null),
      "chart-zoom-out": () => page.wishes().zoomBy(2, null),
    };
    for (const [id, handler] of Object.entries(clicks)) byId(id)?.addEventListener("click", handler);
    byId("chart-export")?.addEventListener("toggle", () => this.drawExport());
    this.keys();
    this.draw();
  }

  keys() {
    const { page } = this;
    Object.keys(WINDOWS).forEach((name, at) => {
      const { textContent } = document.querySelector(`[data-window="${name}"]`);
      onKey(String(at + 1), t("show {window}", { window: textContent }), () => page.choose(name));
    });
    onKey("p", t("pause the chart, or let it go on"), () => page.pause());
    onKey("t", t("levels as a table"), () => this.toggleTable());
    onKey("l", t("back to the present"), () => page.backToLive());
    if (byId("chart-fine")) onKey("f", t("10 values a second"), () => this.toggleFine());
    if (byId("chart-remark")) onKey("r", t("make a remark, or exclude"), () => page.annotate());
    onKey("c", t("go to the chart: arrows move the cursor, + and − zoom, Backspace goes back"), () => byId("chart").focus());
  }

  draw() {
    const { view, fine } = this.page;
    for (const button of document.querySelectorAll("[data-window]")) press(button, this.page.isLive && button.dataset.window === view.window);
    for (const button of document.querySelectorAll("[data-series]")) press(button, view.series.includes(button.dataset.series));
    press(byId("chart-pause"), view.isPaused);
    byId("chart-pause").textContent = view.isPaused ? t("Go on") : t("Pause");
    if (byId("chart-fine")) press(byId("chart-fine"), fine?.isOn ?? false);
    if (byId("chart-export")?.open) this.drawExport();
  }

  toggleFine() {
    const { fine, view } = this.page;
    fine.toggle();
    byId("fine-note").hidden = !fine.isOn;
    // Ten a second can be seen in the shortest window alone.
    if (fine.isOn && (view.window !== FINE_WINDOW || !this.page.isLive)) this.page.choose(FINE_WINDOW);
    this.draw();
  }

  toggleTable() {
    const place = byId("chart-table");
    place.hidden = !place.hidden;
    byId("chart-table-button").setAttribute("aria-expanded", String(!place.hidden));
    this.page.changed();
  }

  say(id, sentence) {
    const place = byId(id);
    if (place.textContent !== sentence) place.textContent = sentence;
  }

  // What the line above the chart says of where it stands, when that is not the present.
  whereText(span) {
    const { view, clock, data, isLoaded } = this.page;
    const told = (seconds) => `${clock.moment(seconds * 1000)} ${clock.zone}`;
    if (view.wrong) return t("“{text}” is no moment; the address needs one such as ?at=2026-03-01T22:03:10Z", { text: view.wrong });
    if (!view.span) return "";
    if (view.isPaused) return t("Paused at {time}. Readings go on; the last {age} are not shown.", { time: told(span[1]), age: age(this.page.now() - span[1]) });
    const ends = { from: clock.moment(span[0] * 1000), until: told(span[1]) };
    const isThere = data.steps.laeq.some((level, at) => level !== null && data.steps.ends[at] > span[0] && data.steps.ends[at] - data.steps.stepS < span[1]) || data.readings(...span).levels.some((level) => level !== null);
    if (view.momentS !== null && isThere) return t("Around {time}: the dashed line", { time: told(view.momentS) });
    if (!isLoaded || isThere) return t("{from} to {until}", ends);
    return t("Nothing is on record from {from} to {until}: the meter was not read, or its record is older than what is kept", ends);
  }

  // Links to the record of exactly what is shown; the finest form that suits its length.
  drawExport() {
    const [fromS, untilS] = this.page.span;
    const what = this.page.data.plan.hasReadings ? "frames" : this.page.data.plan.stepS <= 900 ? "minutes" : "hours";
    const place = byId("chart-export");
    for (const link of place.querySelectorAll("[data-format]")) {
      const query = new URLSearchParams({ from: isoTime(fromS), until: isoTime(Math.min(untilS, this.page.now())), what, format: link.dataset.format });
      link.href = `/api/nl43/${encodeURIComponent(this.page.unitId)}/export?${query}`;
    }
    const names = { frames: t("every reading"), minutes: t("one row a minute"), hours: t("one row an hour") };
    this.say("chart-export-what", t("{from} to {until}, {rows}", { from: this.page.clock.minute(fromS * 1000), until: this.page.clock.minute(untilS * 1000), rows: names[what] }));
  }

  // The address of exactly this span, also of one that moves on.
  async copyLink() {
    const [fromS, untilS] = this.page.span;
    const query = new URLSearchParams({ from: isoTime(fromS), until: isoTime(untilS) });
    const { series } = this.page.view;
    if (series.length < document.querySelectorAll("[data-series]").length) query.set("series", series.join(","));
    const address = `${location.origin}${location.pathname}?${query}`;
    try {
      await navigator.clipboard.writeText(address);
      this.say("chart-export-what", t("The address of this span is on the clipboard."));
    } catch {
      this.say("chart-export-what", address); // without a secure connection there is no clipboard
    }
  }

  // Under the strip, in words; a click goes there.
  drawEvents() {
    const { page } = this;
    const [fromS, untilS] = page.span;
    const inside = page.events.list.filter(({ startS, endS }) => endS >= fromS && startS <= untilS).reverse();
    this.say("chart-events-count", inside.length ? tn(inside.length, "One event in the time shown", "{n} events in the time shown") : t("No alerts, remarks, starts, stops or checks in the time shown"));
    byId("chart-events-list").replaceChildren(
      ...inside.slice(0, 100).map((event) =>
        element("li", { className: "event-row" }, element("button", { type: "button", className: "quiet event-jump", onclick: () => this.goTo(event.startS) },
          element("span", { className: `event-mark event-${event.kind}`, "aria-hidden": "true", dataset: { severity: event.severity ?? "" } }, MARKS[event.kind]),
          element("span", { className: "event-time" }, spanText(event, page.clock, untilS - fromS)),
          element("span", {}, event.text)), this.withdrawal(event))),
    );
  }

  withdrawal(event) {
    if (!byId("chart-remark") || event.kind !== "remark") return null;
    return element("button", { type: "button", className: "quiet", onclick: () => this.page.withdraw(event) }, t("Withdraw …"));
  }

  goTo(seconds) {
    const [fromS, untilS] = this.page.span;
    const spanS = untilS - fromS;
    if (seconds < fromS) this.page.zoomTo([seconds - spanS / 4, seconds + (3 * spanS) / 4]);
    this.page.point(Math.max(seconds, this.page.span[0]));
    byId("chart").focus({ preventScroll: false });
  }
}

function press(button, isPressed) {
  button.setAttribute("aria-pressed", String(isPressed));
}

function spanText({ startS, endS }, clock, shownS) {
  const told = (seconds) => (shownS > DAY_S ? clock.minute(seconds * 1000) : clock.time(seconds * 1000));
  return endS - startS < 1 ? told(startS) : `${told(startS)} – ${told(endS)}`;
}
