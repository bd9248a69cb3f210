// Which span the chart shows, in which steps, and how the address of the page says so. Pure functions.

const HOUR_S = 3600;
const DAY_S = 86400;
export const WINDOWS = { "5min": 300, "1h": HOUR_S, "24h": DAY_S, "30d": 30 * DAY_S };
export const SERIES = ["lp", "laeq", "rolling", "lmax", "band", "limit"];
export const USUAL_WINDOW = "5min";
export const LEAST_SPAN_S = 10;
const READINGS_UP_TO_S = 1200; // up to here single readings are drawn
const MOMENT_WINDOW_S = 1800;
const MOST_STEPS = 3000;
const LADDER_S = [60, 300, 900, HOUR_S, 4 * HOUR_S, DAY_S];

// The step of the means and the length of the rolling one. As people expect it: minutes for a day, quarters for a month.
export function plan(spanS, limitWindowS = null) {
  const stepS = LADDER_S.find((step) => spanS / step <= MOST_STEPS / 2) ?? LADDER_S.at(-1);
  const usual = stepS === 60 ? 900 : stepS <= 900 ? HOUR_S : stepS <= 4 * HOUR_S ? DAY_S : 7 * DAY_S;
  const fits = limitWindowS && limitWindowS % stepS === 0 && limitWindowS > stepS && limitWindowS <= DAY_S;
  const rollingS = fits ? limitWindowS : usual;
  return { stepS, rollingS, hasReadings: spanS <= READINGS_UP_TO_S };
}

// Seconds as the name of a period: "15min", "1h", "1d".
export function periodName(seconds) {
  if (seconds % DAY_S === 0 && seconds > DAY_S) return `${seconds / DAY_S}d`;
  if (seconds % HOUR_S === 0) return `${seconds / HOUR_S}h`;
  return seconds % 60 === 0 ? `${seconds / 60}min` : `${seconds}s`;
}

const instant = (text) => (text === null ? NaN : Date.parse(text) / 1000);
export const isoTime = (seconds) => new Date(Math.round(seconds * 1000)).toISOString();

// What the address asks for: a window of the present, a span, or a moment; and which series.
export function fromAddress(search) {
  const query = new URLSearchParams(search);
  const window = Object.hasOwn(WINDOWS, query.get("window")) ? query.get("window") : USUAL_WINDOW;
  const named = (query.get("series") ?? "").split(",").filter((name) => SERIES.includes(name));
  const found = { window, series: named.length ? named : [...SERIES], span: null, momentS: null, wrong: "" };
  const [fromS, untilS, atS] = ["from", "until", "at"].map((name) => instant(query.get(name)));
  if (query.has("at")) {
    if (Number.isNaN(atS)) found.wrong = query.get("at");
    else Object.assign(found, { momentS: atS, span: [atS - MOMENT_WINDOW_S / 2, atS + MOMENT_WINDOW_S / 2] });
  } else if (query.has("from") || query.has("until")) {
    if (untilS - fromS >= LEAST_SPAN_S) found.span = [fromS, untilS];
    else found.wrong = `${query.get("from") ?? ""} – ${query.get("until") ?? ""}`;
  }
  return found;
}

// The other way round; what is usual is left out.
export function toAddress({ window, series, span, momentS }) {
  const query = new URLSearchParams();
  if (window !== USUAL_WINDOW) query.set("window", window);
  if (momentS !== null) query.set("at", isoTime(momentS));
  else if (span) {
    query.set("from", isoTime(span[0]));
    query.set("until", isoTime(span[1]));
  }
  if (series.length !== SERIES.length) query.set("series", series.join(","));
  const text = query.toString();
  return text && `?${text}`;
}

// A span around a point of it, smaller or larger, not beyond the present.
export function zoomed([fromS, untilS], factor, aroundS, nowS) {
  const spanS = Math.min(WINDOWS["30d"], Math.max(LEAST_SPAN_S, (untilS - fromS) * factor));
  const share = (aroundS - fromS) / (untilS - fromS);
  const endS = Math.min(nowS, aroundS + spanS * (1 - share));
  return [endS - spanS, endS];
}

export function moved([fromS, untilS], byS, nowS) {
  const endS = Math.min(nowS, untilS + byS);
  return [endS - (untilS - fromS), endS];
}
