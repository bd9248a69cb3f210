// How the wall is looked at; it stands in the address, so that a link shows the same.

export const SORTS = ["worst", "name", "site", "level"];
export const VIEWS = ["tiles", "map"];

export class Settings {
  constructor(address = location) {
    const query = new URLSearchParams(address.search);
    const one = (name, allowed) => (allowed.includes(query.get(name)) ? query.get(name) : allowed[0]);
    this.sort = one("sort", SORTS);
    this.view = one("view", VIEWS);
    this.site = query.get("site") ?? "";
    this.q = query.get("q") ?? "";
    this.group = one("group", ["", "site", "none"]); // "": by site where there are several
    this.isKiosk = query.get("kiosk") === "1";
  }

  change(values) {
    Object.assign(this, values);
    const query = new URLSearchParams();
    if (this.sort !== SORTS[0]) query.set("sort", this.sort);
    if (this.view !== VIEWS[0]) query.set("view", this.view);
    for (const name of ["site", "q", "group"]) if (this[name]) query.set(name, this[name]);
    if (this.isKiosk) query.set("kiosk", "1");
    history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  }
}
