import assert from "node:assert/strict";
import test, { before } from "node:test";
import * as panel from "../../octtutor/ui/client/annotate/panel_keys.js";
import { NOTHING_SAID } from "../../octtutor/ui/client/desk/answering.js";
import { meaningOf } from "../../octtutor/ui/client/desk/desk_keys.js";
import { levelAt, lettersOn, SURE_PLACES } from "../../octtutor/ui/client/shared/keys.js";

const ASKED = { ...NOTHING_SAID, phase: "ask", asks: { confidence: true } };
const CHOSEN = { ...ASKED, choice: "CNV" };
const TOLD = { ...CHOSEN, phase: "told" };
const LOOK = { ...CHOSEN, phase: "look" };

class Target {
  constructor(kind) {
    this.kind = kind;
  }
  matches(selector) {
    return selector.split(", ").some((one) => one.split(":")[0].split("[")[0] === this.kind);
  }
}
const press = (key, code = "", more = {}) =>
  /** @type {any} */ ({ key, code, target: new Target("body"), ...more });

before(() => {
  globalThis.Element = /** @type {any} */ (Target);
});

test("digits choose before the answer and do nothing else, chosen or not", () => {
  for (const said of [ASKED, CHOSEN, LOOK]) {
    assert.deepEqual(meaningOf(press("3", "Digit3"), said), ["choose", 3]);
  }
  assert.equal(meaningOf(press("3", "Digit3"), TOLD), null);
});

test("digits go by their place: on a French keyboard they are under Shift", () => {
  assert.deepEqual(meaningOf(press("&", "Digit1"), ASKED), ["choose", 1]);
  assert.deepEqual(meaningOf(press("2", "Numpad2"), ASKED), ["choose", 2]);
});

test("the row below the digits says how sure, whatever letters it has", () => {
  assert.deepEqual(meaningOf(press("q", "KeyQ"), CHOSEN), ["level", 1]);
  assert.deepEqual(meaningOf(press("a", "KeyQ"), CHOSEN), ["level", 1]);
  assert.deepEqual(meaningOf(press("z", "KeyT"), CHOSEN), ["level", 5]);
  assert.equal(meaningOf(press("q", "KeyQ"), TOLD), null);
  assert.equal(meaningOf(press("q", "KeyQ"), { ...CHOSEN, asks: {} }), null);
});

test("a held key answers once, arrows repeat", () => {
  assert.equal(meaningOf(press("1", "Digit1", { repeat: true }), ASKED), null);
  const marks = { ...CHOSEN, asks: { mark: true } };
  assert.deepEqual(meaningOf(press("ArrowLeft", "", { repeat: true }), marks), ["move", -1, 0]);
});

test("what is typed into a field, or held with Ctrl, is not the desk's", () => {
  assert.equal(meaningOf(press("1", "Digit1", { target: new Target("textarea") }), ASKED), null);
  assert.equal(meaningOf(press("1", "Digit1", { ctrlKey: true }), ASKED), null);
});

test("Enter is the focused button's own, else it settles or goes on", () => {
  assert.equal(meaningOf(press("Enter", "", { target: new Target("summary") }), TOLD), null);
  assert.deepEqual(meaningOf(press("Enter"), TOLD), ["next"]);
  assert.deepEqual(meaningOf(press("Enter"), LOOK), ["settle"]);
});

test("the map and its slide are the reveal's", () => {
  assert.equal(meaningOf(press("m", "KeyM"), ASKED), null);
  assert.deepEqual(meaningOf(press("m", "KeyM"), TOLD), ["map"]);
  assert.deepEqual(meaningOf(press("ArrowRight"), TOLD), ["slide", 1]);
  assert.equal(meaningOf(press("ArrowRight", "", { shiftKey: true }), TOLD), null);
});

test("an idle desk takes no key", () => {
  assert.equal(meaningOf(press("1", "Digit1"), NOTHING_SAID), null);
});

test("levels are told as this keyboard names their keys", async () => {
  const french = new Map([
    ["KeyQ", "a"],
    ["KeyW", "z"],
  ]);
  const keyboard = { getLayoutMap: async () => french };
  assert.deepEqual(await lettersOn(SURE_PLACES, keyboard), ["A", "Z", "E", "R", "T"]);
  assert.deepEqual(await lettersOn(SURE_PLACES, {}), ["Q", "W", "E", "R", "T"]);
  assert.equal(levelAt("KeyY"), 0);
});

const DEFAULTS = { "class-1": "1", "sure-1": "KeyQ", skip: "s", back: "escape" };

test("on the panel a digit chooses and a place commits", () => {
  assert.equal(panel.actionOf(DEFAULTS, press("1", "Digit1")), "class-1");
  assert.equal(panel.actionOf(DEFAULTS, press("a", "KeyQ")), "sure-1");
  assert.equal(panel.actionOf(DEFAULTS, press("x", "KeyX")), undefined);
});

test("keys kept from before places never commit by a digit, nor hide a place", () => {
  const kept = { "sure-1": "1", skip: "q", back: "escape", "class-1": "7" };
  const keys = panel.keysOf(DEFAULTS, kept);
  assert.deepEqual(keys, { ...DEFAULTS, "class-1": "7" });
  assert.deepEqual(panel.keysOf(DEFAULTS, null), DEFAULTS);
});

test("a key that another has is told, by what is on this keyboard", () => {
  assert.equal(panel.clashOf(DEFAULTS, "skip", "q", {}), "sure-1");
  assert.equal(panel.clashOf(DEFAULTS, "skip", "a", { KeyQ: "a" }), "sure-1");
  assert.equal(panel.clashOf(DEFAULTS, "skip", "k", {}), undefined);
});

test("confidence is kept by place, all else by what is on the key", () => {
  assert.equal(panel.keyFor("sure-2", press("z", "KeyW")), "KeyW");
  assert.equal(panel.keyFor("skip", press("Z", "KeyW")), "z");
  assert.equal(panel.shownKey("KeyW", { KeyW: "z" }), "Z");
  assert.equal(panel.shownKey("escape", {}), "Esc");
});
