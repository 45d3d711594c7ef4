// Pictures and rows of numbers in other sizes, as OpenCV and NumPy bring them there.

/** Bring a picture to another size: area averaging (OpenCV's INTER_AREA), or its INTER_LINEAR. */
export function resize({ grey, width, height }, [wide, tall], linear = false) {
  const isArea = width >= wide && height >= tall;
  const weigh = linear ? betweenWeights : isArea ? areaWeights : linearWeights;
  const columns = weigh(width, wide), rows = weigh(height, tall);
  const narrow = new Float32Array(wide * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < wide; x++)
      for (const [from, weight] of columns[x]) narrow[y * wide + x] += weight * grey[y * width + from];
  const small = new Uint8Array(wide * tall);
  for (let y = 0; y < tall; y++)
    for (let x = 0; x < wide; x++) {
      let sum = 0;
      for (const [from, weight] of rows[y]) sum += weight * narrow[from * wide + x];
      small[y * wide + x] = roundEven(sum);
    }
  return { grey: small, width: wide, height: tall };
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

// what INTER_AREA does where a side grows
function linearWeights(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    const left = Math.floor(i * scale);
    const past = i + 1 - (left + 1) / scale;
    const share = past <= 0 ? 0 : past - Math.floor(past);
    return [[Math.min(left, from - 1), 1 - share], [Math.min(left + 1, from - 1), share]];
  });
}

function betweenWeights(from, to) {
  return Array.from({ length: to }, (_, i) => {
    const place = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5)), left = Math.floor(place);
    return [[left, 1 - (place - left)], [Math.min(left + 1, from - 1), place - left]];
  });
}

/** The nearest whole number; of two the even one, as Python and OpenCV round. */
export function roundEven(value) {
  const low = Math.floor(value), rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

/** Numbers drawn out to another length, between the middles of their places. */
export function stretch(values, length) {
  return Float32Array.from({ length }, (_, i) => {
    const place = Math.min(values.length - 1, Math.max(0, ((i + 0.5) * values.length) / length - 0.5));
    const left = Math.floor(place), right = Math.min(left + 1, values.length - 1);
    return values[left] + (place - left) * (values[right] - values[left]);
  });
}

/** The grey below which a share of pixels lies; `counts` has one for each of 256. */
export function greyAt(counts, share) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let grey = 0;
  for (let seen = counts[0]; seen < share * total && grey < 255; seen += counts[grey]) grey++;
  return grey;
}

/** How many pixels of each grey there are, of those that `keep` lets pass. */
export function countGreys(grey, keep = () => true) {
  const counts = new Uint32Array(256);
  grey.forEach((value, i) => { if (keep(i)) counts[value]++; });
  return counts;
}

/** NumPy's percentile, linear between two. */
export function percentile(values, share) {
  const sorted = Float64Array.from(values).sort(), place = ((sorted.length - 1) * share) / 100;
  const left = Math.floor(place), right = Math.min(left + 1, sorted.length - 1);
  return sorted[left] + (place - left) * (sorted[right] - sorted[left]);
}
