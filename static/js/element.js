// Elements made in code: element("td", { className: "number" }, "68.4 dB"); text is never taken for HTML.

// Properties are set as they are; names with a hyphen, and role, become attributes. null children are left out.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(made.dataset, value);
    else if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// A table whose columns are { title, isNumber } and whose rows are lists of cells: text, an element, or { text, className }.
export function table(label, columns, rows) {
  const head = columns.map(({ title, isNumber }) => element("th", { scope: "col", className: isNumber ? "number" : "" }, title));
  const body = rows.map((cells) => element("tr", {}, cells.map((cell, at) => tableCell(cell, columns[at].isNumber))));
  const made = element("table", { className: "data" }, element("thead", {}, element("tr", {}, head)), element("tbody", {}, body));
  return element("div", { className: "table-box", tabIndex: 0, role: "region", "aria-label": label }, made);
}

function tableCell(cell, isNumber) {
  const { text, className = "" } = typeof cell === "object" && !(cell instanceof Node) ? cell : { text: cell };
  return element("td", { className: [isNumber ? "number" : "", className].filter(Boolean).join(" ") }, text);
}
