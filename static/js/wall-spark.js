// The last hour as steps, a minute each, on the same scale for every meter; gaps stay gaps.

const LOW_DB = 30;
const HIGH_DB = 100;
const SVG = "http://www.w3.org/2000/svg";
const y = (level) => HIGH_DB - Math.min(HIGH_DB, Math.max(LOW_DB, level));

// Paths in a box of minutes by decibels.
export function steps(levels) {
  let line = "";
  let area = "";
  let isDrawing = false;
  for (const [minute, level] of levels.entries()) {
    if (level != null) {
      line += isDrawing ? `V${y(level).toFixed(1)}H${minute + 1}` : `M${minute} ${y(level).toFixed(1)}H${minute + 1}`;
      area += `M${minute} ${HIGH_DB - LOW_DB}V${y(level).toFixed(1)}H${minute + 1}V${HIGH_DB - LOW_DB}Z`;
    }
    isDrawing = level != null;
  }
  return { line, area };
}

export class Spark {
  constructor(svg) {
    svg.setAttribute("viewBox", `0 0 60 ${HIGH_DB - LOW_DB}`);
    svg.setAttribute("preserveAspectRatio", "none");
    const path = (name) => {
      const made = document.createElementNS(SVG, "path");
      made.setAttribute("class", `spark-${name}`);
      svg.append(made);
      return made;
    };
    path("grid").setAttribute("d", [50, 70, 90].map((level) => `M0 ${y(level)}H60`).join(""));
    this.area = path("area");
    this.line = path("line");
    this.limit = path("limit");
  }

  draw(levels, limitDb) {
    const { line, area } = steps(levels);
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", area);
    this.limit.setAttribute("d", limitDb == null ? "" : `M0 ${y(limitDb)}H60`);
  }
}
