// The meters where they stand: a drawing of our own, north up, with a scale; nothing is fetched from elsewhere.

import * as format from "./format.js";
import { number, t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const EARTH_M = 6371008.8;
const MARGIN = 70;
const PIN = { width: 78, height: 30 };
// The verdict's mark, as beside its words: nobody has to tell it by the colour.
const MARKS = { red: "◆", amber: "▲", ok: "●", live: "●", lost: "■", old: "◐", grey: "○" };
const LEAST_SPAN_M = 60;
const ROUNDS = 60;
const SCALE_PX = 130;

const radians = (degrees) => (degrees * Math.PI) / 180;

// Metres east and north of the middle; good to a part in a thousand over a hundred kilometres.
export function projected(places) {
  const middle = (name) => (Math.min(...places.map((place) => place[name])) + Math.max(...places.map((place) => place[name]))) / 2;
  const [latitude, longitude] = [middle("latitude"), middle("longitude")];
  return places.map((place) => ({
    x: EARTH_M * radians(place.longitude - longitude) * Math.cos(radians(latitude)),
    y: EARTH_M * radians(place.latitude - latitude),
  }));
}

// The longest of 1, 2, 5, 10 … m that is no longer than *most*.
export function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].map((step) => step * power).find((length) => length <= most);
}

// Each label beside its place, away from the middle of those around it; labels give way to each other and to the places.
export function spread(points, { width, height }) {
  const labels = points.map((point, index) => beside(point, around(point, points), index));
  const [across, down] = [PIN.width + 6, PIN.height + 20];
  for (let round = 0; round < ROUNDS; round++) {
    for (let one = 0; one < labels.length; one++) {
      for (let other = one + 1; other < labels.length; other++) part(labels[one], labels[other], across, down, 0.5);
      for (const spot of points) part(spot, labels[one], across / 2 + 10, down / 2 + 12, 1);
    }
    for (const label of labels) {
      label.x = Math.min(width - PIN.width / 2 - 2, Math.max(PIN.width / 2 + 2, label.x));
      label.y = Math.min(height - PIN.height - 34, Math.max(PIN.height / 2 + 2, label.y));
    }
  }
  return labels;
}

function around({ x, y }, points) {
  const near = points.filter((point) => Math.hypot(point.x - x, point.y - y) < 2 * PIN.width);
  const mean = (name) => near.reduce((sum, point) => sum + point[name], 0) / near.length;
  return { x: mean("x"), y: mean("y") };
}

function beside(point, middle, index) {
  const [dx, dy] = [point.x - middle.x, point.y - middle.y];
  const angle = Math.hypot(dx, dy) < 1 ? -Math.PI / 2 + index : Math.atan2(dy, dx);
  return { x: point.x + Math.cos(angle) * PIN.width, y: point.y + Math.sin(angle) * PIN.height * 1.6 };
}

// Moves two apart on the axis on which less is to do; *share*: how much of it the first moves (1: all by the second).
function part(one, other, across, down, share) {
  const [dx, dy] = [other.x - one.x, other.y - one.y];
  const [overX, overY] = [across - Math.abs(dx), down - Math.abs(dy)];
  if (overX <= 0 || overY <= 0) return;
  const axis = overX / across < overY / down ? "x" : "y";
  const by = axis === "x" ? overX * (Math.sign(dx) || 1) : overY * (Math.sign(dy) || 1);
  other[axis] += by * share;
  if (share < 1) one[axis] -= by * (1 - share);
}

function element(tag, attributes, parent, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

export class WallMap {
  constructor(section) {
    this.section = section;
    this.svg = section.querySelector("svg");
    this.nowhere = section.querySelector(".map-nowhere");
    this.partly = section.querySelector(".map-partly");
    this.pins = new Map();
    new ResizeObserver(() => this.units && this.place(this.units)).observe(section);
  }

  // Where everything is; needed anew only when meters, places or the window are others.
  place(units) {
    this.units = units;
    const known = units.filter(({ place }) => place);
    this.nowhere.hidden = known.length > 0;
    this.svg.toggleAttribute("hidden", known.length === 0);
    const without = units.filter(({ place }) => !place).map(({ title }) => title);
    this.partly.hidden = !known.length || !without.length;
    this.partly.textContent = t("Without coordinates, and so not on the map: {names}.", { names: without.join(", ") });
    const signature = JSON.stringify([this.section.clientWidth, known.map(({ unitId, title, place }) => [unitId, title, place])]);
    if (this.section.clientWidth && signature !== this.signature) this.build(known, signature);
    this.draw();
  }

  build(known, signature) {
    this.signature = signature;
    const width = this.section.clientWidth;
    const height = Math.max(340, Math.min(innerHeight * 0.7, Math.max(width * 0.75, 540)));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    this.pins.clear();
    if (!known.length) return;
    const metres = projected(known.map(({ place }) => place));
    const span = (name) => Math.max(LEAST_SPAN_M, Math.max(...metres.map((at) => at[name])) - Math.min(...metres.map((at) => at[name])));
    const scale = Math.min((width - 2 * MARGIN) / span("x"), (height - 2 * MARGIN) / span("y"));
    const points = metres.map(({ x, y }) => ({ x: width / 2 + x * scale, y: height / 2 - y * scale }));
    this.frame(width, height, scale);
    const labels = spread(points, { width, height });
    for (const [index, { x, y }] of points.entries()) {
      element("line", { class: "map-lead", x1: x, y1: y, x2: labels[index].x, y2: labels[index].y }, this.svg);
      element("circle", { class: "map-spot", cx: x, cy: y, r: 4 }, this.svg);
    }
    for (const [index, unit] of known.entries()) this.pins.set(unit.unitId, this.pin(unit, labels[index]));
  }

  pin(unit, { x, y }) {
    const link = element("a", { class: "pin", href: `/unit/${encodeURIComponent(unit.unitId)}` }, this.svg);
    element("rect", { x: x - PIN.width / 2, y: y - PIN.height / 2, width: PIN.width, height: PIN.height, rx: 7 }, link);
    element("text", { x, y: y + PIN.height / 2 + 13, class: "pin-name" }, link, unit.title);
    const level = element("text", { x, y: y + 5, class: "pin-level" }, link, "–");
    const said = element("text", { x, y, class: "pin-said" }, link); // for who hears the page
    return { unit, link, level, said };
  }

  // North, and how long a round number of metres is.
  frame(width, height, scale) {
    const length = roundLength(SCALE_PX / scale);
    const text = length < 1000 ? `${number(length)} m` : `${number(length / 1000)} km`;
    const [x, y] = [14, height - 14];
    element("path", { class: "map-scale", d: `M${x} ${y - 6}v6h${length * scale}v-6` }, this.svg);
    element("text", { class: "map-word", x: x + 4, y: y - 6 }, this.svg, text);
    const north = element("g", { class: "map-north", transform: `translate(${x + length * scale + 28} ${y - 2})` }, this.svg);
    element("path", { d: "M0 -20L6 0L0 -5L-6 0Z" }, north);
    element("text", { class: "map-word", x: 10, y: 0 }, north, t("N"));
  }

  draw() {
    if (this.section.hidden) return;
    for (const { unit, link, level, said } of this.pins.values()) {
      if (link.dataset.kind !== unit.verdict.kind) link.dataset.kind = unit.verdict.kind;
      write(level, `${MARKS[unit.verdict.kind]} ${format.level(unit.level())}`);
      write(said, ` dB, ${unit.verdict.text}`);
    }
  }
}

function write(text, words) {
  if (text.textContent !== words) text.textContent = words;
}
