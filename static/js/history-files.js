// Reports, exports and evidence of what is shown.

import { call } from "./api.js";
import { element } from "./element.js";
import { reportQuery, spanQuery } from "./history-span.js";
import { problemSentence } from "./problem-words.js";
import { number, t, tn } from "./words.js";

const byId = (id) => document.getElementById(id);
const FORMS = { csv: "CSV", xlsx: "Excel (XLSX)", parquet: "Parquet" };

export class Files {
  constructor() {
    for (const id of ["export-what", "export-decimal"]) byId(id)?.addEventListener("change", () => this.draw());
    byId("verify")?.addEventListener("click", ({ target }) => this.verify(target));
  }

  // metrics as the chart shows them; period that of the table.
  show(path, unitId, span, { metrics, period }) {
    Object.assign(this, { path, unitId, span, metrics, period });
    if (byId("files")) this.draw();
  }

  draw() {
    const base = `/api/nl43${this.path}`;
    const what = byId("export-what").value;
    const fixed = what === "frames" || what === "summary" ? "" : `&metrics=${this.metrics.join()}`;
    const query = `${spanQuery(this.span, Date.now())}&what=${what}${fixed}&period=${this.period}&decimal=${byId("export-decimal").value}`;
    byId("exports").replaceChildren(
      ...Object.entries(FORMS).map(([form, name]) => element("a", { className: "button", href: `${base}/export?format=${form}&${query}`, download: "" }, name)),
    );
    const asked = reportQuery(this.span);
    const links = asked
      ? [element("a", { className: "button primary", href: `${base}/report?${asked}` }, t("Report")), this.pdf(`${base}/report?${asked}&format=pdf`)]
      : [element("span", { className: "hint" }, t("Reports are of a day, a week or a month: choose one above."))];
    byId("reports").replaceChildren(...links);
    byId("report-outcome").textContent = "";
  }

  // Fetched here, so that a service that cannot set PDF says so on this page.
  pdf(href) {
    const link = element("a", { className: "button", href }, t("Report as PDF"));
    link.addEventListener("click", async (event) => {
      event.preventDefault();
      const outcome = byId("report-outcome");
      outcome.textContent = t("The report is being set …");
      const answer = await fetch(href).catch(() => null);
      if (answer?.ok) {
        const address = URL.createObjectURL(await answer.blob());
        element("a", { href: address, download: `${this.unitId}_${reportQuery(this.span).split("=")[1]}.pdf` }).click();
        setTimeout(() => URL.revokeObjectURL(address), 60000);
        outcome.textContent = "";
      } else outcome.textContent = answer ? problemSentence(await answer.json().catch(() => ({})), answer.status) : t("The service does not answer.");
    });
    return link;
  }

  async loadEvidence(clock) {
    if (!byId("evidence")) return;
    this.clock = clock;
    try {
      this.showEvidence(await call("/_evidence"));
    } catch (error) {
      byId("evidence-outcome").textContent = error.message;
    }
  }

  showEvidence(found) {
    const { clock } = this;
    const facts = [];
    const fact = (name, ...value) => facts.push(element("div", {}, element("dt", {}, name), element("dd", {}, ...value)));
    if (found.head) {
      fact(t("Head"), element("code", {}, found.head));
      fact(t("Sealed up to"), t("link {number}, {time}", { number: number(found.head_link), time: `${clock.minute(found.head_at)} ${clock.zone}` }));
    } else fact(t("Head"), t("Nothing is sealed yet: the first hour is sealed when it is over."));
    if (found.trouble) fact(t("Trouble"), found.trouble);
    const last = found.last_check;
    fact(t("Last check"), last ? `${clock.minute(last.at)}: ${verdictOf(last.verdict, last.findings)}` : t("not checked since the service started"));
    byId("evidence").replaceChildren(...facts);
  }

  async verify(button) {
    const outcome = byId("evidence-outcome");
    button.disabled = true;
    outcome.dataset.kind = "";
    outcome.textContent = t("Every sealed file is being read …");
    try {
      const found = await call("/_evidence/verify", { method: "POST", body: {} });
      outcome.dataset.kind = found.verdict === "unchanged" ? "good" : "bad";
      const first = [...found.findings.map(({ text }) => text), ...found.unchecked].slice(0, 5);
      outcome.textContent = [verdictOf(found.verdict, found.findings.length), ...first].join(" · ");
      this.showEvidence(await call("/_evidence"));
    } catch (error) {
      outcome.dataset.kind = "bad";
      outcome.textContent = error.message;
    }
    button.disabled = false;
  }
}

function verdictOf(verdict, findings) {
  if (verdict === "unchanged") return t("unchanged: everything is as it was sealed");
  if (verdict === "unchecked") return t("something could not be checked");
  return tn(findings, "changed: one finding", "changed: {n} findings");
}
