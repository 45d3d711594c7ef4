// Where the retina lies: what octtutor/datasets/preparation/{reduced,cleaning,retina}.py do.
import { reachingBorder, spread } from "./masks.js";
import { countGreys, greyAt, resize, roundEven, stretch } from "./resize.js";

const COLUMNS = 128, FEWEST = 48, ROWS = 256;
const WHITE = 245, BLACK = 2, GRAINY = 12;
const TISSUE = 0.22, BRIGHT = 0.58, ABOVE = 1.6, BELOW = 0.8;
const float = Math.fround; // so that ties fall as in Python, which counts so
const SLOPE = float(0.04), STEEP = float(0.1), NEVER = -1e6;
const BACK = [float(SLOPE + STEEP), STEEP, STEEP, 0, STEEP, STEEP, float(SLOPE + STEEP)];

/** A small copy, 256 columns, in which what is large can be found fast. */
export function glance(scan) {
  const rows = Math.min(ROWS, Math.max(FEWEST, roundEven((3 * COLUMNS * scan.height) / scan.width)));
  return resize(scan, [2 * COLUMNS, rows]);
}

/** White or black areas of a small copy that reach the border, Uint8Array; null: none. */
export function findFill({ grey, width, height }) {
  const reaching = (is) => reachingBorder(grey.map((value) => (is(value) ? 1 : 0)), width, height, 2, 1);
  const mask = reaching((value) => value >= WHITE), black = reaching((value) => value <= BLACK);
  const rest = countGreys(grey, (i) => !mask[i] && !black[i]);
  const isGrainy = rest.some((count) => count > 0) && greyAt(rest, 0.1) >= GRAINY;
  const both = mask.map((value, i) => value | (isGrainy ? black[i] : 0));
  if (!both.includes(1)) return null;
  const fill = spread(both, width, height, 2, Math.max);
  return fill.includes(0) ? fill : null;
}

/** The retinal band of a small copy: rows of its surfaces and how clear they are, in the scan's pixels. */
export function findRetina(small, fill, { width, height }) {
  const level = toLevel(small, fill), rows = small.height;
  const { inner, outer } = scoreSurfaces(level, rows);
  const top = bestPath(inner, rows);
  const least = Math.max(2, 0.03 * rows);
  const below = outer.map((value, i) => (Math.floor(i / COLUMNS) > top[i % COLUMNS] + least ? value : -4));
  const bottom = bestPath(below, rows);
  const sure = Float32Array.from(top, (row, x) => {
    const both = Math.min(inner[row * COLUMNS + x], below[bottom[x] * COLUMNS + x]);
    return Math.min(1, Math.max(0, both / 0.8));
  });
  const scaled = (path, add) => {
    const steady = convolve(Float32Array.from(path), COLUMNS, 1, gaussian(0.8, 3), true);
    return stretch(steady.map((row) => ((row + add) * height) / rows), width);
  };
  const clear = stretch(convolve(sure, COLUMNS, 1, new Array(9).fill(1 / 9), true), width);
  return { top: scaled(top, 1.7), bottom: scaled(bottom, 0.4), clear };
}

// 0 the scan's dark ground, 1 its bright tissue; Float32Array rows × 128
function toLevel(small, fill) {
  const half = resize(small, [COLUMNS, small.height]).grey;
  const gone = fill && half.map((_, i) => fill[2 * i] | fill[2 * i + 1]);
  const isAll = gone && !gone.includes(0);
  const inside = countGreys(half, (i) => !gone || isAll || !gone[i]);
  const values = gone && !isAll ? filled(half, gone, small.height) : Float32Array.from(half);
  const ground = greyAt(inside, 0.2);
  const smooth = blur(values, small.height, gaussian(1.5, 6), gaussian(1.2, 5));
  const bytes = smooth.map((value) => Math.floor(Math.min(255, Math.max(0, value + 0.5))));
  const bright = greyAt(countGreys(bytes), 0.985);
  return smooth.map((value) =>
    Math.min(1.2, Math.max(-0.3, (value - ground) / Math.max(bright - ground, 8))));
}

// what was taken out becomes the mean of what is left around it
function filled(half, gone, rows) {
  const box = (n) => new Array(n).fill(1 / n), down = 2 * roundEven((0.16 * rows) / 2) + 1;
  const kept = Float32Array.from(gone, (value) => 1 - value);
  const share = blur(kept, rows, box(25), box(down));
  const mean = blur(kept.map((value, i) => value * half[i]), rows, box(25), box(down));
  let sum = 0, count = 0;
  kept.forEach((value, i) => { sum += value * half[i]; count += value; });
  return kept.map((value, i) =>
    value ? half[i] : share[i] > 0.01 ? mean[i] / Math.max(share[i], 1e-3) : sum / count);
}

function gaussian(sigma, reach) {
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function blur(values, rows, across, down) {
  return convolve(convolve(values, COLUMNS, rows, across, true), COLUMNS, rows, down, false);
}

// along rows or columns; beyond the border the picture is mirrored about its last line
function convolve(values, width, height, weights, across) {
  const reach = (weights.length - 1) / 2, length = across ? width : height;
  const mirrored = (place) => {
    if (length === 1) return 0;
    let at = place;
    while (at < 0 || at >= length) at = at < 0 ? -at : 2 * (length - 1) - at;
    return at;
  };
  return Float32Array.from(values, (_, i) => {
    const x = i % width, y = (i - x) / width;
    let sum = 0;
    weights.forEach((weight, k) => {
      const at = mirrored((across ? x : y) + k - reach);
      sum += weight * values[across ? y * width + at : at * width + x];
    });
    return sum;
  });
}

// how much speaks for the inner surface, and for the outermost band, at each place
function scoreSurfaces(level, rows) {
  const count = (share) => Math.max(2, roundEven(share * rows));
  const edge = means(level, rows, count(0.016)), near = means(level, rows, count(0.046));
  const band = means(level, rows, count(0.02)).above;
  const inner = new Float32Array(level.length), outer = new Float32Array(level.length);
  for (let x = 0; x < COLUMNS; x++) {
    let tissue = 0, bright = 0, all = 0;
    for (let y = 0; y < rows; y++) all += Math.max(level[y * COLUMNS + x] - BRIGHT, 0);
    for (let y = 0; y < rows; y++) {
      const i = y * COLUMNS + x;
      tissue += Math.max(level[i] - TISSUE, 0);
      bright += Math.max(level[i] - BRIGHT, 0);
      const passed = Math.min(tissue / (0.05 * rows), 1), ahead = Math.min((all - bright) / (0.03 * rows), 1);
      inner[i] = edge.below[i] - edge.above[i] + (near.below[i] - near.above[i]) - ABOVE * passed;
      outer[i] = band[i] + (edge.above[i] - edge.below[i]) + 0.7 * (near.above[i] - near.below[i]) - BELOW * ahead;
    }
  }
  return { inner, outer };
}

// of the `count` rows that end with each row, and of those that follow it; border rows repeat
function means(level, rows, count) {
  const mean = (x, first) => {
    let sum = 0;
    for (let k = first; k < first + count; k++)
      sum += level[Math.min(rows - 1, Math.max(0, k)) * COLUMNS + x];
    return sum / count;
  };
  const at = (shift) => level.map((_, i) => mean(i % COLUMNS, Math.floor(i / COLUMNS) + shift));
  const below = at(1);
  for (let x = 0; x < COLUMNS; x++) // as in Python, the last row repeats the mean from itself on
    below[(rows - 1) * COLUMNS + x] = mean(x, rows - 1);
  return { above: at(1 - count), below };
}

// the path along which most speaks for it, from the first column to the last; no step above three rows
function bestPath(speaks, rows) {
  const wide = rows + 6;
  const sums = Array.from({ length: COLUMNS }, (_, x) => {
    const column = new Float32Array(wide).fill(NEVER);
    for (let y = 0; y < rows; y++) column[y + 3] = speaks[y * COLUMNS + x];
    return column;
  });
  for (let x = 1; x < COLUMNS; x++) {
    const last = sums[x - 1];
    const one = last.map((value, y) =>
      y === 0 || y === wide - 1 ? Math.max(NEVER, value) : Math.max(Math.max(last[y - 1], last[y + 1]) - SLOPE, value));
    for (let y = 3; y < wide - 3; y++) sums[x][y] += Math.max(float(Math.max(one[y - 2], one[y + 2]) - STEEP), one[y]);
  }
  const path = new Int32Array(COLUMNS);
  let row = indexOfMost(sums[COLUMNS - 1]);
  for (let x = COLUMNS - 1; x >= 0; x--) {
    if (x < COLUMNS - 1) row += indexOfMost(BACK.map((cost, k) => float(sums[x][row - 3 + k] - cost))) - 3;
    path[x] = row - 3;
  }
  return path;
}

function indexOfMost(values) {
  let most = 0;
  values.forEach((value, i) => { if (value > values[most]) most = i; });
  return most;
}
