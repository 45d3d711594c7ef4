// Addresses of the page: `?tab=learn&class=CNV`. Values in, values out.

/**
 * @typedef {object} Place
 * @property {string} tab its id; the first tab's is left out of the address
 * @property {string} choice what is chosen inside it: a chapter of the atlas, or a quiz
 */

export const FIRST = "practise";
/** What is chosen inside a tab, by the name that it has in the address. */
export const CHOICES = { learn: "class", exams: "quiz" };

/**
 * Return the place that an address names; what it does not know is the first tab.
 * @param {string} search `location.search`
 * @param {string[]} tabs ids of those that are there
 * @returns {Place}
 */
export function placeOf(search, tabs) {
  const asked = new URLSearchParams(search);
  const name = Object.keys(CHOICES).find((tab) => asked.has(CHOICES[tab]));
  const tab = asked.get("tab") || name || FIRST;
  if (!tabs.includes(tab)) return { tab: FIRST, choice: "" };
  return { tab, choice: (CHOICES[tab] && asked.get(CHOICES[tab])) || "" };
}

/**
 * Return the address of a place; what else the present one says stays, such as a session's code.
 * @param {Place} place
 * @param {string} search the present `location.search`
 * @returns {string} a search, `?` where it is empty
 */
export function addressOf({ tab, choice }, search) {
  const asked = new URLSearchParams(search);
  for (const name of ["tab", ...Object.values(CHOICES)]) asked.delete(name);
  if (tab !== FIRST) asked.set("tab", tab);
  if (choice && CHOICES[tab]) asked.set(CHOICES[tab], choice);
  return `?${asked}`;
}

/**
 * Return the address of a session, by which it is come back to.
 * @param {string} code as it was typed
 * @param {string} search the present `location.search`
 */
export function sessionAddress(code, search) {
  const asked = new URLSearchParams(search);
  asked.set("session", code.trim().toUpperCase());
  return `?${asked}`;
}

/** Whether two places are one. @param {Place} a @param {Place} b */
export const isSame = (a, b) => a.tab === b.tab && a.choice === b.choice;
