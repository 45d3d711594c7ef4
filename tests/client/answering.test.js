import assert from "node:assert/strict";
import test from "node:test";
import * as answering from "../../octtutor/ui/client/desk/answering.js";
import { clockOf, clockText } from "../../octtutor/ui/client/desk/clock.js";

const ASKED = { ...answering.NOTHING_SAID, phase: "ask", asks: { confidence: true } };
const MARKED = { ...ASKED, asks: { confidence: true, mark: true } };
const SIZE = { width: 500, height: 400 };

test("choosing again chooses anew and commits nothing", () => {
  const said = answering.choosing(answering.choosing(ASKED, "CNV"), "DME");
  assert.equal(said.choice, "DME");
  assert.equal(said.phase, "ask");
});

test("nothing is chosen once the answer is on its way, or told, or held by an educator", () => {
  for (const said of [
    { ...ASKED, phase: "wait" },
    { ...ASKED, phase: "told" },
    { ...ASKED, paused: true },
  ]) {
    assert.equal(answering.choosing(said, "CNV").choice, null);
  }
});

test("confidence commits only what is chosen", () => {
  assert.equal(answering.takesLevel(ASKED), false);
  assert.equal(answering.takesLevel(answering.choosing(ASKED, "CNV")), true);
});

test("without confidence a button commits", () => {
  const said = answering.choosing({ ...ASKED, asks: {} }, "CNV");
  assert.equal(answering.takesSettling(said), true);
  assert.equal(answering.takesLevel(said), false);
});

test("a finding has to be marked before it is committed, a normal scan has none", () => {
  const chosen = answering.choosing(MARKED, "CNV");
  assert.equal(answering.isReady(chosen), false);
  assert.equal(answering.isReady(answering.marking(chosen, 20, 30, SIZE)), true);
  assert.equal(answering.isReady(answering.choosing(MARKED, "NORMAL")), true);
  assert.equal(answering.isReady(answering.choosing(MARKED, "UNGRADABLE")), true);
});

test("a mark lies in a pixel of the scan", () => {
  const chosen = answering.choosing(MARKED, "CNV");
  assert.deepEqual(answering.marking(chosen, 900, -5, SIZE).mark, [499, 0]);
});

test("the first arrow marks beside the middle, the next goes on from there", () => {
  const once = answering.movingMark(answering.choosing(MARKED, "CNV"), 1, 0, SIZE);
  assert.deepEqual(once.mark, [260, 200]);
  assert.deepEqual(answering.movingMark(once, 0, -1, SIZE).mark, [260, 190]);
});

test("taking back leaves nothing, and in the second look the first answer", () => {
  const marked = answering.marking(answering.choosing(MARKED, "CNV"), 5, 5, SIZE);
  const back = answering.takingBack(marked);
  assert.deepEqual([back.choice, back.mark], [null, null]);
  assert.equal(
    answering.takingBack({ ...ASKED, phase: "look", choice: "DME" }, "CNV").choice,
    "CNV",
  );
});

test("the next case waits for the reveal, and for an educator who shows one", () => {
  const told = { ...ASKED, phase: "told" };
  assert.equal(answering.mayGoOn(told), true);
  assert.equal(answering.mayGoOn(ASKED), false);
  assert.equal(answering.mayGoOn({ ...told, discussion: true }), false);
  assert.equal(answering.mayGoOn({ ...told, paused: true }), false);
});

test("the clock counts up, or down to the end of the time", () => {
  const time = { now: 65_400, phase: "ask", startedAt: 400, endsAt: null };
  assert.deepEqual(clockOf(time), { seconds: 65, isTimed: false, isOver: false });
  assert.deepEqual(clockOf({ ...time, endsAt: 70_000 }), {
    seconds: 5,
    isTimed: true,
    isOver: false,
  });
  assert.equal(clockOf({ ...time, endsAt: 65_000 }).isOver, true);
  assert.equal(clockText(65, false), "01:05");
  assert.equal(clockText(5, true), "−00:05");
});

test("after the answer the clock shows how long it took, and runs out no more", () => {
  const time = { now: 99_000, phase: "told", startedAt: 0, endsAt: 10, elapsed: 3_900 };
  assert.deepEqual(clockOf(time), { seconds: 3, isTimed: false, isOver: false });
});
