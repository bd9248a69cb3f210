// Follows the live feeds of SLMM over one event stream, and comes back by itself.
//
// A bare EventSource gives up for ever on any answer that is not 200, such as a proxy's 502 during a
// restart. This one is made anew, with back-off and jitter, and says from which event on it wants more.
//
//   const client = new SlmmClient({ units: ["site-north"], onFrame: (frame) => … });
//   client.close();
//
// Options: base ("" = this host), path (of another event stream), units (null = all), lastEventId ("earliest" = all the server still
// holds), ticket (an async function that gives a stream ticket, for a service that asks who comes; it is called
// for every new connection), onFrame, onStatus, onRoster, onAlert, onLimits (JSON objects), onState ("connecting", "live",
// "waiting", "closed"; and a sentence), silenceMs (after which a mute stream counts as dead).

const FINAL = new Set([401, 403, 404, 422]);
const FIRST_MS = 1000;
const LONGEST_MS = 30000;
const SETTLED_MS = 500;

export class SlmmClient {
  constructor(options = {}) {
    this.options = { base: "", path: "/api/nl43/_monitor/events", units: null, lastEventId: "", silenceMs: 60000, ...options };
    this.lastEventId = this.options.lastEventId;
    this.failures = 0;
    this.isClosed = false;
    this.hide = () => this.drop();
    this.show = (event) => event.persisted && this.open();
    addEventListener("pagehide", this.hide);
    addEventListener("pageshow", this.show);
    this.open();
  }

  get url() {
    const query = new URLSearchParams();
    if (this.options.units) query.set("units", this.options.units.join(","));
    if (this.lastEventId) query.set("last_event_id", this.lastEventId);
    if (this.ticket) query.set("ticket", this.ticket);
    return `${this.options.base}${this.options.path}?${query}`;
  }

  open() {
    if (this.isClosed) return;
    this.drop();
    this.tell("connecting");
    if (this.options.ticket) this.fetchTicket();
    else this.connect();
  }

  async fetchTicket() {
    const turn = (this.turn = {});
    try {
      this.ticket = await this.options.ticket();
    } catch (error) {
      if (turn === this.turn) this.again();
      return;
    }
    if (turn === this.turn && !this.isClosed) this.connect();
  }

  connect() {
    const source = (this.source = new EventSource(this.url));
    const hear = (handler) => (event) => {
      if (event.lastEventId) this.lastEventId = event.lastEventId;
      this.failures = 0;
      this.tell("live");
      this.watch();
      if (handler) handler(JSON.parse(event.data));
    };
    source.onmessage = hear(this.options.onFrame);
    source.addEventListener("status", hear(this.options.onStatus));
    source.addEventListener("roster", hear(this.options.onRoster));
    source.addEventListener("alert", hear(this.options.onAlert));
    source.addEventListener("limits", hear(this.options.onLimits));
    source.addEventListener("heartbeat", hear(null));
    // A stream that stays open is live before anything is said on it; a refusal would come at once.
    source.onopen = () => {
      this.watch();
      this.settled = setTimeout(() => this.tell("live"), SETTLED_MS);
    };
    // The server's own error events carry data; the browser's do not.
    source.onerror = (event) => (event.data ? this.refused(JSON.parse(event.data)) : this.broken(source));
    this.watch();
  }

  refused(why) {
    this.tell("waiting", why.detail);
    this.again(why.code === "closing" ? FIRST_MS : 15000);
  }

  broken(source) {
    if (source !== this.source) return;
    this.again();
  }

  // A stream that says nothing for several heartbeats is dead, whatever the browser thinks.
  watch() {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.again(), this.options.silenceMs);
  }

  again(leastMs = 0) {
    this.drop();
    if (this.isClosed) return;
    const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures++);
    if (this.state !== "waiting") this.tell("waiting", "connection lost");
    this.retry = setTimeout(() => this.check(), Math.max(leastMs, pause * (0.5 + Math.random() / 2)));
  }

  // An EventSource hides the status; after some failures find out whether it is final.
  async check() {
    // With tickets a refusal may mean no more than that the last one has expired.
    if (this.failures > 2 && !this.options.ticket) {
      const abort = new AbortController();
      try {
        const answer = await fetch(this.url, { signal: abort.signal });
        abort.abort();
        if (FINAL.has(answer.status)) return this.close(`refused with ${answer.status}`);
      } catch {
        /* not reachable: the EventSource will find out */
      }
    }
    this.open();
  }

  tell(state, detail = "") {
    if (state === this.state && !detail) return;
    this.state = state;
    this.options.onState?.(state, detail);
  }

  drop() {
    clearTimeout(this.watchdog);
    clearTimeout(this.retry);
    clearTimeout(this.settled);
    this.source?.close();
    this.source = null;
    this.turn = null;
  }

  close(why = "") {
    this.isClosed = true;
    this.drop();
    removeEventListener("pagehide", this.hide);
    removeEventListener("pageshow", this.show);
    this.tell("closed", why);
  }
}
