// What a reader chooses on the wall: search, site, order, grouping, view; by hand and by single keys.

import { onKey } from "./keys.js";
import { SORTS } from "./wall-settings.js";
import { sites } from "./wall-order.js";
import { t } from "./words.js";

const byId = (id) => document.getElementById(id);

export class Controls {
  // changed(): the settings are others now.
  constructor(settings, changed, big) {
    this.settings = settings;
    this.changed = changed;
    this.search = byId("search");
    this.site = byId("site");
    this.sort = byId("sort");
    this.group = byId("group");
    this.fold = byId("wall-fold");
    this.fold.addEventListener("click", () => this.open(this.fold.ariaExpanded !== "true"));
    this.search.value = settings.q;
    this.search.addEventListener("input", () => this.set({ q: this.search.value.trim() }));
    this.site.addEventListener("change", () => this.set({ site: this.site.value }));
    this.sort.addEventListener("change", () => this.set({ sort: this.sort.value }));
    this.group.addEventListener("change", () => this.set({ group: this.group.checked ? "site" : "none" }));
    byId("show-all").addEventListener("click", () => {
      this.search.value = "";
      this.set({ q: "", site: "" });
      this.open(true);
      this.search.focus();
    });
    for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => this.set({ view: button.dataset.view }));
    this.listen(big);
  }

  listen(big) {
    onKey("/", t("search a meter"), () => {
      this.open(true);
      this.search.focus();
    });
    onKey("s", t("the next order: worst, name, site, level"), () => {
      this.set({ sort: SORTS[(SORTS.indexOf(this.settings.sort) + 1) % SORTS.length] });
    });
    onKey("g", t("group by site, or not"), () => this.set({ group: this.isBySite() ? "none" : "site" }));
    onKey("v", t("tiles or map"), () => this.set({ view: this.settings.view === "map" ? "tiles" : "map" }));
    onKey("f", t("wall mode: full screen, large digits"), () => big.toggle());
    onKey("Escape", t("leave wall mode"), () => big.leave());
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.search.blur();
    });
  }

  // On a narrow screen the fields are folded away behind a button; on others they always show.
  open(isOpen) {
    this.fold.ariaExpanded = String(isOpen);
  }

  set(values) {
    this.settings.change(values);
    this.changed();
  }

  // The sites there are; the one in the address stays, though no meter stands there now.
  offer(units) {
    this.sites = sites(units);
    const wanted = [...new Set([...this.sites, this.settings.site].filter(Boolean))];
    const offered = [...this.site.options].slice(1).map(({ value }) => value);
    if (wanted.join("\n") !== offered.join("\n")) {
      this.site.replaceChildren(this.site.options[0], ...wanted.map((site) => new Option(site, site)));
    }
    byId("by-site").hidden = wanted.length === 0;
  }

  // By site where there are several of them, unless somebody wants it otherwise.
  isBySite() {
    if (this.settings.isKiosk) return false;
    return this.settings.group ? this.settings.group === "site" : (this.sites?.length ?? 0) > 1;
  }

  show() {
    const chosen = [this.settings.q && `“${this.settings.q}”`, this.settings.site].filter(Boolean).join(", ");
    this.fold.textContent = chosen ? t("Filter: {chosen}", { chosen }) : t("Filter");
    this.site.value = this.settings.site;
    this.sort.value = this.settings.sort;
    this.group.checked = this.isBySite();
    for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === this.settings.view));
  }
}
