// Follows the live feeds of SLMM over one event stream that tabs share, and comes back by itself. Its reasons: docs/portal.md.
//
//   const client = new SlmmClient({ units: ["site-north"], onFrame: (frame, ageMs) => …, onStale: (unitId, ageMs) => … });

const NAMES = { message: "Frame", status: "Status", roster: "Roster", alert: "Alert", limits: "Limits", operation: "Operation", heartbeat: "", time: "" };
const [FIRST_MS, LONGEST_MS, SETTLED_MS, GATHER_MS, CONNECT_MS] = [1000, 30000, 500, 50, 10000];
const [QUIET_MS, DOUBT_MS, ANSWER_MS, ALONE_MS, RENEW_MS, STALE_MS] = [5000, 3000, 1500, 5000, 3600000, 3500];

// One clock may stand still during sleep, the other be set.
const mark = () => ({ steady: performance.now(), wall: Date.now() });
const since = (then) => Math.max(performance.now() - then.steady, Date.now() - then.wall);
const boot = (id) => id.split("-")[0];
const count = (id) => Number(id.split("-")[1]);

export class SlmmClient {
  constructor(options = {}) {
    this.options = { base: "", path: "/api/nl43/_monitor/events", units: null, lastEventId: "", silenceMs: 60000, share: !options.ticket, ...options };
    this.replays = this.options.lastEventId === "earliest";
    this.lastEventId = this.replays ? "" : this.options.lastEventId;
    this.id = Math.random();
    this.seen = {}; // feed → id of its last event
    this.readings = new Map();
    this.members = new Map(); // what the other tabs want
    this.failures = 0;
    this.renewMs = RENEW_MS * (1 + Math.random() / 10);
    const wake = () => document.hidden || this.wake();
    this.hears = [
      [window, "pagehide", () => this.leave()],
      [window, "pageshow", (event) => event.persisted && this.start()],
      [window, "online", wake],
      [document, "visibilitychange", wake],
    ];
    for (const [target, ...rest] of this.hears) target.addEventListener(...rest);
    this.start();
  }

  start() {
    this.tickedAt = this.heardAt = mark();
    this.ticker = setInterval(() => this.tick(), 1000);
    this.tell("connecting");
    if (this.options.share && window.BroadcastChannel && navigator.locks) this.join();
    else this.open();
  }

  join() {
    const { base, path, share } = this.options;
    const name = `slmm ${new URL(base + path, location)} ${share} ${document.documentElement.dataset.role}`;
    const channel = (this.channel = new BroadcastChannel(name));
    this.part = "follower";
    channel.onmessage = ({ data }) => (this.part === "leader" ? this.serve(data) : this.follow(data));
    const lead = () => {
      if (channel !== this.channel) return null;
      this.part = "leader";
      this.renew();
      return new Promise((resolve) => (this.release = resolve));
    };
    navigator.locks.request(name, lead).catch(() => this.split());
    this.ask("join");
  }

  ask(ask) {
    this.asked ??= mark();
    this.channel.postMessage({ ask, id: this.id, want: this.want });
  }

  say(lead, more) {
    if (this.part === "leader") this.channel.postMessage({ lead, told: this.told, at: Date.now(), ...more });
  }

  serve({ ask, id, want }) {
    if (ask === "join") this.members.set(id, want);
    if (ask === "leave") this.members.delete(id);
    if (ask === "alive") this.say("alive");
    else if (ask) this.gather();
  }

  follow({ lead, told, at, ids, event }) {
    if (!lead) return;
    const isAlone = this.part === "alone";
    if (!isAlone) this.heardAt = mark();
    this.asked = null;
    if (lead === "split") return this.split();
    if (ids?.includes(this.id)) {
      this.drop();
      [this.part, this.isIn] = ["follower", true];
    } else if (lead === "who" || ids || (isAlone && since(this.aloneAt) > ALONE_MS && Date.now() - at < FIRST_MS)) this.ask("join");
    if (isAlone || !this.isIn) return;
    if (event) this.take(event, Math.max(0, Date.now() - at));
    else this.tell(...told);
  }

  // From now on each for itself.
  split() {
    this.say("split");
    this.options.share = false;
    this.leave();
    this.start();
  }

  get want() {
    return { units: this.options.units, last: this.lastEventId, replays: this.replays };
  }

  get url() {
    const wants = [this.want, ...this.members.values()];
    const isOfBoot = (id) => id && boot(id) === boot(this.lastEventId || id);
    const [last] = wants.map((want) => want.last).filter(isOfBoot).sort((one, other) => count(one) - count(other));
    const replay = wants.filter((want) => want.replays).flatMap((want) => want.units ?? "*");
    const query = new URLSearchParams({ time: 1 });
    if (wants.every((want) => want.units)) query.set("units", [...new Set(wants.flatMap((want) => want.units))]);
    if (last) query.set("last_event_id", last);
    if (replay.length) query.set("replay", replay);
    if (this.members.size) query.set("newest", 1);
    if (this.ticket) query.set("ticket", this.ticket);
    return `${this.options.base}${this.options.path}?${query}`;
  }

  gather() {
    clearTimeout(this.gathering);
    this.gathering = setTimeout(() => this.open(), GATHER_MS);
  }

  renew() {
    if (this.part !== "leader") return this.open();
    this.members.clear();
    this.say("who");
    this.gather();
  }

  async open() {
    this.drop();
    this.openedAt = this.heardAt = mark();
    this.say("open", { ids: [...this.members.keys()] });
    if (this.state !== "live") this.tell("connecting");
    const turn = (this.turn = {});
    try {
      if (this.options.ticket) this.ticket = await this.options.ticket();
      if (turn === this.turn) this.connect();
    } catch {
      if (turn === this.turn) this.again();
    }
  }

  connect() {
    const source = (this.source = new EventSource(this.url));
    const served = [...this.members.values()];
    const asked = mark();
    for (const type in NAMES) {
      source.addEventListener(type, (message) => {
        const event = { type, id: message.lastEventId, data: JSON.parse(message.data) };
        this.heardAt = mark();
        this.failures = 0;
        if (type === "message") for (const want of served.splice(0)) Object.assign(want, { last: "", replays: false });
        const lateMs = type === "time" ? Math.max(0, since(asked) - 2000) : 0;
        this.say("event", { event, at: Date.now() - lateMs });
        this.take(event, lateMs);
      });
    }
    // A refusal would come at once.
    source.onopen = () => (this.settled = setTimeout(() => this.tell("live"), SETTLED_MS));
    // Only the server's own errors carry data.
    source.onerror = ({ data }) => {
      if (!data) return this.again();
      const { detail, code } = JSON.parse(data);
      this.again(detail, code === "closing" ? FIRST_MS : LONGEST_MS / 2);
    };
  }

  again(why = "connection lost", leastMs = 0) {
    this.drop();
    const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures++);
    const nextMs = Math.max(leastMs, pause * (0.5 + Math.random() / 2));
    this.tell("waiting", why, Date.now() + nextMs);
    this.retry = setTimeout(() => this.check(), nextMs);
  }

  // An EventSource hides the status. A refused ticket may only have expired.
  async check() {
    const turn = (this.turn = {});
    const isShared = this.members.size > 0;
    if (this.failures > (isShared ? 0 : 2) && !this.options.ticket) {
      const abort = new AbortController();
      const { status } = await fetch(this.url, { signal: abort.signal }).catch(() => ({}));
      abort.abort();
      if (turn !== this.turn) return;
      if ([401, 403, 404, 422].includes(status)) return isShared ? this.split() : this.close(`refused with ${status}`);
    }
    this.renew();
  }

  tell(state, detail = "", nextAt = 0) {
    if (state === this.state && !detail) return;
    this.state = state;
    this.told = [state, detail, nextAt];
    this.say("state");
    this.options.onState?.(...this.told);
  }

  take({ type, id, data }, lateMs) {
    const { units } = this.options;
    this.tell("live");
    if (type === "time") {
      this.clock = { ...mark(), ms: Date.parse(data.time) + lateMs };
      this.options.onTime?.(this.clock.ms);
    }
    if (id) this.lastEventId = id;
    if (units && data.unit_id && !units.includes(data.unit_id)) return;
    // A stream made anew for another tab repeats.
    const feed = `${type} ${data.unit_id}`;
    const had = this.seen[feed] ?? "";
    if (id && boot(had) === boot(id) && count(id) <= count(had)) return;
    if (id) this.seen[feed] = id;
    if (type === "message") this.read(data);
    this.options[`on${NAMES[type]}`]?.(data, this.ageMs(data.unit_id));
    this.tellStale(data.unit_id);
  }

  read({ unit_id, timestamp, feed_status }) {
    this.replays = false;
    if (feed_status === "unreachable") return;
    const at = Date.parse(timestamp);
    if (this.clock && at > this.now()) this.clock = { ...mark(), ms: at };
    const { at: before, intervals = [] } = this.readings.get(unit_id) ?? {};
    const isLearnt = before && this.now() - at < STALE_MS; // not from the past
    this.readings.set(unit_id, { at, intervals: isLearnt ? [...intervals, at - before].slice(-5) : intervals });
  }

  // By the server's clock.
  now() {
    return this.clock ? this.clock.ms + since(this.clock) : Date.now();
  }

  ageMs(unitId) {
    return this.now() - (this.readings.get(unitId)?.at ?? -Infinity);
  }

  // Older than three of its usual intervals; one outage is no habit.
  isStale(unitId) {
    const intervals = this.readings.get(unitId)?.intervals ?? [];
    const usual = [...intervals].sort((one, other) => one - other)[(intervals.length - 1) >> 1];
    return this.ageMs(unitId) > (intervals.length > 1 ? Math.max(STALE_MS, 3 * Math.min(usual, intervals.at(-1)) + 500) : STALE_MS);
  }

  tellStale(unitId) {
    if (this.readings.has(unitId) && this.isStale(unitId)) this.options.onStale?.(unitId, this.ageMs(unitId));
  }

  tick() {
    const { steady, wall } = this.tickedAt;
    const isSet = Math.abs(Date.now() - wall - performance.now() + steady) > DOUBT_MS;
    const isLate = since(this.tickedAt) > QUIET_MS && !document.hidden;
    this.tickedAt = mark();
    for (const unitId of this.readings.keys()) this.tellStale(unitId);
    const silentMs = since(this.heardAt);
    if (isSet || isLate) this.wake(isSet ? 0 : QUIET_MS);
    else if (this.part === "follower") {
      if (silentMs < DOUBT_MS && this.isIn) return;
      if (!this.asked) this.ask(this.isIn ? "alive" : "join");
      else if (since(this.asked) > ANSWER_MS) this.goAlone();
    } else if (this.source && silentMs > (this.source.readyState ? this.options.silenceMs : CONNECT_MS)) this.again();
    else if (this.source && since(this.openedAt) > this.renewMs) this.renew();
  }

  goAlone() {
    [this.part, this.isIn, this.aloneAt] = ["alone", false, mark()];
    this.open();
  }

  // Asleep until now, a clock set, in sight again, a network again.
  wake(quietMs = QUIET_MS) {
    if (!this.retry && since(this.heardAt) <= quietMs) return;
    this.failures = 0;
    if (this.part === "follower") return this.ask("join");
    this.tell("waiting", "connection lost");
    this.renew();
  }

  drop() {
    for (const timer of [this.retry, this.settled, this.gathering]) clearTimeout(timer);
    this.source?.close();
    this.source = this.retry = this.turn = null;
  }

  leave() {
    clearInterval(this.ticker);
    this.drop();
    if (!this.channel) return;
    if (this.part !== "leader") this.ask("leave");
    this.release?.();
    this.channel.close();
    this.channel = this.part = this.asked = this.release = this.isIn = null;
    this.members.clear();
  }

  close(why = "") {
    this.leave();
    for (const [target, ...rest] of this.hears) target.removeEventListener(...rest);
    this.tell("closed", why);
  }
}
