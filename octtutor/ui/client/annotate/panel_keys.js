// Which key does what on the panel, as its annotator has them. Values in, values out.
// Keys of confidence are places (`KeyQ`, as `KeyboardEvent.code`), all others what is on them.
import { SURE_PLACES } from "../shared/keys.js";

/** @typedef {Record<string, string>} Keys by action */

const isSure = (action) => action.startsWith("sure-");
const isPlace = (key) => /^[A-Z][a-z]+[A-Z0-9]/.test(key);

/**
 * Return the keys of somebody who has changed some. Keys of before confidence had places of its
 * own are given up where they would commit.
 * @param {Keys} defaults
 * @param {any} changed
 * @returns {Keys}
 */
export function keysOf(defaults, changed) {
  const places = SURE_PLACES.map((code) => letterAt(code));
  const isOld = ([action, key]) =>
    isSure(action) ? !isPlace(key) : typeof key !== "string" || places.includes(key);
  const kept = Object.entries(changed || {}).filter((entry) => !isOld(entry));
  return { ...defaults, ...Object.fromEntries(kept) };
}

/**
 * Return the letter of a place, as most keyboards have it or as this one does.
 * @param {string} code
 * @param {Record<string, string>} [letters] of this keyboard
 */
export const letterAt = (code, letters = {}) =>
  letters[code] || code.replace(/^(Key|Digit)/, "").toLowerCase();

/**
 * Return what a key is to be kept as: its place for confidence, what is on it for all others.
 * @param {string} action
 * @param {{key: string, code: string}} event
 */
export const keyFor = (action, event) => (isSure(action) ? event.code : signOf(event));

/** What is on a key; digits by place, for some keyboards have them under Shift. */
function signOf({ key, code }) {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(code);
  return digit ? digit[1] : key.toLowerCase();
}

/**
 * Return the action of a key, undefined where there is none.
 * @param {Keys} keys
 * @param {{key: string, code: string}} event
 */
export const actionOf = (keys, event) =>
  Object.keys(keys).find((action) => isSure(action) && keys[action] === event.code) ||
  Object.keys(keys).find((action) => !isSure(action) && keys[action] === signOf(event));

/**
 * Return another action that has the key already, undefined where none has.
 * @param {Keys} keys
 * @param {string} action
 * @param {string} key
 * @param {Record<string, string>} letters of this keyboard
 */
export function clashOf(keys, action, key, letters) {
  const sign = (one) => (isPlace(one) ? letterAt(one, letters) : one);
  return Object.keys(keys).find((other) => other !== action && sign(keys[other]) === sign(key));
}

/**
 * Return what is shown of a key.
 * @param {string} key
 * @param {Record<string, string>} letters of this keyboard
 */
export function shownKey(key, letters) {
  const named = { enter: "Enter", escape: "Esc", " ": "Space" }[key];
  return named || (isPlace(key) ? letterAt(key, letters) : key).toUpperCase();
}
