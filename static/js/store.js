// What is known of one unit: its last frame, how old it is, and columns for the chart.

const TRAIL_GAP_S = 150;
const LEAST_GAP_S = 5;
const BLANK_AFTER_S = 60;
const MOST_POINTS = 9000;
const CLOCK_WINDOW_MS = 60000;
const JUMP_MS = 1000;
const SETTLED_MS = 2000;
const AHEAD_S = 5;
const LEAST_STALE_S = 3.5;

// The server's clock as this page sees it: the smallest difference seen of late is skew, the rest is delay.
// Measured against the steady clock, which nobody sets, and only of late, for clocks drift apart over days. When the wall
// clock has run ahead of the steady one, either somebody set it or the laptop slept, with the steady clock standing still:
// readings are taken to be older until the server tells its time, or until what comes in has settled.
export class ServerClock {
  constructor() {
    this.ahead = null;
    this.forget();
  }

  forget() {
    this.least = Infinity;
    this.leastBefore = Infinity;
    this.windowEndMs = -Infinity;
    this.sleptMs = 0;
  }

  // The server's time itself, as the stream tells it before any frame.
  told(serverMs, wallMs = Date.now(), steadyMs = performance.now()) {
    this.forget();
    this.ahead = wallMs - steadyMs;
    this.heard(serverMs, wallMs, steadyMs);
  }

  // The time of something that has happened: the present, or the past when it is replayed.
  heard(serverMs, wallMs = Date.now(), steadyMs = performance.now()) {
    this.compare(wallMs, steadyMs);
    if (this.sleptMs && steadyMs - this.comparedMs > SETTLED_MS) this.forget();
    if (steadyMs >= this.windowEndMs) {
      this.leastBefore = this.least;
      this.least = Infinity;
      this.windowEndMs = steadyMs + CLOCK_WINDOW_MS;
    }
    this.least = Math.min(this.least, steadyMs - serverMs);
  }

  compare(wallMs, steadyMs) {
    const jump = wallMs - steadyMs - (this.ahead ?? wallMs - steadyMs);
    this.ahead = wallMs - steadyMs;
    if (Math.abs(jump) <= JUMP_MS) return;
    this.sleptMs = Math.max(0, this.sleptMs + jump);
    this.comparedMs = steadyMs;
  }

  now(wallMs = Date.now(), steadyMs = performance.now()) {
    const offset = Math.min(this.least, this.leastBefore);
    if (offset === Infinity) return wallMs;
    const jump = wallMs - steadyMs - this.ahead;
    return steadyMs - offset + this.sleptMs + (jump > JUMP_MS ? jump : 0);
  }
}

// The lower one of two: what makes a reading look old sooner.
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

function note(values, value) {
  values.push(value);
  if (values.length > 5) values.shift();
}

export class UnitStore {
  constructor(unitId, clock, mostPoints = MOST_POINTS) {
    this.unitId = unitId;
    this.clock = clock;
    this.mostPoints = mostPoints;
    this.frame = null;
    this.display = null;
    this.labels = null;
    this.isActive = true;
    this.isRemoved = false;
    this.isReachable = null;
    this.reason = "";
    this.columns = [[], [], []];
    this.intervals = [];
    this.spacings = [];
    this.trailEnd = 0;
  }

  // Configuration and state as GET /roster gives them.
  known(entry) {
    this.isRemoved = false;
    this.isActive = entry.is_active;
    if (!entry.status) return;
    this.labels = entry.status.labels;
    this.isReachable = entry.status.is_reachable;
    this.reason = entry.status.last_error ?? "";
    if (!entry.status.last_seen) return;
    const shown = { ...entry.status, timestamp: entry.status.last_seen };
    this.frame ??= shown;
    this.display ??= shown;
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

  // The trail, one point a minute. What the live feed replays replaces its end, whichever comes first.
  backfill(readings) {
    const live = this.lastLive ? this.columns : [[], [], []];
    const liveStart = live[0][0] ?? Infinity;
    this.columns = [[], [], []];
    for (const reading of readings) {
      const at = Date.parse(reading.timestamp) / 1000;
      if (at >= liveStart - 0.5) break;
      this.append(at, reading.lp, reading.leq, TRAIL_GAP_S);
      this.trailEnd = at;
    }
    for (const [index, at] of live[0].entries()) {
      this.append(at, live[1][index], live[2][index], index ? Infinity : TRAIL_GAP_S);
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
    if (this.lastLive && at <= this.lastLive && !this.isAhead(this.lastLive)) return false;
    const isAfterOutage = this.isReachable === false;
    this.isReachable = true;
    this.reason = "";
    this.frame = frame;
    if (!frame.from_stream) this.display = frame;
    this.clearTrailFrom(at);
    if (this.lastLive && !isAfterOutage) {
      const spacing = at - this.lastLive;
      note(this.spacings, spacing);
      // What is replayed tells of a time when perhaps nobody watched, and the meter was read less often.
      if (this.clock.now() / 1000 - at < LEAST_STALE_S) note(this.intervals, spacing);
    }
    const gap = this.spacings.length < 3 ? TRAIL_GAP_S : Math.max(LEAST_GAP_S, 3.5 * median(this.spacings));
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
    if (times.length > this.mostPoints) for (const column of this.columns) column.splice(0, Math.ceil(this.mostPoints / 10));
  }

  // Seconds between readings of late; a single interval may have been an outage, and faster counts at once.
  get cadenceS() {
    return this.intervals.length > 1 ? Math.min(median(this.intervals), this.intervals.at(-1)) : 1;
  }

  // A time that cannot be, for it is still to come: the server's clock was set back meanwhile.
  isAhead(atS) {
    return atS - this.clock.now() / 1000 > AHEAD_S;
  }

  ageS() {
    return this.frame ? (this.clock.now() - Date.parse(this.frame.timestamp)) / 1000 : Infinity;
  }

  // What the meter last displayed of its run. While somebody follows its 100 ms stream, frames between two readings
  // carry the level alone, and these figures are older than that.
  figuresAgeS() {
    return this.display ? (this.clock.now() - Date.parse(this.display.timestamp)) / 1000 : Infinity;
  }

  view() {
    const ageS = this.ageS();
    const figuresAgeS = this.figuresAgeS();
    const oldS = Math.max(LEAST_STALE_S, 3 * this.cadenceS + 0.5);
    const blankS = Math.max(BLANK_AFTER_S, 3 * this.cadenceS + 0.5);
    return {
      isRemoved: this.isRemoved,
      isActive: this.isActive,
      isReachable: this.isReachable,
      reason: this.reason,
      hasReading: this.frame !== null,
      ageS,
      isStale: ageS > oldS || ageS < -AHEAD_S,
      isBlank: ageS > blankS,
      figuresAgeS,
      areFiguresOld: figuresAgeS > oldS || figuresAgeS < -AHEAD_S,
      figures: figuresAgeS > blankS ? {} : this.display,
    };
  }
}
