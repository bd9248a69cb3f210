// What is known of one unit: its last frame, how old it is, and columns for the chart.

const TRAIL_GAP_S = 150;
const LEAST_GAP_S = 5;
const BLANK_AFTER_S = 60;
const MOST_POINTS = 9000;

// The server's clock as this page sees it: the smallest difference ever seen is skew, the rest is delay.
export class ServerClock {
  constructor() {
    this.offsetMs = null;
  }

  heard(serverMs, nowMs = Date.now()) {
    const offset = nowMs - serverMs;
    if (this.offsetMs === null || offset < this.offsetMs) this.offsetMs = offset;
  }

  now(nowMs = Date.now()) {
    return nowMs - (this.offsetMs ?? 0);
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

export class UnitStore {
  constructor(unitId, clock) {
    this.unitId = unitId;
    this.clock = clock;
    this.frame = null;
    this.labels = null;
    this.isActive = true;
    this.isReachable = null;
    this.reason = "";
    this.columns = [[], [], []];
    this.intervals = [];
    this.trailEnd = 0;
  }

  // Configuration and state as GET /roster gives them.
  known(entry) {
    this.isActive = entry.is_active;
    if (!entry.status) return;
    this.labels = entry.status.labels;
    this.isReachable = entry.status.is_reachable;
    this.reason = entry.status.last_error ?? "";
    if (!this.frame && entry.status.last_seen) this.frame = { ...entry.status, timestamp: entry.status.last_seen };
  }

  status(event) {
    if ("labels" in event) this.labels = event.labels;
    if ("mode" in event) this.isActive = event.mode !== "off" || this.isActive;
    if ("is_reachable" in event) {
      this.isReachable = event.is_reachable;
      this.reason = event.reason;
    }
    if ("measurement_state" in event && this.frame) {
      this.frame = { ...this.frame, measurement_state: event.measurement_state };
      this.frame.measurement_start_time = event.measurement_start_time;
    }
  }

  // The trail, one point a minute; what the live feed replays replaces its end.
  backfill(readings) {
    for (const reading of readings) {
      const at = Date.parse(reading.timestamp) / 1000;
      this.append(at, reading.lp, reading.leq, TRAIL_GAP_S);
      this.trailEnd = at;
    }
  }

  // A live frame; false when it was had already.
  take(frame) {
    const at = Date.parse(frame.timestamp) / 1000;
    if (frame.feed_status === "unreachable") {
      this.isReachable = false;
      this.reason = frame.reason ?? "";
      this.append(at, null, null, Infinity);
      return true;
    }
    if (this.lastLive && at <= this.lastLive) return false;
    this.isReachable = true;
    this.reason = "";
    this.frame = frame;
    this.clearTrailFrom(at);
    if (this.lastLive) {
      this.intervals.push(at - this.lastLive);
      if (this.intervals.length > 5) this.intervals.shift();
    }
    const gap = this.intervals.length < 3 ? TRAIL_GAP_S : Math.max(LEAST_GAP_S, 3.5 * this.cadenceS);
    this.append(at, frame.lp, frame.leq, gap);
    this.lastLive = at;
    return true;
  }

  clearTrailFrom(at) {
    if (this.lastLive || at > this.trailEnd) return;
    const keep = this.columns[0].findIndex((time) => time >= at - 0.5);
    if (keep >= 0) for (const column of this.columns) column.length = keep;
  }

  append(at, lp, leq, gapS) {
    const [times, lps, leqs] = this.columns;
    const last = times.at(-1);
    if (last !== undefined) {
      if (at <= last) return;
      if (at - last > gapS) {
        times.push((last + at) / 2);
        lps.push(null);
        leqs.push(null);
      }
    }
    times.push(at);
    lps.push(lp);
    leqs.push(leq);
    if (times.length > MOST_POINTS) for (const column of this.columns) column.splice(0, MOST_POINTS / 10);
  }

  // Seconds between readings of late.
  get cadenceS() {
    return this.intervals.length ? median(this.intervals) : 1;
  }

  ageS(nowMs = Date.now()) {
    return this.frame ? (this.clock.now(nowMs) - Date.parse(this.frame.timestamp)) / 1000 : Infinity;
  }

  view(nowMs = Date.now()) {
    const ageS = this.ageS(nowMs);
    return {
      isActive: this.isActive,
      isReachable: this.isReachable,
      reason: this.reason,
      hasReading: this.frame !== null,
      ageS,
      isStale: ageS > Math.max(3.5, 3 * this.cadenceS + 0.5),
      isBlank: ageS > Math.max(BLANK_AFTER_S, 3 * this.cadenceS + 0.5),
    };
  }
}
