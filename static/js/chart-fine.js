// Ten values a second from the meter's own stream (DRD), as long as the reader wants them; shared by all who look.

import { SlmmClient } from "./slmm-client.js";
import { t } from "./words.js";

const SILENT_AFTER_MS = 4000;

export class FineStream {
  // onFrame(frame) for each of its lines; onChange() when there is something else to say.
  constructor(unitId, onFrame, onChange) {
    this.path = `/api/nl43/${encodeURIComponent(unitId)}/stream/events`;
    this.onFrame = onFrame;
    this.onChange = onChange;
    this.client = null;
    this.heardMs = null;
    this.trouble = "";
  }

  get isOn() {
    return this.client !== null;
  }

  get isFlowing() {
    return this.isOn && this.heardMs !== null && performance.now() - this.heardMs < SILENT_AFTER_MS;
  }

  toggle() {
    if (this.isOn) this.stop();
    else this.start();
    this.onChange();
  }

  start() {
    this.heardMs = null;
    this.trouble = "";
    this.client = new SlmmClient({
      path: this.path,
      onFrame: (frame) => this.hear(frame),
      onState: (state, detail) => {
        if (state === "closed" || state === "waiting") this.trouble = detail;
        this.onChange();
      },
    });
  }

  stop() {
    const { client } = this;
    this.client = null;
    client?.close();
  }

  hear(frame) {
    if (frame.feed_status === "ok") {
      this.heardMs = performance.now();
      this.trouble = "";
    } else {
      this.trouble = frame.reason ?? "";
    }
    if (this.isOn) this.onFrame(frame);
  }

  // What is going on, in a sentence; nothing while it is off.
  get sentence() {
    if (!this.isOn) return "";
    if (this.isFlowing) return t("10 values a second from the meter's own stream (DRD), shared by all who look. Reading the other figures interrupts it now and then for two seconds.");
    if (this.trouble) return t("The stream of the meter does not flow: {reason}. The polled readings are shown instead.", { reason: this.trouble });
    if (this.heardMs !== null) return t("The stream of the meter has fallen silent. The polled readings are shown instead.");
    return t("Waiting for the stream of the meter; the polled readings are shown until it flows.");
  }
}
