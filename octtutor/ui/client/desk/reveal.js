// The reveal: right or not, the truth, what to look for, the model. Drawn, and put into words.
import { fill, finder, make } from "../shared/dom.js";
import { percent, titleOf } from "../shared/wording.js";
import { painted } from "./scheme.js";

/**
 * Return the reveal in words, in the order in which it is to be heard.
 * @param {any} view what the server sent
 * @param {Record<string, string>} texts
 * @param {(word: string) => string} nameOf
 * @returns {string}
 */
export function spokenReveal(view, texts, nameOf) {
  const model = view.model
    ? `${texts.model}: ${view.model.label}, ${percent(view.model.chances[view.model.label])}.`
    : "";
  if (view.phase === "look") return model;
  const truth = `${texts.truth}: ${nameOf(view.truth)}.`;
  const advice = view.advice.length ? `${texts.look_for}: ${view.advice.join(" ")}` : "";
  return [`${verdictOf(view, texts)}.`, truth, model, advice].filter(Boolean).join(" ");
}

/** @param {any} view @param {Record<string, string>} texts */
function verdictOf(view, texts) {
  if (view.timed_out) return texts.timed_out;
  return view.right ? texts.right : texts.wrong;
}

export class Reveal {
  /**
   * @param {HTMLElement} element the desk
   * @param {Record<string, string>} texts
   * @param {(word: string) => string} nameOf
   */
  constructor(element, texts, nameOf) {
    this.find = finder(element);
    this.texts = texts;
    this.nameOf = nameOf;
  }

  /** Leave nothing of the case before. */
  clear() {
    this.find(".verdict").textContent = "";
    this.find(".spoken").textContent = "";
    this.find(".chances tbody").replaceChildren();
    this.find(".notes").replaceChildren();
    this.find(".advice").replaceChildren();
    this.find(".compare").hidden = true;
    this.find(".fault").hidden = true;
  }

  /** @param {any} view @param {import("./scheme.js").Scheme} scheme */
  draw(view, scheme) {
    this.drawVerdict(view, scheme);
    this.drawChances(view, scheme);
    if (view.phase === "told") {
      this.drawAdvice(view, scheme);
      this.drawContrast(view);
    }
    this.find(".spoken").textContent = spokenReveal(view, this.texts, this.nameOf);
  }

  /** @param {any} view @param {import("./scheme.js").Scheme} scheme */
  drawVerdict(view, scheme) {
    const { texts } = this;
    const parts = [];
    if (view.phase === "told") {
      const sign = view.right ? "✓" : "✗";
      parts.push(
        make("strong", view.right ? "right" : "wrong", `${sign} ${verdictOf(view, texts)}`),
      );
    }
    for (const [who, word] of saidIn(view, texts)) {
      const said = make("span", "said");
      const name = painted(scheme, "span", "name", word, this.nameOf(word));
      said.append(make("span", "who", who), " ", name);
      parts.push(said);
    }
    if (view.hit) parts.push(hitOf(view.hit, texts));
    this.find(".verdict").replaceChildren(...parts);
  }

  /** @param {any} view @param {import("./scheme.js").Scheme} scheme */
  drawChances(view, scheme) {
    const body = this.find(".chances tbody");
    body.replaceChildren();
    this.find(".fault").hidden = !view.fault;
    this.find(".fault").textContent = view.fault || "";
    this.find(".notes").replaceChildren();
    const { model } = view;
    if (!model) return;
    const title = make("th", "", `${this.texts.model}: ${model.label}`);
    const head = make("tr");
    title.colSpan = 3;
    title.title = model.name;
    head.append(title);
    const isTruth = (label) => view.phase === "told" && !model.mapped && label === view.truth;
    const rows = Object.entries(model.chances).map(([label, chance]) =>
      chanceRow(scheme, label, chance, isTruth(label)),
    );
    body.append(head, ...rows);
    const notes = [...model.notes];
    if (view.trained_on) notes.push(this.texts.trained_on);
    if (view.unknown_patient) notes.push(this.texts.unknown_patient);
    this.find(".notes").replaceChildren(...notes.map((note) => make("p", "hint", note)));
  }

  /** @param {any} view @param {import("./scheme.js").Scheme} scheme */
  drawAdvice(view, scheme) {
    const title = `${this.texts.look_for}: ${titleOf(view.truth, scheme.names[view.truth])}`;
    const advice = this.find(".advice");
    advice.replaceChildren(make("h2", "", title));
    for (const text of view.advice) advice.append(make("p", "", text));
    if (view.findings.length) {
      advice.append(make("p", "hint", `${this.texts.findings}: ${view.findings.join(", ")}`));
    }
  }

  /** @param {any} view */
  drawContrast(view) {
    const box = this.find(".compare");
    box.hidden = !view.contrast;
    box.open = false;
    this.find(".pair").innerHTML = view.contrast || "";
  }
}

/** @param {any} view @param {Record<string, string>} texts @returns {string[][]} */
function saidIn(view, texts) {
  const said = view.timed_out ? [] : [[view.second ? texts.you_first : texts.you, view.choice]];
  if (view.second) said.push([texts.you_then, view.second]);
  if (view.phase === "told") said.push([texts.truth, view.truth]);
  return said;
}

/** @param {{hit: boolean, distance: number}} hit @param {Record<string, string>} texts */
const hitOf = (hit, texts) =>
  make(
    "span",
    hit.hit ? "right" : "wrong",
    hit.hit ? texts.hit : fill(texts.missed, { n: hit.distance }),
  );

/**
 * @param {import("./scheme.js").Scheme} scheme
 * @param {string} label
 * @param {number} chance
 * @param {boolean} isTruth
 */
function chanceRow(scheme, label, chance, isTruth) {
  const bar = painted(scheme, "span", "bar", label);
  bar.style.width = `${Math.round(100 * chance)}%`;
  const cell = make("td", "bars");
  cell.append(bar);
  const row = make("tr", isTruth ? "is-truth" : "");
  row.append(make("td", "", label), cell, make("td", "number", percent(chance)));
  return row;
}
