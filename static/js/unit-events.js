// What happened at a unit besides levels: alerts, starts and stops, remarks, calibrations; and its limits over time.

import { ruleName, sentence } from "./alert-words.js";
import { call } from "./api.js";
import { isoTime } from "./chart-plan.js";
import { number, t } from "./words.js";

const AHEAD_S = 7200; // the limit of the next hours is known already
const MOST = 500;
const seconds = (stamp) => Date.parse(stamp) / 1000;

export const REASONS = {
  remark: t("remark"),
  weather: t("weather"),
  calibration: t("calibration"),
  foreign: t("sound that is not the site's"),
  fault: t("fault"),
  other: t("other"),
};

export class UnitEvents {
  constructor(unitId, now) {
    this.unitId = unitId;
    this.path = `/${encodeURIComponent(unitId)}`;
    this.now = now;
    this.role = document.documentElement.dataset.role;
    this.found = { remarks: [], alerts: [], runs: [], calibrations: [] };
    this.limits = [];
    this.limitIds = [];
    this.turn = 0;
    this.revision = 0; // counts what came, for those who draw it
  }

  get isGuest() {
    return !["viewer", "operator", "admin"].includes(this.role);
  }

  // All of a span at once; what fails is left as it was, for the levels count more than the strip below them.
  async load([fromS, untilS]) {
    const turn = ++this.turn;
    const span = new URLSearchParams({ from: isoTime(fromS), until: isoTime(untilS), limit: MOST });
    const alerts = new URLSearchParams({ unit: this.unitId, limit: 200 });
    const wanted = { remarks: `${this.path}/remarks?${span}` };
    if (!this.isGuest) {
      wanted.runs = `${this.path}/runs?${span}`;
      wanted.calibrations = `${this.path}/calibrations?${span}`;
      wanted.alerts = `/_alerts/events?${alerts}`;
    }
    const names = Object.keys(wanted);
    const answers = await Promise.allSettled([...names.map((name) => call(wanted[name])), this.loadLimits([fromS, untilS], turn)]);
    if (turn !== this.turn) return;
    this.revision += 1;
    names.forEach((name, at) => {
      const { value } = answers[at];
      if (value) this.found[name] = value[name === "alerts" ? "events" : name];
    });
  }

  // The limits that stand now, as they were and will be. True when there are others than before.
  takeLimits(standings) {
    const ids = standings.map(({ limit_id: id, version }) => `${id}.${version}`).sort();
    if (ids.join() === this.limitIds.join()) return false;
    this.limitIds = ids;
    return true;
  }

  async loadLimits([fromS, untilS], turn = this.turn) {
    const span = new URLSearchParams({ from: isoTime(fromS), until: isoTime(untilS + AHEAD_S) });
    const ids = this.limitIds.map((id) => id.split(".")[0]);
    const answers = await Promise.allSettled(ids.map((id) => call(`${this.path}/limits/${id}/line?${span}`)));
    if (turn !== this.turn) return;
    this.revision += 1;
    this.limits = answers.filter(({ value }) => value).map(({ value }) => limitOf(value));
  }

  get exclusions() {
    return this.found.remarks
      .filter(({ excludes }) => excludes)
      .map((remark) => ({ startS: seconds(remark.starts_at), endS: seconds(remark.ends_at), reason: REASONS[remark.reason] ?? remark.reason }));
  }

  // In order of time: kind, severity, span, and what is to be said of it.
  get list() {
    const { remarks, alerts, runs, calibrations } = this.found;
    const nowS = this.now();
    const found = [
      ...alerts.map((event) => ({
        kind: "alert",
        severity: event.severity,
        startS: seconds(event.onset_at),
        endS: event.clear_at ? seconds(event.clear_at) : nowS,
        text: `${ruleName(event)}: ${sentence(event)}`,
      })),
      ...runs.flatMap(runEvents),
      ...remarks.map((remark) => ({
        kind: "remark",
        id: remark.id,
        startS: seconds(remark.starts_at),
        endS: seconds(remark.ends_at),
        text: remarkText(remark),
      })),
      ...calibrations.map((check) => ({ kind: "calibration", startS: seconds(check.at), endS: seconds(check.at), text: checkText(check) })),
    ];
    return found.sort((one, other) => one.startS - other.startS);
  }

  // The limit that holds at a moment, of each.
  limitsAt(atS) {
    return this.limits.flatMap(({ name, steps }) => {
      const step = steps.find(({ fromS, untilS }) => fromS <= atS && atS < untilS);
      return step ? [{ name, level: step.level }] : [];
    });
  }
}

const limitOf = ({ limit_id: id, name, steps }) => ({
  id,
  name,
  steps: steps.map((step) => ({ fromS: seconds(step.starts_at), untilS: seconds(step.ends_at), level: step.level_db, amber: step.amber_db })),
});

function runEvents(run) {
  const store = run.store_name ? ` (${run.store_name})` : "";
  const startS = seconds(run.started_at);
  const start = { kind: "start", startS, endS: startS, text: run.is_start_exact ? `${t("measurement started")}${store}` : `${t("measurement seen running, begun earlier")}${store}` };
  if (!run.ended_at) return [start];
  const endS = seconds(run.ended_at);
  return [start, { kind: "stop", startS: endS, endS, text: `${t("measurement stopped")}${store}` }];
}

function remarkText(remark) {
  const reason = REASONS[remark.reason] ?? remark.reason;
  const said = remark.reason === "remark" ? remark.text : `${reason}: ${remark.text}`;
  const by = remark.made_by ? ` – ${remark.made_by}` : "";
  return remark.excludes ? `${t("excluded")}, ${said}${by}` : `${said}${by}`;
}

function checkText(check) {
  const drift = check.drift_db === null ? t("drift not known") : t("drift {drift} dB", { drift: number(check.drift_db, 1) });
  return `${t("calibration check")}: ${number(check.measured_db, 1)} dB, ${drift}`;
}
