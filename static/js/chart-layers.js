// Painters of levels: band of percentiles, means as steps, extremes, rolling mean, single readings.

import { isJudged } from "./chart-steps.js";

// Only what is inside the plot.
export function clipped({ ctx, box }) {
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.width, box.height);
  ctx.clip();
}

function shown(steps, [fromS, untilS]) {
  const found = [];
  for (let at = 0; at < steps.ends.length; at++) {
    if (steps.ends[at] > fromS && steps.ends[at] - steps.stepS < untilS) found.push(at);
  }
  return found;
}

// L10 to L90 of each period.
export function band(scene, { steps }) {
  clipped(scene);
  const { ctx, x, y, span, colours } = scene;
  ctx.fillStyle = colours.band;
  for (const at of shown(steps, span)) {
    if (steps.l10[at] == null || steps.l90[at] == null) continue;
    const left = x(steps.ends[at] - steps.stepS);
    const top = y(steps.l10[at]);
    ctx.fillRect(left, top, x(steps.ends[at]) - left, Math.max(scene.ratio, y(steps.l90[at]) - top));
  }
}

// A mean belongs to its whole period: a level stretch, with an upright only to a neighbour that is known too.
// What too little is known of is dotted.
function stairs(scene, steps, column, isDrawn) {
  const { ctx, x, y } = scene;
  ctx.beginPath();
  let before = null;
  for (const at of shown(steps, scene.span)) {
    if (column[at] == null || !isDrawn(at)) {
      before = null;
      continue;
    }
    const left = x(steps.ends[at] - steps.stepS);
    const height = y(column[at]);
    if (before === at - 1) ctx.lineTo(left, height);
    else ctx.moveTo(left, height);
    ctx.lineTo(x(steps.ends[at]), height);
    before = at;
  }
  ctx.stroke();
}

const isDense = ({ box, ratio }, count) => count > box.width / ratio / 6;

export function means(scene, { steps }) {
  clipped(scene);
  const { ctx, ratio, colours } = scene;
  ctx.strokeStyle = colours.laeq;
  ctx.lineWidth = (isDense(scene, shown(steps, scene.span).length) ? 1 : 1.6) * ratio;
  stairs(scene, steps, steps.laeq, (at) => isJudged(steps, at));
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  stairs(scene, steps, steps.laeq, (at) => !isJudged(steps, at));
}

// Dots where there is room for them, else a thin line.
export function extremes(scene, { steps }) {
  clipped(scene);
  const { ctx, ratio, colours, x, y, span } = scene;
  ctx.strokeStyle = ctx.fillStyle = colours.lmax;
  const found = shown(steps, span);
  if (isDense(scene, found.length)) {
    ctx.lineWidth = 0.8 * ratio;
    ctx.globalAlpha = 0.6;
    line(scene, steps.ends, steps.lmax, 1.5 * steps.stepS);
    return;
  }
  for (const at of found) {
    if (steps.lmax[at] == null) continue;
    ctx.beginPath();
    ctx.arc(x(steps.ends[at] - steps.stepS / 2), y(steps.lmax[at]), 2.4 * ratio, 0, 2 * Math.PI);
    ctx.fill();
  }
}

// A value at the end of each period; the newest one holds until now.
export function rolling(scene, { steps, rolling: levels }) {
  clipped(scene);
  const { ctx, ratio, colours } = scene;
  ctx.strokeStyle = colours.rolling;
  ctx.lineWidth = 3 * ratio;
  ctx.lineJoin = "round";
  line(scene, steps.ends, levels, 1.5 * steps.stepS);
}

function line({ ctx, x, y }, times, levels, gapS) {
  ctx.beginPath();
  let isDown = false;
  for (let at = 0; at < times.length; at++) {
    if (levels[at] == null || (at > 0 && times[at] - times[at - 1] > gapS)) isDown = false;
    if (levels[at] == null) continue;
    if (isDown) ctx.lineTo(x(times[at]), y(levels[at]));
    else ctx.moveTo(x(times[at]), y(levels[at]));
    isDown = true;
  }
  ctx.stroke();
}

export function readings(scene, found) {
  clipped(scene);
  const { ctx, ratio, colours } = scene;
  ctx.strokeStyle = colours.lp;
  ctx.lineWidth = 1.3 * ratio;
  line(scene, found.times, found.levels, Infinity);
}

// ▲ at the upper edge: the true level is higher; ▼ at the lower one: it is lower.
export function outOfRange(scene, { steps }, found) {
  const { ctx, box, ratio, colours, x, span } = scene;
  const places = { over: new Set(), under: new Set() };
  const put = (kind, seconds) => {
    if (seconds >= span[0] && seconds <= span[1]) places[kind].add(Math.round(x(seconds) / (5 * ratio)) * 5 * ratio);
  };
  for (const at of shown(steps, span)) {
    for (const kind of ["over", "under"]) if (steps.flags[at].includes(kind)) put(kind, steps.ends[at] - steps.stepS / 2);
  }
  found.marks.forEach((mark, at) => mark && put(mark, found.times[at]));
  ctx.fillStyle = colours.lost;
  for (const [kind, base, tip] of [["over", box.top + 9 * ratio, box.top + ratio], ["under", box.top + box.height - 9 * ratio, box.top + box.height - ratio]]) {
    for (const place of places[kind]) {
      ctx.beginPath();
      ctx.moveTo(place - 4 * ratio, base);
      ctx.lineTo(place + 4 * ratio, base);
      ctx.lineTo(place, tip);
      ctx.fill();
    }
  }
}
