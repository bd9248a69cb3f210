// Wall mode: up to twelve tiles as large as the screen allows, more of them in turn.

import { Awake } from "./wall-awake.js";
import { t } from "./words.js";

const MOST = 12;
const TURN_MS = 20000;
const SHAPE = 1.7; // of a tile that fills its place well, width to height
const byId = (id) => document.getElementById(id);

// How many columns let the tiles be largest.
export function columns(count, width, height) {
  const size = (across) => Math.min(width / across / SHAPE, height / Math.ceil(count / across));
  return Array.from({ length: count }, (_, index) => index + 1).reduce((best, across) => (size(across) > size(best) + 1e-9 ? across : best), 1);
}

export class BigWall {
  // changed(): after the mode was entered or left.
  constructor(settings, changed) {
    this.settings = settings;
    this.changed = changed;
    this.wall = byId("wall");
    this.bar = byId("wall-bar");
    this.awake = new Awake();
    this.page = 0;
    this.pages = 1;
    this.isPaused = false;
    this.turned = performance.now();
    byId("wall-mode").addEventListener("click", () => this.enter());
    byId("wall-leave").addEventListener("click", () => this.leave());
    byId("wall-pause").addEventListener("click", () => this.pause(!this.isPaused));
    byId("wall-before").addEventListener("click", () => this.turn(-1));
    byId("wall-next").addEventListener("click", () => this.turn(1));
    document.addEventListener("fullscreenchange", () => {
      if (!document.fullscreenElement && this.wasFull) this.leave();
    });
    addEventListener("resize", () => this.lay());
  }

  get isOn() {
    return this.settings.isKiosk;
  }

  toggle() {
    if (this.isOn) this.leave();
    else this.enter();
  }

  async enter() {
    this.settings.change({ isKiosk: true });
    this.begin();
    try {
      await document.documentElement.requestFullscreen?.();
      this.wasFull = Boolean(document.fullscreenElement);
    } catch {
      this.wasFull = false; // the tiles fill the window instead
    }
  }

  begin() {
    this.page = 0;
    this.pause(false);
    this.show();
  }

  leave() {
    if (!this.isOn) return;
    this.settings.change({ isKiosk: false });
    this.wasFull = false;
    if (document.fullscreenElement) document.exitFullscreen();
    this.show();
    byId("wall-mode").focus();
  }

  show() {
    this.wall.classList.toggle("is-big", this.isOn);
    this.bar.hidden = !this.isOn;
    this.awake.set(this.isOn);
    this.changed();
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.turned = performance.now();
    byId("wall-pause").textContent = isPaused ? t("Go on turning") : t("Stop turning");
  }

  turn(by) {
    this.page = (this.page + by + this.pages) % this.pages;
    this.turned = performance.now();
    this.lay();
  }

  // Once a second: the next page, unless somebody looks closer.
  tick() {
    if (!this.isOn || this.pages < 2 || this.isPaused) return;
    if (this.wall.matches(":hover, :focus-within") && !this.isIdle()) this.turned = performance.now();
    else if (performance.now() - this.turned >= TURN_MS) this.turn(1);
  }

  // A pointer somebody left lying on the wall stops nothing: it has not moved for a while.
  isIdle() {
    return performance.now() - (this.moved ?? -Infinity) > 3 * TURN_MS && !this.wall.matches(":focus-within");
  }

  watchPointer() {
    addEventListener("pointermove", () => (this.moved = performance.now()), { passive: true });
  }

  // Which tiles are on the page, and in how many columns.
  lay(tiles = this.tiles) {
    this.tiles = tiles;
    const list = this.wall.querySelector(".tiles");
    if (!list || !tiles) return;
    this.pages = this.isOn ? Math.max(1, Math.ceil(tiles.length / MOST)) : 1;
    this.page = Math.min(this.page, this.pages - 1);
    const [first, last] = this.isOn ? [this.page * MOST, (this.page + 1) * MOST] : [0, Infinity];
    for (const [index, tile] of tiles.entries()) tile.hidden = index < first || index >= last;
    const count = Math.min(tiles.length, last) - first;
    const { width, height } = byId("groups").getBoundingClientRect();
    const across = this.isOn && count > 0 ? columns(count, width, height) : 0;
    list.style.gridTemplateColumns = across ? `repeat(${across}, minmax(0, 1fr))` : "";
    list.style.gridTemplateRows = across ? `repeat(${Math.ceil(count / across)}, minmax(0, 1fr))` : "";
    byId("wall-turns").hidden = this.pages < 2;
    byId("wall-page").textContent = t("{n} of {all}", { n: this.page + 1, all: this.pages });
  }
}
