// The list of diagnoses of a deck, as the server sends it; OCT2017's is on the page from the start.
import { make } from "../shared/dom.js";

/**
 * @typedef {object} Scheme
 * @property {string[]} labels
 * @property {Record<string, string>} names in full
 * @property {Record<string, string>} colours empty for OCT2017's, which the styles have
 * @property {string} normal
 * @property {boolean} ungradable whether that may be said
 */

/**
 * Make a node in the colour of a diagnosis.
 * @param {Scheme} scheme
 * @param {string} tag
 * @param {string} className
 * @param {string} word
 * @param {string} [text]
 * @returns {any}
 */
export function painted(scheme, tag, className, word, text) {
  const node = make(tag, `${className} ${word.toLowerCase()}`, text);
  if (scheme.colours[word]) node.style.setProperty("--class", scheme.colours[word]);
  return node;
}
