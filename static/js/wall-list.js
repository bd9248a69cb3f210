// The tiles in their groups: who is shown, in which order, and each group's verdict.

import { groups } from "./wall-order.js";
import { summary, worstOf } from "./wall-verdict.js";
import { t } from "./words.js";

const LOOK_AHEAD = "300px";

export class TileList {
  constructor(place) {
    this.place = place;
    this.sections = new Map();
    this.tiles = new Map();
    this.order = "";
    this.isPointed = false;
    place.addEventListener("pointerenter", ({ pointerType }) => (this.isPointed = pointerType === "mouse"));
    place.addEventListener("pointerleave", () => (this.isPointed = false));
    // A tile out of sight is written now and then only; the moment it comes into sight it is written.
    this.sight = new IntersectionObserver((entries) => entries.forEach((entry) => this.seen(entry)), { rootMargin: LOOK_AHEAD });
  }

  seen({ target, isIntersecting }) {
    const tile = this.tiles.get(target.dataset.unitId);
    if (!tile) return;
    tile.isVisible = isIntersecting;
    if (isIntersecting) tile.draw();
  }

  add(tile) {
    this.tiles.set(tile.unit.unitId, tile);
    tile.draw();
    this.sight.observe(tile.element);
  }

  remove(unitId) {
    const tile = this.tiles.get(unitId);
    this.sight.unobserve(tile.element);
    tile.element.remove();
    this.tiles.delete(unitId);
  }

  // Nothing is moved away under somebody's hand, unless they asked for it.
  isInUse() {
    return this.isPointed || this.place.contains(document.activeElement);
  }

  arrange(units, isBySite, isAsked) {
    const wanted = groups(units, isBySite);
    const order = wanted.map(({ site, units: own }) => `${site ?? ""}\n${own.map(({ unitId }) => unitId).join("\n")}`).join("\n\n");
    if (order === this.order || (!isAsked && this.isInUse() && this.hasSame(units))) return;
    this.order = order;
    const focus = document.activeElement;
    const sections = wanted.map(({ site, units: own }) => this.filled(site, own, isBySite));
    const present = [...this.place.children];
    if (sections.length !== present.length || sections.some((section, at) => section !== present[at])) this.place.replaceChildren(...sections);
    if (focus !== document.activeElement && this.place.contains(focus)) focus.focus({ preventScroll: true });
  }

  hasSame(units) {
    const shown = this.place.querySelectorAll(".tile");
    return shown.length === units.length && units.every(({ unitId }) => this.tiles.get(unitId).element.isConnected);
  }

  filled(site, units, isBySite) {
    const key = isBySite ? (site ?? "") : "\n";
    if (!this.sections.has(key)) this.sections.set(key, built());
    const section = this.sections.get(key);
    section.units = units;
    section.name.textContent = isBySite ? site || t("No site named") : t("Units");
    section.head.classList.toggle("unseen", !isBySite);
    section.tiles.setAttribute("aria-label", section.name.textContent);
    section.tiles.replaceChildren(...units.map(({ unitId }) => this.tiles.get(unitId).element));
    if (isBySite) section.element.style.setProperty("--count", units.length);
    this.headline(section);
    return section.element;
  }

  // The worst of a group is what is said of it.
  headline({ units, verdict }) {
    if (!units.length) return;
    const verdicts = units.map((unit) => unit.verdict);
    const text = summary(verdicts);
    if (verdict.textContent !== text) verdict.textContent = text;
    verdict.dataset.kind = worstOf(verdicts).kind;
  }

  headlines() {
    for (const section of this.sections.values()) if (section.element.isConnected) this.headline(section);
  }
}

function built() {
  const element = Object.assign(document.createElement("section"), { className: "site" });
  const head = Object.assign(document.createElement("div"), { className: "site-head" });
  const name = document.createElement("h2");
  const verdict = Object.assign(document.createElement("p"), { className: "verdict" });
  const tiles = Object.assign(document.createElement("ul"), { className: "tiles" });
  head.append(name, verdict);
  element.append(head, tiles);
  return { element, head, name, verdict, tiles, units: [] };
}
