import assert from "node:assert/strict";
import test from "node:test";
import * as light from "../../octtutor/ui/client/shared/light.js";
import { percent, titleOf } from "../../octtutor/ui/client/shared/wording.js";
import { WHOLE, wheelFactor, zoomedAt } from "../../octtutor/ui/client/shared/zoom.js";

const grey = (value, one) => {
  const { slope, intercept } = light.lineOf(one);
  return 255 * (slope * (value / 255) + intercept);
};

test("the usual light changes no grey", () => {
  assert.deepEqual(light.lineOf(light.USUAL), { slope: 1, intercept: 0 });
});

test("a window is spread from black to white around its level", () => {
  const one = { level: 100, window: 50, invert: false };
  assert.deepEqual(
    [75, 100, 125].map((value) => Math.round(grey(value, one))),
    [0, 128, 255],
  );
});

test("inverted, black is white", () => {
  const one = { ...light.USUAL, invert: true };
  assert.deepEqual(
    [0, 255].map((value) => Math.round(grey(value, one))),
    [255, 0],
  );
});

test("a drag to the right adds contrast, a drag upwards makes brighter", () => {
  assert.ok(light.dragged(light.USUAL, 50, 0).window < light.USUAL.window);
  assert.ok(light.dragged(light.USUAL, 0, 50).level < light.USUAL.level);
  assert.ok(grey(100, light.dragged(light.USUAL, 0, 50)) > grey(100, light.USUAL));
});

test("no drag leaves the limits", () => {
  const far = light.dragged(light.USUAL, 1e6, 1e6);
  assert.deepEqual([far.window, far.level], [16, 0]);
});

test("what a browser kept and is no light is the usual one", () => {
  for (const value of [null, 7, "x", {}, { level: NaN, window: "wide", invert: "yes" }]) {
    assert.deepEqual(light.asLight(value), { ...light.USUAL });
  }
});

test("the sliders say the light that they set", () => {
  for (const value of [-100, -30, 0, 80]) {
    const one = { ...light.USUAL, level: light.levelOf(value), window: light.windowOf(value) };
    assert.equal(light.brightnessOf(one), value);
    assert.equal(light.contrastOf(one), value);
  }
});

test("what is under the pointer stays there while zooming", () => {
  const at = { x: 40, y: -25 };
  const zoom = zoomedAt({ k: 2, x: 10, y: 5 }, 1.7, at, 1, 12);
  assert.ok(Math.abs((at.x - zoom.x) / zoom.k - (at.x - 10) / 2) < 1e-9);
  assert.ok(Math.abs((at.y - zoom.y) / zoom.k - (at.y - 5) / 2) < 1e-9);
});

test("zooming stops at the whole scan and at its most", () => {
  assert.equal(zoomedAt(WHOLE, 0.01, { x: 0, y: 0 }, 1, 12).k, 1);
  assert.equal(zoomedAt(WHOLE, 100, { x: 0, y: 0 }, 1, 12).k, 12);
  assert.ok(wheelFactor(-100) > 1 && wheelFactor(100) < 1);
});

test("a share is whole percent, and only certainty is called so", () => {
  assert.deepEqual([0, 0.001, 0.034, 0.5, 0.9999, 1].map(percent), [
    "0 %",
    "<1 %",
    "3 %",
    "50 %",
    ">99 %",
    "100 %",
  ]);
});

test("a full name that says no more is not said", () => {
  assert.equal(titleOf("DRUSEN", "drusen"), "DRUSEN");
  assert.equal(titleOf("DME", "diabetic macular oedema"), "DME (diabetic macular oedema)");
  assert.equal(titleOf("DME"), "DME");
});
