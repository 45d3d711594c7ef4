// A scan as the network takes it: what octtutor/model/network/preprocess.py and octtutor/datasets/fill.py do.
import { layIntoFrame } from "./frame.js";
import { flood, spread } from "./masks.js";
import { resize } from "./resize.js";

const WHITE = 245, PAD = 6, LEAST = 12;

/** Grey values, Uint8Array, of RGBA pixels; colours are weighted by their brightness. */
export function toGrey(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let i = 0, j = 0; i < grey.length; i++, j += 4)
    grey[i] = (rgba[j] * 19595 + rgba[j + 1] * 38470 + rgba[j + 2] * 7471 + 32768) >> 16;
  return grey;
}

/** What the network is fed: `grey`, Uint8Array size × size, and `place`, how a frame lies on the scan. */
export function prepare(scan, facts) {
  if (facts.version === "2") return layIntoFrame(scan, facts.frame);
  const bare = facts.fill === "painted" ? withoutFill(scan) : scan;
  return { grey: resize(bare, [facts.size, facts.size]).grey, place: null };
}

/** Paint the white fill that reaches the border with the median of the rest. */
export function withoutFill(scan) {
  const fill = findFill(scan);
  const counts = new Uint32Array(256);
  let rest = 0;
  for (let i = 0; i < fill.length; i++) if (!fill[i]) { counts[scan.grey[i]]++; rest++; }
  if (rest === 0 || rest === fill.length) return scan;
  const median = medianOf(counts, rest);
  return { ...scan, grey: scan.grey.map((value, i) => (fill[i] ? median : value)) };
}

function medianOf(counts, total) {
  const at = (rank) => {
    let grey = 0;
    for (let seen = counts[0]; seen <= rank; seen += counts[grey]) grey++;
    return grey;
  };
  return Math.floor((at(Math.floor((total - 1) / 2)) + at(Math.floor(total / 2))) / 2);
}

function findFill({ grey, width, height }) {
  const w = width + 2 * PAD, h = height + 2 * PAD;
  const white = new Uint8Array(w * h).fill(1);
  const inner = (visit) => {
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) visit((y + PAD) * w + x + PAD, y * width + x);
  };
  inner((at, from) => { white[at] = grey[from] >= WHITE ? 1 : 0; });
  const reaching = new Uint8Array(w * h);
  const opened = spread(spread(white, w, h, 2, Math.min), w, h, 2, Math.max);
  const region = flood(opened, w, h, 0, false);
  for (const at of region) reaching[at] = 1;
  const bare = new Uint8Array(w * h);
  inner((at) => { bare[at] = reaching[at]; });
  const grown = spread(dropSmall(bare, w, h), w, h, 4, Math.max);
  const fill = new Uint8Array(width * height);
  inner((at, to) => { fill[to] = grown[at]; });
  return fill;
}

function dropSmall(mask, w, h) {
  const kept = new Uint8Array(mask.length), left = mask.slice();
  for (let start = 0; start < left.length; start++) {
    if (!left[start]) continue;
    const region = flood(left, w, h, start, true);
    for (const at of region) { left[at] = 0; if (region.length >= LEAST) kept[at] = 1; }
  }
  return kept;
}
