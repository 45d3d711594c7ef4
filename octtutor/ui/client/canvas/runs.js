// The brush's pixels: as runs, column by column, as they travel, and as a mask to paint in.

import { clamp } from "../shared/zoom.js";

/** @typedef {{kind: "brush", counts: number[], width: number, height: number}} Brush */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Frame */

/** @type {WeakMap<Brush, Uint8Array>} */
const masks = new WeakMap(); // shapes are never changed in place
/** @type {WeakMap<Uint8Array, Frame>} */
const frames = new WeakMap();

/**
 * Return a brush's pixels, row by row, 0 or 1; not to be changed.
 * @param {Brush} shape
 */
export function maskOf(shape) {
  const mask = masks.get(shape) || decode(shape);
  masks.set(shape, mask);
  return mask;
}

/** @param {Brush} shape */
function decode({ counts, width, height }) {
  const mask = new Uint8Array(width * height);
  let at = 0;
  counts.forEach((count, i) => {
    if (i % 2) {
      for (let j = at; j < at + count; j += 1) {
        mask[(j % height) * width + Math.floor(j / height)] = 1;
      }
    }
    at += count;
  });
  return mask;
}

/**
 * Return pixels as a brush, which keeps the mask: it is not to be changed any more.
 * @param {Uint8Array} mask row by row, 0 or 1
 * @param {number} width
 * @param {number} height
 * @returns {Brush}
 */
export function encode(mask, width, height) {
  const counts = [];
  let run = 0;
  let value = 0;
  for (let x = 0; x < width; x += 1) {
    for (let y = 0; y < height; y += 1) {
      if (mask[y * width + x] !== value) {
        counts.push(run);
        run = 0;
        value = 1 - value;
      }
      run += 1;
    }
  }
  counts.push(run);
  /** @type {Brush} */
  const shape = { kind: "brush", counts, width, height };
  masks.set(shape, mask);
  return shape;
}

/**
 * Return the smallest frame of a mask's pixels.
 * @param {Uint8Array} mask
 * @param {number} width
 */
export function frameOf(mask, width) {
  const frame = frames.get(mask) || measure(mask, width);
  frames.set(mask, frame);
  return frame;
}

/** @param {Uint8Array} mask @param {number} width @returns {Frame} */
function measure(mask, width) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  mask.forEach((value, i) => {
    if (!value) return;
    const x = i % width;
    const y = (i - x) / width;
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  });
  return { left, top, right, bottom };
}

/**
 * Return a brush's pixels some pixels further; what leaves the scan is lost.
 * @param {Brush} shape
 * @param {number} dx
 * @param {number} dy
 */
export function shifted(shape, dx, dy) {
  const { width, height } = shape;
  const from = maskOf(shape);
  const to = new Uint8Array(from.length);
  from.forEach((value, i) => {
    if (value) to[i + dy * width + dx] = 1;
  });
  return encode(to, width, height);
}

/**
 * Paint along a line with a round brush: a pixel is painted when its centre is within reach, and
 * so is the one that the line ends in.
 * @param {{mask: Uint8Array, width: number, height: number}} picture
 * @param {{x: number, y: number}} a
 * @param {{x: number, y: number}} b
 * @param {number} reach half the brush's size
 * @param {number} value 1 paints, 0 erases
 * @param {(x: number, y: number) => void} touched called for each pixel that changes
 */
export function paintLine({ mask, width, height }, a, b, reach, value, touched) {
  const isWithin = withinLine(a, b, reach);
  const first = (one, other, side) => clamp(Math.floor(Math.min(one, other) - reach), 0, side - 1);
  const end = (one, other, side) => clamp(Math.ceil(Math.max(one, other) + reach), 1, side);
  const own = pixelAt(b, width, height);
  for (let y = first(a.y, b.y, height); y < end(a.y, b.y, height); y += 1) {
    for (let x = first(a.x, b.x, width); x < end(a.x, b.x, width); x += 1) {
      const i = y * width + x;
      if (mask[i] === value || !(i === own || isWithin(x + 0.5, y + 0.5))) continue;
      mask[i] = value;
      touched(x, y);
    }
  }
}

/** @param {{x: number, y: number}} a @param {{x: number, y: number}} b @param {number} reach */
function withinLine(a, b, reach) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy || 1;
  return (x, y) => {
    const along = clamp(((x - a.x) * dx + (y - a.y) * dy) / length, 0, 1);
    return Math.hypot(x - a.x - along * dx, y - a.y - along * dy) <= reach;
  };
}

/**
 * Return the pixel that a point lies in.
 * @param {{x: number, y: number}} p
 * @param {number} width
 * @param {number} height
 */
export const pixelAt = (p, width, height) =>
  Math.min(height - 1, Math.floor(p.y)) * width + Math.min(width - 1, Math.floor(p.x));
