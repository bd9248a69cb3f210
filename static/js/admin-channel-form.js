// A channel to add, change, try and remove.

import { drawFields, KINDS, settingsOf } from "./admin-channel-fields.js";
import { testOutcome } from "./admin-channel-words.js";
import { byId, onSubmit, say } from "./admin-parts.js";
import { call } from "./api.js";
import { askFirst } from "./ask-first.js";
import { clearErrors, showErrors } from "./field-errors.js";
import { t } from "./words.js";

export class ChannelForm {
  constructor(changed) {
    this.changed = changed;
    this.dialog = byId("channel-dialog");
    this.form = byId("channel-form");
    onSubmit(this.form, () => this.save());
    byId("close-channel").addEventListener("click", () => this.dialog.close());
    byId("remove-channel").addEventListener("click", () => this.remove());
    byId("test").addEventListener("click", () => this.test());
  }

  // A channel as the interface tells it, or { kind } for a new one.
  open(channel) {
    this.channel = channel;
    this.saved = channel.name ? channel.config : null;
    const { title, about, takesRecipient } = KINDS[channel.kind];
    const { elements } = this.form;
    byId("channel-title").textContent = channel.name ? `${channel.name}: ${title}` : t("Add: {kind}", { kind: title });
    byId("channel-about").textContent = about;
    elements["channel-name"].value = channel.name ?? "";
    elements["channel-name"].readOnly = Boolean(channel.name);
    elements["channel-enabled"].checked = channel.enabled ?? true;
    byId("test-recipient").hidden = !takesRecipient;
    byId("remove-channel").hidden = !channel.name;
    byId("channel-more").open = false;
    drawFields(channel.kind, this.saved, byId("channel-fields"), byId("channel-rare"));
    clearErrors(this.form);
    for (const outcome of this.form.querySelectorAll(".outcome")) outcome.textContent = "";
    this.dialog.showModal();
  }

  async save() {
    const { elements } = this.form;
    const name = elements["channel-name"].value.trim();
    const enabled = elements["channel-enabled"].checked;
    const config = settingsOf(this.channel.kind, this.form, this.saved);
    if (this.channel.name) await call(`/_alerts/channels/${name}`, { method: "PUT", body: { config, enabled } });
    else await call("/_alerts/channels", { method: "POST", body: { name, kind: this.channel.kind, config, enabled } });
    this.dialog.close();
    say(t("Channel {name} is saved. Rules that name it use it from now on.", { name }));
    this.changed();
  }

  async test() {
    const place = byId("test-outcome");
    const { elements } = this.form;
    const recipient = byId("test-recipient").hidden ? "" : elements["test-recipient"].value.trim();
    const body = { kind: this.channel.kind, config: settingsOf(this.channel.kind, this.form, this.saved), recipient };
    if (this.channel.name) body.name = this.channel.name;
    clearErrors(this.form);
    byId("test").disabled = true;
    place.dataset.kind = "";
    place.textContent = t("sending, this may take up to 15 seconds …");
    try {
      const answer = await call("/_alerts/channels/test", { method: "POST", body });
      place.dataset.kind = answer.delivered ? "good" : "bad";
      place.textContent = testOutcome(answer);
    } catch (error) {
      showErrors(this.form, place, error);
    }
    byId("test").disabled = false;
  }

  async remove() {
    const { name } = this.channel;
    const lines = [t("Its settings are forgotten. What waits for it is given up; rules that name it tell nobody by it.")];
    if (!(await askFirst({ title: t("Remove channel {name}?", { name }), lines, action: t("Remove"), isDangerous: true }))) return;
    try {
      await call(`/_alerts/channels/${name}`, { method: "DELETE" });
      this.dialog.close();
      say(t("Channel {name} is removed.", { name }));
    } catch (error) {
      this.form.querySelector(".outcome").textContent = error.message;
    }
    this.changed();
  }
}
