// What a reader does on the chart: point, draw out a span, pinch, turn the wheel, press keys. Tells it as wishes.

const LEAST_DRAG_PX = 8;

// wishes: point(seconds or null), step(direction), edge(direction), zoomTo(span), zoomBy(factor, seconds), pan(share of the span), back(), mark(span).
export class Gestures {
  constructor(chart, wishes) {
    this.chart = chart;
    this.wishes = wishes;
    this.selection = null;
    this.pointers = new Map();
    const { place } = chart;
    const heard = {
      pointerdown: this.down,
      pointermove: this.move,
      pointerup: this.up,
      pointercancel: this.cancel,
      pointerleave: this.leave,
      dblclick: () => this.wishes.back(),
      keydown: this.key,
    };
    for (const [name, handler] of Object.entries(heard)) place.addEventListener(name, handler.bind(this));
    place.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  inside(event) {
    const rectangle = this.chart.plot.over.getBoundingClientRect();
    const clientX = Math.min(rectangle.right, Math.max(rectangle.left, event.clientX));
    return this.chart.plot.posToVal(clientX - rectangle.left, "x");
  }

  down(event) {
    if (event.button !== 0 || this.chart.secondsAt(event.clientX) === null) return;
    this.pointers.set(event.pointerId, event.clientX);
    this.begun = { clientX: event.clientX, seconds: this.inside(event), isMark: event.shiftKey };
    if (this.pointers.size === 2) this.beginPinch();
    this.wishes.point(this.inside(event));
    if (event.pointerType !== "touch") this.chart.place.setPointerCapture(event.pointerId);
  }

  move(event) {
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, event.clientX);
    if (this.pinch && this.pointers.size === 2) return this.pinched();
    const isDrag = this.begun && this.pointers.size === 1 && event.pointerType !== "touch";
    if (isDrag && Math.abs(event.clientX - this.begun.clientX) > LEAST_DRAG_PX) {
      this.selection = [this.begun.seconds, this.inside(event)].sort((a, b) => a - b);
    }
    // Beside the plot there is nothing to point at; a mouse that only passes by takes the cursor along.
    if (this.chart.secondsAt(event.clientX) !== null || this.begun) this.wishes.point(this.inside(event));
  }

  up(event) {
    const { selection, begun } = this;
    this.cancel(event);
    if (!selection || !begun) return;
    if (begun.isMark) this.wishes.mark(selection);
    else this.wishes.zoomTo(selection);
  }

  cancel(event) {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size < 2) this.pinch = null;
    this.begun = null;
    this.selection = null;
  }

  leave(event) {
    if (event.pointerType === "mouse" && !this.begun) this.wishes.point(null);
  }

  beginPinch() {
    this.selection = null;
    this.pinch = [...this.pointers.values()];
  }

  pinched() {
    const width = ([one, other]) => Math.max(20, Math.abs(one - other));
    const places = [...this.pointers.values()];
    const factor = width(this.pinch) / width(places);
    if (factor > 0.9 && factor < 1.1) return;
    this.wishes.zoomBy(factor, this.inside({ clientX: (places[0] + places[1]) / 2 }));
    this.pinch = places;
  }

  // With Ctrl, as a trackpad's pinch says it; without, the page scrolls as everywhere.
  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.wishes.zoomBy(event.deltaY > 0 ? 1.25 : 0.8, this.inside(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = {
      ArrowLeft: () => (event.shiftKey ? this.wishes.pan(-0.25) : this.wishes.step(-1)),
      ArrowRight: () => (event.shiftKey ? this.wishes.pan(0.25) : this.wishes.step(1)),
      PageUp: () => this.wishes.step(-10),
      PageDown: () => this.wishes.step(10),
      Home: () => this.wishes.edge(-1),
      End: () => this.wishes.edge(1),
      Escape: () => this.wishes.point(null),
      Backspace: () => this.wishes.back(),
      "+": () => this.wishes.zoomBy(0.5, null),
      "-": () => this.wishes.zoomBy(2, null),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
