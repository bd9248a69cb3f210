// Keeps the screen of a wall from going dark, where the browser can.

export class Awake {
  constructor() {
    this.isWanted = false;
    this.lock = null;
    // The browser lets go of it whenever the page is hidden.
    document.addEventListener("visibilitychange", () => this.take());
  }

  set(isWanted) {
    this.isWanted = isWanted;
    if (isWanted) return this.take();
    this.lock?.release().catch(() => {});
    this.lock = null;
  }

  async take() {
    if (!this.isWanted || document.visibilityState !== "visible" || (this.lock && !this.lock.released)) return;
    try {
      this.lock = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch {
      this.lock = null; // low battery, or not allowed: the wall works without it
    }
  }
}
