// A raw map to the scan's size and to colours: what octtutor/model/explain/maps.py does.

import { onScan } from "./frame.js";

/**
 * Bring a raw map to the scan's size, bicubic, in [0, 1]; all zero where there is no evidence.
 * `place` is of `prepare`: how the frame that the map is of lies on the scan, or null.
 */
export function toScanSize(raw, width, height, place = null) {
  if (!place) return normalise(enlarge(raw, width, height), width);
  const framed = normalise(enlarge(raw, place.width, place.height), place.width);
  return normalise(onScan(framed.level, place, [width, height]), width);
}

function enlarge(raw, width, height) {
  const columns = cubicWeights(raw.width, width), rows = cubicWeights(raw.height, height);
  const wide = new Float32Array(width * raw.height);
  for (let y = 0; y < raw.height; y++)
    for (let x = 0; x < width; x++)
      for (const [from, weight] of columns[x]) wide[y * width + x] += weight * raw.data[y * raw.width + from];
  return Float32Array.from({ length: width * height }, (_, i) => {
    const x = i % width, y = (i - x) / width;
    return Math.max(0, rows[y].reduce((sum, [from, weight]) => sum + weight * wide[from * width + x], 0));
  });
}

function normalise(level, width) {
  let top = 0, peak = 0;
  level.forEach((value, i) => { if (value > top) { top = value; peak = i; } });
  if (top > 0) for (let i = 0; i < level.length; i++) level[i] /= top;
  return { level, evidence: top > 0, peak: { x: peak % width, y: Math.floor(peak / width) } };
}

function cubicWeights(from, to) {
  const a = -0.75, scale = from / to;
  const near = (t) => ((a + 2) * t - (a + 3)) * t * t + 1;
  const far = (t) => ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return Array.from({ length: to }, (_, i) => {
    const place = (i + 0.5) * scale - 0.5, left = Math.floor(place), t = place - left;
    const weights = [far(1 + t), near(t), near(1 - t), far(2 - t)];
    return weights.map((weight, k) => [Math.min(from - 1, Math.max(0, left - 1 + k)), weight]);
  });
}

/** RGBA pixels of a map in the colours of `inferno`; `level` is in [0, 1]. */
export function paint(level, opacity) {
  const rgba = new Uint8ClampedArray(level.length * 4);
  level.forEach((value, i) => {
    const place = value * (INFERNO.length - 1), low = Math.min(Math.floor(place), INFERNO.length - 2);
    for (let c = 0; c < 3; c++) {
      const from = INFERNO[low][c];
      rgba[i * 4 + c] = from + (place - low) * (INFERNO[low + 1][c] - from);
    }
    rgba[i * 4 + 3] = 255 * opacity * Math.min(1, value * 2); // clear where nothing speaks for it
  });
  return rgba;
}

const INFERNO = [
  [0, 0, 4], [11, 7, 36], [33, 12, 74], [61, 9, 101], [87, 16, 110], [113, 25, 110],
  [138, 34, 106], [163, 44, 97], [188, 55, 84], [208, 69, 69], [227, 89, 51], [241, 113, 31],
  [249, 140, 10], [252, 170, 15], [249, 201, 50], [242, 232, 101], [252, 255, 164],
];
