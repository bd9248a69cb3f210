// How the service and its machine are; looked at again every few seconds while the page is seen.

import { attempt, byId, clock, say } from "./admin-parts.js";
import { forecastText, jobName, queueName, span, streamName, tierName } from "./admin-system-words.js";
import { AlertBadge } from "./alert-badge.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { element, table } from "./element.js";
import { size } from "./operation.js";
import { number, t, tn } from "./words.js";

const EVERY_MS = 5000;
const LATE_MS = 250;
let before = null;

// What changes every few seconds is drawn anew only when it did change: a reader's place in a table stays.
function put(id, ...nodes) {
  const place = byId(id);
  const holder = element("div", {}, ...nodes);
  if (place.innerHTML !== holder.innerHTML) place.replaceChildren(...holder.childNodes);
}

function drawTroubles(problems) {
  if (!problems.length) return put("troubles", element("p", {}, t("Nothing. All that should be written is written, and the disk has room.")));
  const items = problems.map(({ severity, sentence, cure }) => {
    const kind = severity === "error" ? t("Fault") : t("Warning");
    return element("li", { dataset: { severity } }, element("span", { className: "kind" }, `${kind}: `), sentence, element("br"), element("span", { className: "hint" }, cure));
  });
  return put("troubles", element("ul", { className: "troubles" }, items));
}

const vital = (name, value, hint, kind = "") =>
  element("div", { className: "vital", dataset: kind ? { kind } : {} }, element("dt", {}, name), element("dd", {}, value), element("dd", { className: "hint" }, hint));

function load({ process, at }) {
  const now = { cpu: process.cpu_s, at: Date.parse(at), pid: process.pid };
  const last = before?.pid === now.pid ? before : null;
  before = now;
  const seconds = last ? (now.at - last.at) / 1000 : process.uptime_s;
  return seconds > 0 ? (100 * (now.cpu - (last?.cpu ?? 0))) / seconds : null;
}

function drawVitals(report) {
  const { process, hub_lag: lag, streams, forecast, connections } = report;
  const cpu = load(report);
  const isLate = lag.max_ms !== null && lag.max_ms > LATE_MS;
  const delay = lag.p99_ms === null ? "–" : `${number(lag.p99_ms, 1)} ms`;
  const full = forecast.days_until_full;
  put(
    "vitals",
    vital(t("Running for"), span(process.uptime_s), process.started_at ? t("since {time}", { time: clock.minute(process.started_at) }) : ""),
    vital(t("Delay"), delay, t("99 of 100 looks; median {median} ms, worst {worst} ms in {span}", { median: number(lag.p50_ms ?? 0, 1), worst: number(lag.max_ms ?? 0), span: span(lag.span_s) }), isLate ? "late" : ""),
    vital(t("Processor"), cpu === null ? "–" : `${number(cpu)} %`, tn(process.cores, "of one core, of which there is one", "of one core, of which there are {n}")),
    vital(t("Memory"), size(process.rss_bytes), t("{threads} threads, {files} open files of {most}", { threads: number(process.threads ?? 0), files: number(process.open_files ?? 0), most: number(process.most_files) })),
    vital(t("Streams"), number(streams.total), t("{skipped} frames skipped for slow viewers", { skipped: number(streams.frames_skipped) })),
    vital(t("Meters connected"), number(connections.filter(({ connected }) => connected).length), tn(connections.length, "of one", "of {n}")),
    vital(t("Disk lasts for"), full === null ? t("years") : span(full * 86400), t("{size} free", { size: size(forecast.free_bytes) }), full !== null && full < 30 ? "bad" : ""),
  );
}

function drawTables(report) {
  const figures = (...titles) => titles.map((title, at) => ({ title, isNumber: at > 0 }));
  const rows = report.queues.map(({ name, pending, dropped, error }) => [
    element("span", {}, queueName(name), error ? element("span", { className: "tier-note" }, error) : null),
    number(pending),
    number(dropped),
  ]);
  put("queues", table(t("What waits"), figures(t("What"), t("waiting"), t("lost for good")), rows));
  const { by_kind: kinds, by_unit: units, of_all_units: ofAll, total } = report.streams;
  const told = Object.entries(kinds).map(([kind, count]) => `${streamName(kind)}: ${number(count)}`);
  const followed = units.filter(({ viewers }) => viewers);
  put(
    "streams",
    element("p", {}, total ? told.join(" · ") : t("Nobody has a page with live levels open, and no program follows a meter.")),
    ...(ofAll ? [element("p", { className: "hint" }, tn(ofAll, "One of them follows all units.", "{n} of them follow all units."))] : []),
    ...(followed.length ? [table(t("Streams by unit"), figures(t("Unit"), t("streams")), followed.map((unit) => [unit.unit_id, number(unit.viewers)]))] : []),
  );
  const links = report.connections.map((link) => [
    link.unit_id,
    link.connected ? t("connected for {time}", { time: span(link.age_s) }) : t("not connected"),
    link.last_round_trip_s === null ? "–" : `${number(link.last_round_trip_s * 1000)} ms`,
    number(link.commands),
    number(link.timeouts + link.lost),
  ]);
  const linkColumns = [{ title: t("Unit") }, { title: t("State") }, ...[t("last answer"), t("commands"), t("failures")].map((title) => ({ title, isNumber: true }))];
  put("links", links.length ? table(t("Connections to meters"), linkColumns, links) : element("p", {}, t("There are no units yet; the meters page adds the first one.")));
  const jobs = report.jobs.map((job) => [
    element("span", {}, jobName(job.name), job.error ? element("span", { className: "tier-note" }, job.error) : null),
    span(job.every_s),
    job.last_run_at ? clock.time(job.last_run_at) : t("not yet"),
    { text: job.error ? t("failed") : job.runs ? t("done in {time}", { time: span(job.took_s) }) : "–", className: job.error ? "bad" : "" },
  ]);
  put("jobs", table(t("Done again and again"), [t("What"), t("every"), t("last"), t("outcome")].map((title) => ({ title })), jobs));
  const disk = report.tiers.filter(({ size_bytes: bytes }) => bytes !== null);
  const diskRows = disk.map((tier) => [tierName(tier.key), size(tier.size_bytes), tier.bytes_a_day ? size(tier.bytes_a_day) : "–"]);
  put("disk", table(t("Disk"), figures(t("What"), t("takes"), t("per day")), diskRows));
  byId("forecast").textContent = forecastText(report.forecast);
}

function drawVersions({ versions, data_dir: folder, timezone }) {
  const facts = [
    ["SLMM", versions.slmm],
    ["Python", versions.python],
    [t("Machine"), versions.platform],
    [t("Schema of the database"), versions.schema ?? "–"],
    [t("Schema of the record"), String(versions.record_schema)],
    [t("Data"), folder],
    [t("Time zone"), timezone],
    [t("Libraries"), Object.entries(versions.libraries).map(([name, version]) => `${name} ${version}`).join(", ")],
  ];
  put("versions", ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function drawReading({ standby }) {
  byId("reading-state").textContent = standby
    ? t("Standby: no connection to any meter is held, nothing is read or recorded.")
    : t("The meters are read as somebody watches, a rule asks for it, or the roster says.");
  byId("standby").hidden = standby;
  byId("resume").hidden = !standby;
}

async function look() {
  try {
    const report = await call("/_system/report");
    drawTroubles(report.problems);
    drawVitals(report);
    drawReading(report);
    drawTables(report);
    drawVersions(report);
    if (byId("outcome").dataset.kind === "bad") say("");
  } catch (error) {
    say(t("The figures are those of before: {reason}", { reason: error.message }), "bad");
  }
}

byId("standby").addEventListener("click", async () => {
  const lines = [t("Nothing is read or recorded until somebody takes it up again, and alarms about missing data are to be expected."), t("Do it when another program needs the meters’ only connection.")];
  if (!(await askFirst({ title: t("Let go of all meters?"), lines, action: t("Let go"), isDangerous: true }))) return;
  await attempt(() => call("/_system/standby", { method: "POST" }), t("No connection to any meter is held."));
  look();
});
byId("resume").addEventListener("click", async () => {
  await attempt(() => call("/_system/resume", { method: "POST" }), t("The meters are read again."));
  look();
});

new AlertBadge();
look();
setInterval(() => document.hidden || look(), EVERY_MS);
document.addEventListener("visibilitychange", () => document.hidden || look());
