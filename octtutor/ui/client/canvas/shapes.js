// Regions as numbers, in pixels of the scan. Values in, values out; nothing is changed in place.
import { clamp } from "../shared/zoom.js";
import { frameOf, maskOf, shifted } from "./runs.js";

/** @typedef {{x: number, y: number}} Point */
/** @typedef {{width: number, height: number}} Size */
/** @typedef {any} Shape a box, ellipse, polygon, spot or brush: see core/annotation/region_shape.py */

/** Round to a hundredth of a pixel. @param {number} value */
export const round = (value) => Math.round(value * 100) / 100;

/** Return the point of a scan next to a point. @param {Point} p @param {Size} size @returns {Point} */
export const inside = (p, { width, height }) => ({
  x: round(clamp(p.x, 0, width)),
  y: round(clamp(p.y, 0, height)),
});

const BOUNDS = {
  brush: (shape) => frameOf(maskOf(shape), shape.width),
  spot: ({ x, y }) => ({ left: x, top: y, right: x, bottom: y }),
  box: ({ x, y, width, height }) => ({ left: x, top: y, right: x + width, bottom: y + height }),
  polygon: ({ points }) => {
    const [xs, ys] = [0, 1].map((axis) => points.map((p) => p[axis]));
    return {
      left: Math.min(...xs),
      top: Math.min(...ys),
      right: Math.max(...xs),
      bottom: Math.max(...ys),
    };
  },
  ellipse: ({ x, y, rx, ry, angle }) => {
    const turn = (angle * Math.PI) / 180;
    const across = Math.hypot(rx * Math.cos(turn), ry * Math.sin(turn));
    const down = Math.hypot(rx * Math.sin(turn), ry * Math.cos(turn));
    return { left: x - across, top: y - down, right: x + across, bottom: y + down };
  },
};

/**
 * Return the upright frame of a shape.
 * @param {Shape} shape
 * @returns {import("./runs.js").Frame}
 */
export const boundsOf = (shape) => BOUNDS[shape.kind](shape);

/**
 * Return how far a shape may go of the way that it is pulled, so that it stays inside the scan.
 * @param {Shape} shape
 * @param {number} dx
 * @param {number} dy
 * @param {Size} size
 */
export function allowed(shape, dx, dy, size) {
  const b = boundsOf(shape);
  const edge = shape.kind === "spot" ? 0.01 : 0; // a spot lies in a pixel
  return {
    dx: clamp(dx, Math.min(0, -b.left), Math.max(0, size.width - edge - b.right)),
    dy: clamp(dy, Math.min(0, -b.top), Math.max(0, size.height - edge - b.bottom)),
  };
}

/**
 * Return a shape moved, as far as it may.
 * @param {Shape} shape
 * @param {number} wantedX
 * @param {number} wantedY
 * @param {Size} size
 * @returns {Shape}
 */
export function moved(shape, wantedX, wantedY, size) {
  const { dx, dy } = allowed(shape, wantedX, wantedY, size);
  if (shape.kind === "brush") return shifted(shape, Math.round(dx), Math.round(dy));
  if (shape.kind === "polygon") {
    return { ...shape, points: shape.points.map(([x, y]) => [round(x + dx), round(y + dy)]) };
  }
  return { ...shape, x: round(shape.x + dx), y: round(shape.y + dy) };
}

/** The box between two corners. @param {Point} a @param {Point} b */
export const boxBetween = (a, b) => ({
  kind: "box",
  x: Math.min(a.x, b.x),
  y: Math.min(a.y, b.y),
  width: round(Math.abs(a.x - b.x)),
  height: round(Math.abs(a.y - b.y)),
});

/** The ellipse in the box between two corners. @param {Point} a @param {Point} b */
export const ellipseBetween = (a, b) => ({
  kind: "ellipse",
  x: round((a.x + b.x) / 2),
  y: round((a.y + b.y) / 2),
  rx: round(Math.abs(a.x - b.x) / 2),
  ry: round(Math.abs(a.y - b.y) / 2),
  angle: 0,
});

/** The part of a box inside the scan. @param {Shape} shape @param {Size} size */
export const keptBox = (shape, size) =>
  boxBetween(
    inside(shape, size),
    inside({ x: shape.x + shape.width, y: shape.y + shape.height }, size),
  );

/** An ellipse made small enough for the scan, and moved into it. @param {Shape} shape @param {Size} size */
export function keptEllipse(shape, { width, height }) {
  const b = boundsOf(shape);
  const shrink = Math.min(1, width / (b.right - b.left), height / (b.bottom - b.top));
  const less = (radius) => Math.floor(radius * shrink * 100) / 100;
  const small = { ...shape, rx: less(shape.rx), ry: less(shape.ry), angle: round(shape.angle) };
  const s = boundsOf(small);
  const dx = Math.max(0, -s.left) - Math.max(0, s.right - width);
  const dy = Math.max(0, -s.top) - Math.max(0, s.bottom - height);
  return { ...small, x: round(small.x + dx), y: round(small.y + dy) };
}

/** @param {number[]} a @param {number[]} b @param {number[]} c */
const turned = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
/** @param {number[][]} one @param {number[][]} other */
const sidesCross = ([a, b], [c, d]) =>
  turned(a, b, c) * turned(a, b, d) < 0 && turned(c, d, a) * turned(c, d, b) < 0;

/**
 * Whether an outline crosses itself.
 * @param {number[][]} points
 * @param {boolean} isClosed whether its last point is joined to its first
 */
export function crosses(points, isClosed) {
  const sides = points.map((point, i) => [point, points[(i + 1) % points.length]]);
  if (!isClosed) sides.pop();
  return sides.some((one, i) => sides.some((other, j) => j > i + 1 && sidesCross(one, other)));
}

/** The surface that an outline encloses. @param {number[][]} points */
export const surface = (points) =>
  Math.abs(
    points.reduce((sum, [x, y], i) => {
      const [u, v] = points[(i + 1) % points.length];
      return sum + x * v - u * y;
    }, 0),
  ) / 2;

/** Whether an outline can be a region. @param {number[][]} points */
export const isRegion = (points) => !crosses(points, true) && surface(points) > 0;

/** @param {string} key @param {any} value */
function plain(key, value) {
  if (typeof value === "number") return round(value);
  return key === "points" ? value.map((p) => p.map(round)) : value;
}

/**
 * Return regions as a text that is alike whatever wrote them: Python and the browser write numbers
 * and keys differently.
 * @param {any[]} marks
 */
export const canonical = (marks) =>
  JSON.stringify(
    marks.map((mark) => [
      mark.id,
      mark.finding,
      mark.caption,
      Object.entries(mark.shape)
        .sort()
        .map(([key, value]) => [key, plain(key, value)]),
    ]),
  );
