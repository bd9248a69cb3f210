// What pages say, in the reader's language: English as it stands in the code, another from its catalogue.

const page = document.documentElement;
export const language = page.lang || "en";
// For dates: "21 Nov 2026" is read the same by everybody, "11/21/2026" is not.
export const locale = language === "en" ? "en-GB" : language;
// The part of the catalogue that this page says; a page without a script of its own says what every page says.
const place = document.getElementById("words")?.href ?? `/words/${language}/shell.json`;
const catalogue = language === "en" ? {} : await read(place);

// A page that cannot get its catalogue speaks English rather than not at all.
async function read(path) {
  try {
    const answer = await fetch(path);
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}

// The text with {name} replaced by values.name. The text must stand in the call itself: a test collects it for the catalogues.
export function t(text, values = {}) {
  return (catalogue[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// The text for one or for any other number, which it may hold as {n}.
export const tn = (n, one, many, values = {}) => t(n === 1 ? one : many, { n: number(n), ...values });

// A number as the language writes it: "68.4", "68,4".
const formats = new Map();
export function number(value, digits = 0) {
  if (!formats.has(digits)) {
    formats.set(digits, new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return formats.get(digits).format(value);
}
