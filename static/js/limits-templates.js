// The limits that come with the program, grouped by whose they are, each with its source and its warning.

import { call } from "./api.js";
import { element } from "./element.js";
import { t } from "./words.js";

// take(document) with the chosen one; null for a limit of one's own.
export async function showTemplates(select, place, take) {
  select.onchange = () => choose(select.value, place, take);
  select.value = "";
  place.replaceChildren(element("p", { className: "hint" }, t("Values of your own, as they stand in your permit.")));
  if (select.options.length > 1) return;
  try {
    const { templates } = await call("/_limits/templates");
    for (const [authority, found] of grouped(templates)) {
      const options = found.map(({ name, title, scheme }) => new Option(scheme ? `${title} – ${scheme}` : title, name));
      select.append(element("optgroup", { label: authority || t("No authority") }, options));
    }
  } catch (error) {
    place.textContent = t("The templates could not be loaded: {error}", { error: error.message });
  }
}

function grouped(templates) {
  const groups = new Map();
  for (const each of templates) groups.set(each.authority ?? "", [...(groups.get(each.authority ?? "") ?? []), each]);
  return groups;
}

async function choose(name, place, take) {
  if (!name) {
    take(null);
    place.replaceChildren(element("p", { className: "hint" }, t("Values of your own, as they stand in your permit.")));
    return;
  }
  try {
    const { document: found } = await call(`/_limits/templates/${name}`);
    take(found);
    place.replaceChildren(
      element("p", {}, element("strong", {}, t("Source:")), ` ${found.source ?? t("none is named")}`),
      element("p", {}, found.note ?? ""),
      element("p", { className: "last-word" }, t("Laws differ from place to place and from year to year: your authority has the last word.")),
    );
  } catch (error) {
    place.textContent = t("The template could not be loaded: {error}", { error: error.message });
  }
}
