// Zoom as numbers: how far a picture is enlarged and shifted. Values in, values out.

/** @typedef {{k: number, x: number, y: number}} Zoom */
/** @typedef {{x: number, y: number}} Point */

/** @type {Readonly<Zoom>} */
export const WHOLE = Object.freeze({ k: 1, x: 0, y: 0 });

/** @param {number} value @param {number} low @param {number} high */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Distance of two points. @param {Point} a @param {Point} b */
export const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

/** The point between two. @param {Point} a @param {Point} b @returns {Point} */
export const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

/**
 * Enlarge so that what is at a point stays there.
 * @param {Zoom} zoom
 * @param {number} factor
 * @param {Point} at in the same coordinates as the zoom's shift
 * @param {number} least
 * @param {number} most
 * @returns {Zoom}
 */
export function zoomedAt(zoom, factor, at, least, most) {
  const k = clamp(zoom.k * factor, least, most);
  return {
    k,
    x: at.x - ((at.x - zoom.x) * k) / zoom.k,
    y: at.y - ((at.y - zoom.y) * k) / zoom.k,
  };
}

/** What a turn of the wheel enlarges by. @param {number} delta `WheelEvent.deltaY` */
export const wheelFactor = (delta) => Math.exp(-delta / 400);
