// Painters of what is no level: limits, what is excluded, the strip of events, clock changes, a moment, the cursor.

import { STRIP_PX } from "./chart.js";
import { clipped } from "./chart-layers.js";
import { number, t } from "./words.js";

const FONT_PX = 12;
const font = ({ ratio }, weight = 400) => `${weight} ${FONT_PX * ratio}px ${getComputedStyle(document.body).fontFamily}`;

// Text on a ground of its own, so that a line behind it does not run through it.
function tag(scene, text, place, { colour, align = "left", weight = 600 }) {
  const { ctx, ratio, colours } = scene;
  ctx.font = font(scene, weight);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  const width = ctx.measureText(text).width + 6 * ratio;
  const left = align === "right" ? place[0] - width : place[0];
  ctx.globalAlpha = 0.85;
  ctx.fillStyle = colours.card;
  ctx.fillRect(left, place[1] - 8 * ratio, width, 16 * ratio);
  ctx.globalAlpha = 1;
  ctx.fillStyle = colour;
  ctx.fillText(text, left + 3 * ratio, place[1]);
}

function upright({ ctx, box, x, ratio }, seconds, dash) {
  ctx.setLineDash(dash.map((length) => length * ratio));
  ctx.beginPath();
  const place = Math.round(x(seconds)) + 0.5;
  ctx.moveTo(place, box.top);
  ctx.lineTo(place, box.top + box.height);
  ctx.stroke();
}

// Each limit as it changes over the day, dashed; where it turns amber, dotted; its level at the right edge.
export function limitLines(scene, limits) {
  const { ctx, ratio, colours, span } = scene;
  for (const { steps } of limits) {
    const inside = steps.filter(({ fromS, untilS }) => untilS > span[0] && fromS < span[1]);
    for (const [member, colour, width, dash] of [["amber", "limit-amber", 1.2, [2, 4]], ["level", "limit", 2, [8, 5]]]) {
      ctx.save();
      clipped(scene);
      ctx.strokeStyle = colours[colour];
      ctx.lineWidth = width * ratio;
      ctx.setLineDash(dash.map((length) => length * ratio));
      limitStairs(scene, inside, member);
      ctx.restore();
    }
  }
  limits.forEach(({ name, steps }) => {
    const last = steps.findLast(({ fromS }) => fromS < span[1]);
    if (!last || last.untilS < span[1] - 1) return;
    const text = limits.length > 1 ? `${shortened(name)} ${number(last.level, 1)}` : t("limit {level}", { level: number(last.level, 1) });
    const place = [scene.box.left + scene.box.width - 2 * ratio, scene.y(last.level) - 10 * ratio];
    tag(scene, text, place, { colour: colours.limit, align: "right" });
  });
}

const shortened = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);

function limitStairs({ ctx, x, y }, steps, member) {
  ctx.beginPath();
  let endS = null;
  for (const step of steps) {
    if (step[member] == null) {
      endS = null;
      continue;
    }
    if (endS === step.fromS) ctx.lineTo(x(step.fromS), y(step[member]));
    else ctx.moveTo(x(step.fromS), y(step[member]));
    ctx.lineTo(x(step.untilS), y(step[member]));
    endS = step.untilS;
  }
  ctx.stroke();
}

// What people took out of the judged figures: hatched, with the reason.
export function exclusions(scene, spans) {
  clipped(scene);
  const { ctx, box, x, ratio, colours } = scene;
  for (const { startS, endS, reason } of spans) {
    const left = Math.max(box.left, x(startS));
    const right = Math.min(box.left + box.width, Math.max(x(endS), x(startS) + 2 * ratio));
    if (right <= box.left || left >= box.left + box.width) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, box.top, right - left, box.height);
    ctx.clip();
    ctx.strokeStyle = colours.hatch;
    ctx.lineWidth = ratio;
    ctx.beginPath();
    for (let at = Math.floor((left - box.height) / (9 * ratio)) * 9 * ratio; at < right; at += 9 * ratio) {
      ctx.moveTo(at, box.top + box.height);
      ctx.lineTo(at + box.height, box.top);
    }
    ctx.stroke();
    ctx.strokeRect(left, box.top - ratio, right - left, box.height + 2 * ratio);
    ctx.restore();
    if (right - left > 40 * ratio) tag(scene, reason, [left + 4 * ratio, box.top + 12 * ratio], { colour: colours.text, weight: 400 });
  }
}

const SHAPES = {
  alert({ ctx, ratio }, left, right, middle) {
    ctx.fillRect(left, middle - 4 * ratio, Math.max(right - left, 3 * ratio), 8 * ratio);
  },
  start({ ctx, ratio }, left, _, middle) {
    ctx.beginPath();
    ctx.moveTo(left - 4 * ratio, middle - 6 * ratio);
    ctx.lineTo(left + 6 * ratio, middle);
    ctx.lineTo(left - 4 * ratio, middle + 6 * ratio);
    ctx.fill();
  },
  stop({ ctx, ratio }, left, _, middle) {
    ctx.fillRect(left - 5 * ratio, middle - 5 * ratio, 10 * ratio, 10 * ratio);
  },
  remark({ ctx, ratio }, left, right, middle) {
    ctx.fillRect(left, middle - ratio, right - left, 2 * ratio);
    ctx.beginPath();
    ctx.arc(left, middle, 4.5 * ratio, 0, 2 * Math.PI);
    ctx.fill();
  },
  calibration({ ctx, ratio }, left, _, middle) {
    ctx.beginPath();
    for (const [across, down] of [[0, -7], [6, 0], [0, 7], [-6, 0]]) ctx.lineTo(left + across * ratio, middle + down * ratio);
    ctx.fill();
  },
};
const TINTS = { start: "live", stop: "muted", remark: "accent", calibration: "rolling" };

// Below the plot: alerts as bars, starts and stops, remarks, calibrations, each of a shape of its own.
export function strip(scene, events) {
  const { ctx, box, x, ratio, colours } = scene;
  const top = box.top + box.height + 4 * ratio;
  const height = (STRIP_PX - 4) * ratio;
  ctx.fillStyle = colours.line;
  ctx.globalAlpha = 0.4;
  ctx.fillRect(box.left, top, box.width, height);
  ctx.globalAlpha = 1;
  ctx.beginPath();
  ctx.rect(box.left - 7 * ratio, top, box.width + 14 * ratio, height);
  ctx.clip();
  for (const { kind, severity, startS, endS } of events) {
    const left = Math.max(box.left, x(startS));
    const right = Math.min(box.left + box.width, x(endS));
    if (right < box.left || left > box.left + box.width) continue;
    ctx.fillStyle = colours[kind === "alert" ? (severity === "red" ? "limit" : "limit-amber") : TINTS[kind]];
    SHAPES[kind](scene, left, right, top + height / 2);
  }
}

// The nights when the clocks change: where, and by how much.
export function clockChanges([fromS, untilS], zone) {
  const format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
  const offset = (seconds) => {
    const found = format.formatToParts(seconds * 1000).find(({ type }) => type === "timeZoneName").value.match(/([+-])(\d+):(\d+)/);
    return found ? (found[1] === "-" ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3])) : 0;
  };
  const found = [];
  const stepS = Math.max(60, Math.min(86400, untilS - fromS));
  for (let at = fromS; at < untilS; at += stepS) {
    let [low, high] = [at, Math.min(untilS, at + stepS)];
    const before = offset(low);
    const after = offset(high);
    if (before === after) continue;
    while (high - low > 1) {
      const middle = (low + high) / 2;
      if (offset(middle) === before) low = middle;
      else high = middle;
    }
    found.push({ atS: Math.round(high), byMin: after - before });
  }
  return found;
}

export function clockMarks(scene, changes) {
  const { ctx, ratio, colours, x, box } = scene;
  for (const { atS, byMin } of changes) {
    ctx.strokeStyle = colours.muted;
    ctx.lineWidth = 1.5 * ratio;
    upright(scene, atS, [1, 3]);
    const text = byMin > 0 ? t("clocks {minutes} min forward", { minutes: byMin }) : t("clocks {minutes} min back", { minutes: -byMin });
    const isLeft = x(atS) > box.left + box.width * 0.7;
    tag(scene, text, [x(atS) + (isLeft ? -4 : 4) * ratio, box.top + box.height - 12 * ratio], { colour: colours.muted, align: isLeft ? "right" : "left", weight: 400 });
  }
}

export function moment(scene, seconds) {
  if (seconds === null || seconds < scene.span[0] || seconds > scene.span[1]) return;
  scene.ctx.strokeStyle = scene.colours.lost;
  scene.ctx.lineWidth = 2 * scene.ratio;
  upright(scene, seconds, [6, 4]);
}

// Where the reader looks, or what is being drawn out with the pointer.
export function cursor(scene, selection) {
  const { ctx, box, ratio, colours, cursorS, x } = scene;
  if (selection) {
    clipped(scene);
    const [left, right] = selection.map(x);
    ctx.fillStyle = colours.accent;
    ctx.globalAlpha = 0.18;
    ctx.fillRect(left, box.top, right - left, box.height);
    ctx.globalAlpha = 1;
    return;
  }
  if (cursorS === null || cursorS < scene.span[0] || cursorS > scene.span[1]) return;
  ctx.strokeStyle = colours.text;
  ctx.lineWidth = ratio;
  upright(scene, cursorS, []);
}
