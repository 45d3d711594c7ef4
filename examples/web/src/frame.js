// A scan laid into the frame of preparation 2: octtutor/datasets/preparation/{preparing,scan_frame}.py.
// Palettes, marks, panels, photographs, and scans that lie wrong are left to Python.
import { findFill, findRetina, glance } from "./retina.js";
import { countGreys, greyAt, percentile, resize, roundEven } from "./resize.js";

const AXIAL = 3.87, LATERAL = 11.5; // µm a pixel of a Spectralis
const HEIGHT = 496, COARSE = [384, 512, 768], FINE = [1024, 1536];
const TYPICAL = 288, THIN_SHARE = 30, SURE = 0.45, LEAST_CONTENT = 0.9, LEAST_SIDE = 32;
const LINE_STEP = 24, LINE_EVEN = 14;
const between = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * The scan in a frame, and how that lies on it.
 *
 * @param scan width, height, grey: a B-scan that lies upright, vitreous above, bright on dark.
 * @param frame of an export's `preprocessing.frame`.
 * @param spacing height and width of its pixels in µm where they are known, else null.
 */
export function layIntoFrame(scan, frame, spacing = null) {
  let small = glance(scan), fill = findFill(small), shown = replaceBorderLines(scan), corner = { x: 0, y: 0 };
  const part = fill && cropFill(fill, small, scan);
  if (part) {
    shown = cut(shown, part);
    corner = { x: part.x, y: part.y };
    small = glance(shown);
    fill = findFill(small);
  }
  const retina = findRetina(small, fill, shown);
  const ground = greyAt(countGreys(small.grey, (i) => !fill || !fill[i]), 0.5);
  if (fill) shown = paint(shown, fill, small, ground);
  const size = spacing ?? bySize(scan) ?? estimate(retina, shown.width);
  return lay(shown, frame, size, middleOf(retina, shown.height), ground, corner);
}

// one to three even lines along a side that differ from what lies next to them become copies of the next
function replaceBorderLines({ grey, width, height }) {
  const kept = grey.slice(), mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const sides = [
    [width, (line, i) => line * width + i], [height, (line, i) => i * width + width - 1 - line],
    [width, (line, i) => (height - 1 - line) * width + i], [height, (line, i) => i * width + line],
  ];
  for (const [length, at] of sides) {
    const lines = Array.from({ length: 6 }, (_, line) => Array.from({ length }, (_, i) => kept[at(line, i)]));
    const next = mean(lines[4].concat(lines[5])), means = lines.map(mean);
    const apart = means.slice(0, 3).map((grey) => Math.abs(grey - next) >= LINE_STEP);
    if (!apart[0] || Math.sqrt(mean(lines[0].map((value) => (value - means[0]) ** 2))) > LINE_EVEN) continue;
    const last = apart.lastIndexOf(true) + 1;
    for (let line = 0; line < last; line++) lines[last].forEach((value, i) => { kept[at(line, i)] = value; });
  }
  return { grey: kept, width, height };
}

function cropFill(fill, small, { width, height }) {
  const span = (length, count, isKept) => {
    const kept = Array.from({ length: count }, (_, i) => i).filter(isKept), scale = length / count;
    return [roundEven(kept[0] * scale), roundEven((kept.at(-1) + 1) * scale)];
  };
  const isFree = (places) => places.some((i) => !fill[i]);
  const range = (n, at) => Array.from({ length: n }, (_, k) => at(k));
  const [top, bottom] = span(height, small.height, (y) => isFree(range(small.width, (x) => y * small.width + x)));
  const [left, right] = span(width, small.width, (x) => isFree(range(small.height, (y) => y * small.width + x)));
  const size = { x: left, y: top, width: right - left, height: bottom - top };
  if (size.height >= LEAST_CONTENT * height && size.width >= LEAST_CONTENT * width) return null;
  return Math.min(size.width, size.height) >= LEAST_SIDE ? size : null;
}

function cut({ grey, width }, part) {
  const from = (i) => (part.y + Math.floor(i / part.width)) * width + part.x + (i % part.width);
  const kept = Uint8Array.from({ length: part.width * part.height }, (_, i) => grey[from(i)]);
  return { grey: kept, width: part.width, height: part.height };
}

function paint({ grey, width, height }, fill, small, ground) {
  const painted = grey.map((value, i) => {
    const x = Math.floor(((i % width) * small.width) / width);
    const y = Math.floor((Math.floor(i / width) * small.height) / height);
    return fill[y * small.width + x] ? ground : value;
  });
  return { grey: painted, width, height };
}

function bySize({ width, height }) {
  if (height !== HEIGHT || ![...COARSE, ...FINE].includes(width)) return null;
  return [AXIAL, COARSE.includes(width) ? LATERAL : LATERAL / 2];
}

function estimate({ top, bottom, clear }, width) {
  const across = (axial) => between((axial * LATERAL * width) / AXIAL, 4500, 12500) / width;
  const thickness = bottom.map((row, x) => row - top[x]).filter((_, x) => clear[x] >= SURE);
  if (confidence(clear) < SURE || thickness.length < 8) return [AXIAL, across(AXIAL)];
  const axial = between(TYPICAL / Math.max(percentile(thickness, THIN_SHARE), 1), 1.2, 9);
  return [axial, across(axial)];
}

const confidence = (clear) => clear.reduce((sum, value) => sum + value, 0) / clear.length;

function middleOf({ top, bottom, clear }, height) {
  return confidence(clear) < SURE ? height / 2 : (percentile(top, 4) + percentile(bottom, 96)) / 2;
}

function lay(scan, frame, [axial, lateral], middle, ground, corner) {
  const rows = Math.max(1, roundEven((scan.height * axial) / frame.axial_um));
  const columns = Math.max(1, roundEven((scan.width * lateral) / frame.lateral_um));
  const down = scan.height / rows, across = scan.width / columns;
  const top = roundEven(frame.place * frame.height - middle / down), left = roundEven((frame.width - columns) / 2);
  const grey = new Uint8Array(frame.width * frame.height).fill(ground);
  const place = { across, down, left, top, corner, width: frame.width, height: frame.height };
  const shown = (begin, length, limit, by) => {
    const first = Math.max(0, -begin), last = Math.min(length, limit - begin);
    const from = roundEven(first * by);
    return { first, count: last - first, from, span: Math.max(roundEven(last * by), from + 1) - from };
  };
  const x = shown(left, columns, frame.width, across), y = shown(top, rows, frame.height, down);
  if (x.count < 1 || y.count < 1) return { grey, place };
  const part = cut(scan, { x: x.from, y: y.from, width: Math.min(x.span, scan.width - x.from),
    height: Math.min(y.span, scan.height - y.from) });
  const shrinks = part.height >= y.count && part.width >= x.count;
  const laid = resize(part, [x.count, y.count], !shrinks);
  for (let row = 0; row < y.count; row++)
    grey.set(laid.grey.subarray(row * x.count, (row + 1) * x.count),
      (top + y.first + row) * frame.width + left + x.first);
  return { grey, place };
}

/** A map of the frame, in [0, 1], on the scan that was laid into it; 0 where the frame shows none of it. */
export function onScan(level, { across, down, left, top, corner, width, height }, [wide, tall]) {
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : level[y * width + x]);
  return Float32Array.from({ length: wide * tall }, (_, i) => {
    const u = ((i % wide) + 0.5 - corner.x) / across + left - 0.5;
    const v = (Math.floor(i / wide) + 0.5 - corner.y) / down + top - 0.5;
    const x = Math.floor(u), y = Math.floor(v), dx = u - x, dy = v - y;
    return (1 - dy) * ((1 - dx) * at(x, y) + dx * at(x + 1, y)) + dy * ((1 - dx) * at(x, y + 1) + dx * at(x + 1, y + 1));
  });
}
