// Times in one IANA zone, which they name: that of the site, else that of the service.

import { locale } from "./words.js";

export class ZoneClock {
  constructor(zone) {
    const timeZone = zone || document.documentElement.dataset.zone || undefined;
    const format = (options) => new Intl.DateTimeFormat(locale, { ...options, hourCycle: "h23", timeZone });
    this.dates = format({ dateStyle: "medium" });
    this.times = format({ timeStyle: "medium" });
    this.hours = format({ timeStyle: "short" });
    this.moments = format({ dateStyle: "medium", timeStyle: "medium" });
    this.minutes = format({ dateStyle: "medium", timeStyle: "short" });
    this.weekdays = format({ weekday: "short", day: "numeric", month: "short" });
    this.zone = this.dates.resolvedOptions().timeZone;
  }

  // "21 Nov 2026"
  day(stamp) {
    return this.dates.format(instant(stamp));
  }

  // "14:05:07"
  time(stamp) {
    return this.times.format(instant(stamp));
  }

  // "14:05"
  hour(stamp) {
    return this.hours.format(instant(stamp));
  }

  // "Sat 21 Nov"
  weekday(stamp) {
    return this.weekdays.format(instant(stamp));
  }

  // Day and time to the second.
  moment(stamp) {
    return this.moments.format(instant(stamp));
  }

  // Day and time to the minute.
  minute(stamp) {
    return this.minutes.format(instant(stamp));
  }
}

// RFC 3339 text, or milliseconds.
const instant = (stamp) => (typeof stamp === "number" ? stamp : Date.parse(stamp));
