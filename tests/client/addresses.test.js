import assert from "node:assert/strict";
import test from "node:test";
import {
  addressOf,
  isSame,
  placeOf,
  sessionAddress,
} from "../../octtutor/ui/client/page/addresses.js";

const TABS = ["practise", "learn", "exams", "progress", "read"];

test("an address names a tab and what is chosen in it", () => {
  assert.deepEqual(placeOf("?tab=learn&class=CNV", TABS), { tab: "learn", choice: "CNV" });
  assert.deepEqual(placeOf("?tab=progress", TABS), { tab: "progress", choice: "" });
  assert.deepEqual(placeOf("", TABS), { tab: "practise", choice: "" });
});

test("a quiz or a class alone names its tab", () => {
  assert.deepEqual(placeOf("?quiz=forty", TABS), { tab: "exams", choice: "forty" });
  assert.deepEqual(placeOf("?class=DME", TABS), { tab: "learn", choice: "DME" });
});

test("what the page does not have is its first tab", () => {
  assert.deepEqual(placeOf("?tab=secrets&class=CNV", TABS), { tab: "practise", choice: "" });
});

test("an address comes back as the place it was made of", () => {
  for (const place of [
    { tab: "practise", choice: "" },
    { tab: "read", choice: "" },
    { tab: "learn", choice: "a & b" },
  ]) {
    assert.ok(isSame(placeOf(addressOf(place, ""), TABS), place), place.tab);
  }
});

test("a session's code stays in the address, another tab's choice does not", () => {
  const address = addressOf({ tab: "read", choice: "" }, "?session=AB3CD&tab=learn&class=CNV");
  assert.equal(address, "?session=AB3CD&tab=read");
});

test("a session that is joined is in the address, whatever tab is shown", () => {
  assert.equal(sessionAddress(" ab3cd ", "?tab=learn"), "?tab=learn&session=AB3CD");
});
