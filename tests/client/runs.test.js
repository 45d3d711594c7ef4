import assert from "node:assert/strict";
import test from "node:test";
import {
  encode,
  frameOf,
  maskOf,
  paintLine,
  pixelAt,
  shifted,
} from "../../octtutor/ui/client/canvas/runs.js";

const picture = (rows) => ({
  mask: Uint8Array.from(rows.join("").split("").map(Number)),
  width: rows[0].length,
  height: rows.length,
});
const rowsOf = (mask, width) => mask.join("").match(new RegExp(`.{${width}}`, "g"));

test("runs go down the columns and begin with what is not painted", () => {
  const { mask, width, height } = picture(["010", "010"]);
  assert.deepEqual(encode(mask, width, height).counts, [2, 2, 2]);
  const first = picture(["10", "00"]);
  assert.deepEqual(encode(first.mask, 2, 2).counts, [0, 1, 3]);
});

test("a brush that comes back from its runs has the same pixels", () => {
  const { mask, width, height } = picture(["0110", "1001", "1111"]);
  const { counts } = encode(mask, width, height);
  assert.deepEqual([...maskOf({ kind: "brush", counts, width, height })], [...mask]);
});

test("an empty brush and a full one have one run of pixels", () => {
  assert.deepEqual(encode(new Uint8Array(6), 3, 2).counts, [6]);
  assert.deepEqual(encode(new Uint8Array(6).fill(1), 3, 2).counts, [0, 6]);
});

test("the frame of a mask ends behind its last pixels", () => {
  const { mask, width } = picture(["0000", "0110", "0010"]);
  assert.deepEqual(frameOf(mask, width), { left: 1, top: 1, right: 3, bottom: 3 });
});

test("a brush is shifted by whole pixels, and the one before stays as it is", () => {
  const { mask, width, height } = picture(["100", "000"]);
  const shape = encode(mask, width, height);
  assert.deepEqual(rowsOf(maskOf(shifted(shape, 2, 1)), 3), ["000", "001"]);
  assert.deepEqual(rowsOf(maskOf(shape), 3), ["100", "000"]);
});

test("a line paints the pixels whose centres are within reach, once each", () => {
  const { mask, width, height } = picture(["00000", "00000", "00000"]);
  const touched = [];
  const line = [
    { x: 0.5, y: 1.5 },
    { x: 4.5, y: 1.5 },
  ];
  paintLine({ mask, width, height }, line[0], line[1], 0.4, 1, (x, y) => touched.push([x, y]));
  assert.deepEqual(rowsOf(mask, 5), ["00000", "11111", "00000"]);
  paintLine({ mask, width, height }, line[0], line[1], 0.4, 1, (x, y) => touched.push([x, y]));
  assert.equal(touched.length, 5);
});

test("the smallest brush paints the pixel it is on, at the scan's edge too", () => {
  const { mask, width, height } = picture(["000", "000"]);
  paintLine({ mask, width, height }, { x: 3, y: 2 }, { x: 3, y: 2 }, 0.1, 1, () => {});
  assert.deepEqual(rowsOf(mask, 3), ["000", "001"]);
  assert.equal(pixelAt({ x: 3, y: 2 }, 3, 2), 5);
});

test("erasing takes pixels and leaves the others", () => {
  const { mask, width, height } = picture(["111", "111"]);
  paintLine({ mask, width, height }, { x: 0.5, y: 0.5 }, { x: 2.5, y: 0.5 }, 0.4, 0, () => {});
  assert.deepEqual(rowsOf(mask, 3), ["000", "111"]);
});
