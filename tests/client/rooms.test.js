import assert from "node:assert/strict";
import test from "node:test";
import { Strokes } from "../../octtutor/ui/client/canvas/strokes.js";
import { mapNote } from "../../octtutor/ui/client/desk/maps.js";
import { spokenReveal } from "../../octtutor/ui/client/desk/reveal.js";
import { pickScans } from "../../octtutor/ui/client/read/picking.js";
import { SETTLING_MS, Transport } from "../../octtutor/ui/client/shared/transport.js";

/** A clock that moves when told. */
class ToldClock {
  time = 1000;
  /** @type {{at: number, does: () => void}[]} */
  timers = [];
  now = () => this.time;
  later = (does, ms) => {
    const timer = { at: this.time + ms, does };
    this.timers.push(timer);
    return timer;
  };
  forget = (timer) => {
    this.timers = this.timers.filter((one) => one !== timer);
  };
  pass = (ms) => {
    const end = this.time + ms;
    for (let due = this.due(end); due; due = this.due(end)) {
      this.forget(due);
      this.time = Math.max(this.time, due.at);
      due.does();
    }
    this.time = end;
  };
  due = (end) => this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
}

/** A transport, what it sent, and how its time passes. */
function line() {
  /** @type {any[]} */
  const sent = [];
  const clock = new ToldClock();
  const transport = new Transport((event, data) => sent.push([event, data]), clock);
  return { transport, sent, pass: clock.pass };
}

test("an event waits until the last answer has settled", () => {
  const { transport, sent, pass } = line();
  transport.heard();
  pass(100);
  transport.send("submit", 1);
  pass(SETTLING_MS - 101);
  assert.deepEqual(sent, []);
  pass(1);
  assert.deepEqual(sent, [["submit", 1]]);
});

test("a lost answer is told once, an answer that comes is not", () => {
  const { transport, pass } = line();
  let lost = 0;
  transport.send("submit", 1, 5000, () => (lost += 1));
  pass(4999);
  transport.heard();
  pass(9000);
  assert.equal(lost, 0);
  transport.send("submit", 1, 5000, () => (lost += 1));
  pass(5000);
  pass(9000);
  assert.equal(lost, 1);
});

function canvas() {
  const { transport, sent, pass } = line();
  const said = [];
  const strokes = new Strokes(transport, {
    isThere: () => true,
    said: (state) => said.push(state),
  });
  return { strokes, sent, pass, said };
}

test("strokes that follow fast are sent as one, the newest", () => {
  const { strokes, sent, pass } = canvas();
  strokes.add("scan", ["one"]);
  pass(100);
  strokes.add("scan", ["one", "two"]);
  pass(250);
  assert.equal(sent.length, 1);
  assert.deepEqual(sent[0][1].marks, ["one", "two"]);
});

test("only one state is on its way, and the next follows its answer", () => {
  const { strokes, sent, pass, said } = canvas();
  strokes.setBase("scan", []);
  strokes.add("scan", []);
  pass(250);
  strokes.add("scan", []);
  pass(1000);
  assert.equal(sent.length, 1);
  strokes.answered({ task: "scan", saved: sent[0][1].serial });
  strokes.heard();
  pass(1000);
  assert.equal(sent.length, 2);
  strokes.answered({ task: "scan", saved: sent[1][1].serial });
  assert.equal(said.at(-1), "saved");
  assert.equal(strokes.newer("scan"), null);
});

test("what is not answered is sent again and said", () => {
  const { strokes, sent, pass, said } = canvas();
  strokes.add("scan", []);
  pass(250);
  pass(9000);
  assert.equal(sent.length, 2);
  assert.ok(said.includes("not saved"));
});

const LIMITS = { suffixes: [".png", ".dcm"], most_files: 3, most_bytes: 5e6 };
const TEXTS = { no_file: "none", too_many: "{n} of {most}", too_large: "{size} of {limit}" };
const file = (name, size = 1e6) => ({ name, size });

test("of a folder the scans are taken, in the order of their numbers", () => {
  const given = [file("b10.png"), file("notes.txt"), file("b2.png"), file("IM0001")];
  const { scans, fault } = pickScans(given, LIMITS, TEXTS);
  assert.deepEqual(
    scans.map(({ name }) => name),
    ["b2.png", "b10.png", "IM0001"],
  );
  assert.equal(fault, "");
});

test("what cannot be taken is said", () => {
  const many = ["a.png", "b.png", "c.png", "d.png"].map((name) => file(name));
  assert.equal(pickScans(many, LIMITS, TEXTS).fault, "4 of 3");
  assert.equal(pickScans([file("a.png", 9e6)], LIMITS, TEXTS).fault, "9 of 5");
  assert.equal(pickScans([file("a.txt"), file("b.txt")], LIMITS, TEXTS).fault, "none");
});

const SPOKEN = {
  right: "Right",
  wrong: "Not right",
  timed_out: "Late",
  truth: "Truth",
  model: "Model",
  look_for: "Look for",
};
const VIEW = {
  phase: "told",
  right: false,
  truth: "CNV",
  advice: ["A.", "B."],
  model: { label: "DME", chances: { DME: 0.81, CNV: 0.19 } },
};

test("the reveal is heard in order: verdict, truth, model, what to look for", () => {
  const spoken = spokenReveal(VIEW, SPOKEN, (word) => word);
  assert.equal(spoken, "Not right. Truth: CNV. Model: DME, 81 %. Look for: A. B.");
});

test("in the second look the model is heard and no truth", () => {
  assert.equal(spokenReveal({ ...VIEW, phase: "look" }, SPOKEN, String), "Model: DME, 81 %.");
});

const NOTES = {
  no_outline: "No outline.",
  no_model: "No model.",
  no_evidence: "None of {label}.",
  map_hint: "Signs of {label}.",
  map_normal: "Taken for {label}.",
};

test("a normal map is not called a sign of disease", () => {
  const view = {
    phase: "told",
    truth: "NORMAL",
    outline: "",
    maps: { jet: { NORMAL: "x", CNV: null } },
  };
  assert.equal(mapNote(view, "NORMAL", "NORMAL", NOTES), "Taken for NORMAL.");
  assert.equal(mapNote(view, "CNV", "NORMAL", NOTES), "None of CNV.");
});

test("where nobody has outlined a scan with a disease it is said", () => {
  const view = { phase: "told", truth: "CNV", outline: "", maps: { jet: { CNV: "x" } } };
  assert.equal(mapNote(view, "CNV", "NORMAL", NOTES), "No outline. Signs of CNV.");
  assert.equal(mapNote({ ...view, outline: "M0 0" }, "CNV", "NORMAL", NOTES), "Signs of CNV.");
});
