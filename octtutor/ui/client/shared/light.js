// Window and level of a scan: which greys are spread from black to white. Values in, values out,
// and one light for all pictures of a page, kept for who sits here.
import { keep, kept } from "./dom.js";

/**
 * @typedef {object} Light
 * @property {number} level the grey in the middle, 0 to 255
 * @property {number} window how many greys from black to white, 16 to 1020
 * @property {boolean} invert whether black is white
 */

/** @type {Light} */
export const USUAL = Object.freeze({ level: 127.5, window: 255, invert: false });
const KEPT = "octtutor-light";
const FILTER = "octtutor-light";
const SVG = "http://www.w3.org/2000/svg";
const between = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * Return a light within its limits; what is none is the usual one.
 * @param {any} value
 * @returns {Light}
 */
export function asLight(value) {
  const number = (one, usual) => (Number.isFinite(one) ? one : usual);
  const light = value || {};
  return {
    level: between(number(light.level, USUAL.level), 0, 255),
    window: between(number(light.window, USUAL.window), 16, 1020),
    invert: light.invert === true,
  };
}

/**
 * Return the light after a drag: sideways the window, up and down the level.
 * @param {Light} light
 * @param {number} right pixels; to the right there is more contrast
 * @param {number} up pixels; upwards it is brighter
 * @returns {Light}
 */
export const dragged = (light, right, up) =>
  asLight({
    ...light,
    window: light.window * Math.exp(-right / 200),
    level: light.level - (up * light.window) / 512,
  });

/**
 * Return the straight line by which a light turns greys, 0 to 1, into greys.
 * @param {Light} light
 * @returns {{slope: number, intercept: number}}
 */
export function lineOf({ level, window, invert }) {
  const slope = 255 / window;
  const intercept = 0.5 - (slope * level) / 255;
  return invert ? { slope: -slope, intercept: 1 - intercept } : { slope, intercept };
}

/** Brightness for a slider: -100 to 100. @param {Light} light */
export const brightnessOf = (light) => Math.round(((127.5 - light.level) / 127.5) * 100);
/** Contrast for a slider: doublings times 100, -200 to 400. @param {Light} light */
export const contrastOf = (light) => Math.round(100 * Math.log2(255 / light.window));
/** @param {number} value of `brightnessOf` @returns {number} the level */
export const levelOf = (value) => 127.5 - (value / 100) * 127.5;
/** @param {number} value of `contrastOf` @returns {number} the window */
export const windowOf = (value) => 255 / 2 ** (value / 100);

/** @type {Light} */
let now = asLight(kept("local", KEPT));
/** @type {Set<() => void>} */
const seen = new Set();

/** Return the light of this page's scans. */
export const lightNow = () => now;

/**
 * Light all scans of this page, and those that follow.
 * @param {Partial<Light>} what what changes
 */
export function setLight(what) {
  now = asLight({ ...now, ...what });
  keep("local", KEPT, now);
  drawFilter();
  for (const draw of seen) draw();
}

/**
 * Draw now, and whenever the light changes.
 * @param {() => void} draw
 */
export function onLight(draw) {
  seen.add(draw);
  drawFilter();
  draw();
}

/** Return the CSS filter of a scan in this light. */
export function filterNow() {
  const { slope, intercept } = lineOf(now);
  return slope === 1 && intercept === 0 ? "" : `url(#${FILTER})`;
}

function drawFilter() {
  let filter = document.getElementById(FILTER);
  if (!filter) {
    const box = document.createElementNS(SVG, "svg");
    box.setAttribute("aria-hidden", "true");
    box.style.cssText = "position: absolute; width: 0; height: 0";
    box.innerHTML = `<filter id="${FILTER}" color-interpolation-filters="sRGB"><feComponentTransfer>
      <feFuncR type="linear"/><feFuncG type="linear"/><feFuncB type="linear"/>
      </feComponentTransfer></filter>`;
    document.body.append(box);
    filter = /** @type {HTMLElement} */ (document.getElementById(FILTER));
  }
  const { slope, intercept } = lineOf(now);
  for (const part of filter.querySelectorAll("[type=linear]")) {
    part.setAttribute("slope", String(slope));
    part.setAttribute("intercept", String(intercept));
  }
}
