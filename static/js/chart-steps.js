// Means and extremes of periods as the record answers them, and the rolling mean over them. Pure functions.

const LEAST_COVERAGE = 0.75;
export const METRICS = "laeq,lmax,l10,l90";

// The answer of GET …/history in columns with the ends of the periods in seconds.
export function fromAnswer(answer, nowS) {
  const ends = answer.times.map((time) => Date.parse(time) / 1000);
  const steps = { stepS: answer.step_s, ends, ...answer.levels, coverage: answer.coverage, flags: answer.flags, bound: answer.bound, source: answer.source };
  // A minute that is not over yet says little; of a longer period what there is so far is shown.
  if (answer.is_last_open && (answer.step_s <= 60 || ends.at(-1) - answer.step_s >= nowS)) cut(steps, ends.length - 1);
  return steps;
}

const columnsOf = (steps) => Object.values(steps).filter(Array.isArray);

function cut(steps, length) {
  for (const column of columnsOf(steps)) column.length = length;
}

export const none = (stepS) => ({ stepS, ends: [], laeq: [], lmax: [], l10: [], l90: [], coverage: [], flags: [], bound: [], source: [] });

// What came later replaces what it covers; of what is longer ago than keepS nothing is kept.
export function merged(old, newer, keepFromS) {
  if (old.stepS !== newer.stepS || newer.ends.length === 0) return newer.ends.length ? newer : old;
  const found = none(old.stepS);
  const start = Math.max(0, old.ends.findIndex((end) => end > keepFromS));
  const before = old.ends.findIndex((end) => end >= newer.ends[0]);
  const end = before < 0 ? old.ends.length : before;
  for (const name of Object.keys(found)) {
    if (Array.isArray(found[name])) found[name] = [...old[name].slice(start, end), ...newer[name]];
  }
  return found;
}

// The energy mean over the last windowS at the end of each period, weighted by what is known; null below three quarters.
export function rolling(steps, windowS) {
  const count = Math.round(windowS / steps.stepS);
  const energies = steps.laeq.map((level, at) => (level == null ? 0 : 10 ** (level / 10) * steps.coverage[at]));
  const weights = steps.laeq.map((level, at) => (level == null ? 0 : steps.coverage[at]));
  let energy = 0;
  let weight = 0;
  return steps.ends.map((end, at) => {
    energy += energies[at];
    weight += weights[at];
    if (at >= count) {
      energy -= energies[at - count];
      weight -= weights[at - count];
    }
    const isWhole = at >= count - 1 && end - steps.ends[at - count + 1] < windowS + steps.stepS / 2;
    return isWhole && weight / count >= LEAST_COVERAGE && energy > 0 ? 10 * Math.log10(energy / weight) : null;
  });
}

export const isJudged = (steps, at) => steps.coverage[at] >= LEAST_COVERAGE;

// The first index whose time is at or after a moment.
export function indexAt(times, atS) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < atS) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The period that holds a moment; -1 where there is none.
export function periodAt(steps, atS) {
  const at = indexAt(steps.ends, atS);
  return at < steps.ends.length && steps.ends[at] - steps.stepS < atS ? at : -1;
}
