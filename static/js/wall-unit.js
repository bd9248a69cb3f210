// What the wall knows of one meter, from the roster, the glance at all units, and the event stream.

import { byUrgency } from "./limit-words.js";
import { UnitStore } from "./store.js";
import { verdict } from "./wall-verdict.js";
import { ZoneClock } from "./zone.js";

const MINUTE_MS = 60000;
const HOUR = 60;
const FEW_POINTS = 20; // the store's own trail is not shown here
// A standing is told every 10 s, one of whole minutes every minute; after three missed it is old.
const STANDING_OLD_S = { live: 33, minute: 190 };

const clocks = new Map();
function clockOf(zone) {
  if (!clocks.has(zone)) clocks.set(zone, new ZoneClock(zone));
  return clocks.get(zone);
}

export class WallUnit {
  constructor(unitId, serverClock) {
    this.unitId = unitId;
    this.serverClock = serverClock;
    this.store = new UnitStore(unitId, serverClock, FEW_POINTS);
    this.name = null;
    this.site = null;
    this.place = null;
    this.clock = clockOf("");
    this.standings = [];
    this.alerts = null;
    this.warnings = [];
    this.minutes = new Map();
    this.minutesEndMs = 0;
    this.version = 0; // of what changes once a minute
    this.judge();
  }

  get title() {
    return this.name || this.unitId;
  }

  // As GET /_wall tells it; minutes that are known already stay.
  glance(info, minutesStartMs) {
    this.name = info.name;
    this.site = info.site;
    this.place = info.latitude == null ? null : { latitude: info.latitude, longitude: info.longitude };
    this.clock = clockOf(info.timezone);
    this.alerts = info.alerts;
    this.warnings = info.warnings ?? [];
    this.hearLimits(info.limits);
    for (const [index, level] of info.laeq_1min.entries()) this.minutes.set(minutesStartMs + index * MINUTE_MS, level);
    this.minutesEndMs = minutesStartMs + info.laeq_1min.length * MINUTE_MS;
    for (const at of this.minutes.keys()) if (at < this.minutesEndMs - HOUR * MINUTE_MS) this.minutes.delete(at);
    this.version += 1;
  }

  hearLimits(standings) {
    this.standings = [...standings].sort(byUrgency);
    const limitDb = this.worst?.now?.limit_db ?? null;
    if (limitDb !== this.limitDb) this.version += 1;
    this.limitDb = limitDb;
  }

  // The limit that matters most now; null where none is set.
  get worst() {
    return this.standings[0] ?? null;
  }

  // The last hour up to now, a level or null a minute; what has not been told for long is a gap at its end.
  hour() {
    const nowMs = Math.floor(this.serverClock.now() / MINUTE_MS) * MINUTE_MS;
    const endMs = nowMs - this.minutesEndMs > 2 * MINUTE_MS ? nowMs : this.minutesEndMs;
    return Array.from({ length: HOUR }, (_, index) => this.minutes.get(endMs - (HOUR - index) * MINUTE_MS) ?? null);
  }

  standingAgeS() {
    return this.worst ? (this.serverClock.now() - Date.parse(this.worst.at)) / 1000 : null;
  }

  isStandingOld() {
    return this.worst !== null && this.standingAgeS() > STANDING_OLD_S[this.worst.resolution];
  }

  // What is shown large, for sorting: the limited quantity, else the running LAeq; null when it is old.
  level() {
    if (this.view.isStale || this.view.isBlank || !this.view.hasReading) return null;
    return this.worst?.now?.level_db ?? this.view.figures.leq ?? null;
  }

  // Anew from what is known; tells whether another verdict came out.
  judge() {
    const before = this.verdict;
    this.view = this.store.view();
    this.verdict = verdict({ view: this.view, worst: this.worst, alerts: this.alerts });
    return before?.rank !== this.verdict.rank;
  }
}
