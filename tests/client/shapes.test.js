import assert from "node:assert/strict";
import test from "node:test";
import * as shapes from "../../octtutor/ui/client/canvas/shapes.js";

const SIZE = { width: 100, height: 80 };
const BOX = { kind: "box", x: 10, y: 20, width: 30, height: 10 };
const ELLIPSE = { kind: "ellipse", x: 50, y: 40, rx: 20, ry: 10, angle: 0 };
const SQUARE = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
];
const BOW = [
  [0, 0],
  [10, 10],
  [10, 0],
  [0, 10],
];

test("a turned ellipse is framed by what it covers", () => {
  const upright = shapes.boundsOf({ ...ELLIPSE, angle: 90 });
  assert.deepEqual(
    Object.values(upright).map((value) => Math.round(value)),
    [40, 20, 60, 60],
  );
});

test("a region that is pulled too far stops at the scan's edge", () => {
  const { x, y } = shapes.moved(BOX, 500, -500, SIZE);
  assert.deepEqual([x, y], [70, 0]);
});

test("a spot stays in a pixel of the scan", () => {
  const { x, y } = shapes.moved({ kind: "spot", x: 50, y: 50 }, 500, 500, SIZE);
  assert.ok(x < 100 && y < 80);
});

test("a polygon moves with all its corners", () => {
  const moved = shapes.moved({ kind: "polygon", points: SQUARE }, 5, 7, SIZE);
  assert.deepEqual(moved.points, [
    [5, 7],
    [15, 7],
    [15, 17],
    [5, 17],
  ]);
});

test("a box is the same whichever corner it is pulled from", () => {
  const [a, b] = [
    { x: 30, y: 5 },
    { x: 10, y: 25 },
  ];
  assert.deepEqual(shapes.boxBetween(a, b), shapes.boxBetween(b, a));
  assert.deepEqual(shapes.boxBetween(a, b), { kind: "box", x: 10, y: 5, width: 20, height: 20 });
});

test("an ellipse that is too large is made to fit, whatever its turn", () => {
  for (const angle of [0, 30, 90, 135]) {
    const kept = shapes.keptEllipse({ ...ELLIPSE, x: 95, rx: 300, ry: 200, angle }, SIZE);
    const b = shapes.boundsOf(kept);
    assert.ok(b.left >= -0.02 && b.top >= -0.02, `${angle}`);
    assert.ok(b.right <= SIZE.width + 0.02 && b.bottom <= SIZE.height + 0.02, `${angle}`);
  }
});

test("a resized box is cut at the edge", () => {
  const kept = shapes.keptBox({ x: 90, y: -5, width: 50, height: 20 }, SIZE);
  assert.deepEqual(kept, { kind: "box", x: 90, y: 0, width: 10, height: 15 });
});

test("a bow tie crosses itself, a square does not, and a line encloses nothing", () => {
  assert.equal(shapes.crosses(BOW, true), true);
  assert.equal(shapes.crosses(SQUARE, true), false);
  assert.equal(shapes.isRegion(BOW), false);
  assert.equal(
    shapes.isRegion([
      [0, 0],
      [5, 5],
      [10, 10],
    ]),
    false,
  );
  assert.equal(shapes.surface(SQUARE), 100);
});

test("an outline that is not closed may cross by its last side", () => {
  assert.equal(
    shapes.crosses(
      [
        [0, 0],
        [10, 0],
        [10, 10],
        [5, -5],
      ],
      false,
    ),
    true,
  );
  assert.equal(
    shapes.crosses(
      [
        [0, 0],
        [10, 10],
        [10, 0],
      ],
      false,
    ),
    false,
  );
});

test("regions are the same text whatever wrote their numbers and keys", () => {
  const mark = { id: "a", finding: "drusen", caption: "", shape: BOX };
  const python = { height: 10, kind: "box", width: 30.0000001, x: 10, y: 20 };
  assert.equal(shapes.canonical([mark]), shapes.canonical([{ ...mark, shape: python }]));
  assert.notEqual(shapes.canonical([mark]), shapes.canonical([{ ...mark, caption: "b" }]));
});
