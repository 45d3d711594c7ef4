// A scan as the network takes it: what octtutor/model/preprocess.py and octtutor/datasets/fill.py do.

const WHITE = 245, PAD = 6, LEAST = 12;

/** Grey values, Uint8Array, of RGBA pixels; colours are weighted by their brightness. */
export function toGrey(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let i = 0, j = 0; i < grey.length; i++, j += 4)
    grey[i] = (rgba[j] * 19595 + rgba[j + 1] * 38470 + rgba[j + 2] * 7471 + 32768) >> 16;
  return grey;
}

/** The scan in the network's size, Uint8Array size × size. */
export function prepare(scan, facts) {
  const bare = facts.fill === "painted" ? withoutFill(scan) : scan;
  return resizeArea(bare, facts.size);
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

// erosion (Math.min) or dilation (Math.max) by a square of 2 × reach + 1
function spread(mask, w, h, reach, pick) {
  const pass = (from, step, length, lines, jump) => {
    const to = new Uint8Array(from.length);
    for (let line = 0; line < lines; line++)
      for (let i = 0; i < length; i++) {
        const base = line * jump;
        let value = from[base + i * step];
        for (let k = Math.max(0, i - reach); k <= Math.min(length - 1, i + reach); k++)
          value = pick(value, from[base + k * step]);
        to[base + i * step] = value;
      }
    return to;
  };
  return pass(pass(mask, 1, w, h, w), w, h, w, 1);
}

function flood(mask, w, h, start, diagonal) {
  const seen = new Uint8Array(mask.length), found = [start];
  seen[start] = 1;
  for (let next = 0; next < found.length; next++) {
    const x = found[next] % w, y = (found[next] - x) / w;
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) {
        if (!diagonal && dx !== 0 && dy !== 0) continue;
        const nx = x + dx, ny = y + dy, at = ny * w + nx;
        if (nx < 0 || ny < 0 || nx >= w || ny >= h || seen[at] || !mask[at]) continue;
        seen[at] = 1;
        found.push(at);
      }
  }
  return found;
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

/** Area averaging, as OpenCV's INTER_AREA; where a side grows, its linear way. */
export function resizeArea({ grey, width, height }, size) {
  const weigh = width >= size && height >= size ? areaWeights : linearWeights;
  const columns = weigh(width, size), rows = weigh(height, size);
  const narrow = new Float32Array(size * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < size; x++)
      for (const [from, weight] of columns[x]) narrow[y * size + x] += weight * grey[y * width + from];
  const small = new Uint8Array(size * size);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      let sum = 0;
      for (const [from, weight] of rows[y]) sum += weight * narrow[from * size + x];
      small[y * size + x] = Math.round(sum);
    }
  return small;
}

function areaWeights(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    const start = i * scale, end = Math.min(start + scale, from), parts = [];
    for (let k = Math.floor(start); k < end; k++) {
      const share = Math.min(k + 1, end) - Math.max(k, start);
      if (share > 1e-3) parts.push([k, share / (end - start)]);
    }
    return parts;
  });
}

function linearWeights(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    const left = Math.floor(i * scale);
    const past = i + 1 - (left + 1) / scale;
    const share = past <= 0 ? 0 : past - Math.floor(past);
    return [[Math.min(left, from - 1), 1 - share], [Math.min(left + 1, from - 1), share]];
  });
}
