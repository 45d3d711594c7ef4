// Areas of a picture, Uint8Array with 1 where they are: grown, shrunk, followed.

/** Erosion (Math.min) or dilation (Math.max) by a square of 2 × reach + 1. */
export function spread(mask, w, h, reach, pick) {
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

/** The places that hang together with a place of the mask. */
export function flood(mask, w, h, start, diagonal) {
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

/** What of a mask, opened by a square of 2 × reach + 1, hangs together with the border. */
export function reachingBorder(mask, width, height, pad, reach) {
  const w = width + 2 * pad, h = height + 2 * pad;
  const padded = new Uint8Array(w * h).fill(1), bare = new Uint8Array(width * height);
  const place = (i) => (Math.floor(i / width) + pad) * w + (i % width) + pad;
  mask.forEach((value, i) => { padded[place(i)] = value; });
  const opened = spread(spread(padded, w, h, reach, Math.min), w, h, reach, Math.max);
  const reaching = new Uint8Array(w * h);
  for (const at of flood(opened, w, h, 0, false)) reaching[at] = 1;
  return bare.map((_, i) => reaching[place(i)]);
}
