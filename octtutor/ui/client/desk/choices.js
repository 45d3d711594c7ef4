// The answers and how sure: drawn from what is said, told what is pressed.
import { fill, finder, make, makeButton } from "../shared/dom.js";
import { lettersOn, SURE_PLACES } from "../shared/keys.js";
import { isAsked, isReady, takesLevel, takesSettling, UNGRADABLE, wantsMark } from "./answering.js";
import { painted } from "./scheme.js";

/** @typedef {import("./answering.js").Saying} Saying */

export class Choices {
  /**
   * @param {HTMLElement} element the desk
   * @param {Record<string, string>} texts
   * @param {{choose: (word: string) => void, commit: (level: number) => void}} does
   */
  constructor(element, texts, does) {
    this.find = finder(element);
    this.texts = texts;
    this.does = does;
    this.answers = this.find(".answers");
    this.scale = this.find(".scale");
    /** The letters on the keys of confidence. */
    this.letters = SURE_PLACES.map((code) => code.slice(-1));
    this.answers.setAttribute("aria-label", texts.question);
    this.find(".sure").setAttribute("aria-label", texts.sure);
    this.buildScale();
    lettersOn(SURE_PLACES).then((letters) => this.showLetters(letters));
  }

  buildScale() {
    for (let level = 1; level <= 5; level += 1) {
      const button = makeButton("level", "", () => this.does.commit(level));
      button.dataset.level = String(level);
      const key = make("kbd");
      key.setAttribute("aria-hidden", "true");
      button.append(make("span", "", String(level)), " ", key);
      this.scale.append(button);
    }
    this.showLetters(this.letters);
  }

  /** @param {string[]} letters */
  showLetters(letters) {
    this.letters = letters;
    this.levels.forEach((button, i) => {
      button.querySelector("kbd").textContent = letters[i];
      button.setAttribute("aria-keyshortcuts", letters[i]);
      // what is seen on it is part of its name: who speaks to the page says that
      button.setAttribute("aria-label", `${this.texts.sure} ${i + 1} ${letters[i]}`);
    });
  }

  /** @returns {any[]} */
  get levels() {
    return [...this.scale.children];
  }

  /** @returns {any[]} */
  get buttons() {
    return [...this.answers.children];
  }

  /** @param {import("./scheme.js").Scheme} scheme */
  build(scheme) {
    const words = scheme.ungradable ? [...scheme.labels, UNGRADABLE] : scheme.labels;
    this.answers.replaceChildren(
      ...words.map((word, i) => {
        const button = painted(scheme, "button", "answer", word);
        const key = make("kbd", "", word === UNGRADABLE ? "U" : String(i + 1));
        button.type = "button";
        button.dataset.choice = word;
        button.title = scheme.names[word] || "";
        key.setAttribute("aria-hidden", "true");
        button.append(key, make("span", "", this.nameOf(word)), make("span", "mark"));
        button.addEventListener("click", () => this.does.choose(word));
        return button;
      }),
    );
  }

  /** @param {string} word */
  nameOf(word) {
    return word === UNGRADABLE ? this.texts.ungradable : word;
  }

  /** @param {string} text */
  hint(text) {
    this.find(".sure-hint").textContent = fill(text, {
      first: this.letters[0],
      last: this.letters[4],
    });
  }

  focus() {
    this.answers.focus({ preventScroll: true });
  }

  /**
   * @param {Saying} said
   * @param {any} view what the server sent of the case
   */
  draw(said, view) {
    const truth = said.phase === "told" ? view.truth : null;
    for (const button of this.buttons) {
      const word = button.dataset.choice;
      button.setAttribute("aria-pressed", String(word === said.choice));
      button.classList.toggle("truth", word === truth);
      button.querySelector(".mark").textContent = markOf(word, said.choice, truth);
      button.disabled = !isAsked(said);
    }
    for (const button of this.levels) {
      const isSaid = said.phase !== "ask" && Number(button.dataset.level) === view.confidence;
      button.setAttribute("aria-pressed", String(isSaid));
      button.disabled = !takesLevel(said);
    }
    this.find(".sure").hidden = !said.asks.confidence;
    this.find(".sure").classList.toggle("ready", takesLevel(said));
    this.drawSettling(said, view);
  }

  /** @param {Saying} said @param {any} view */
  drawSettling(said, view) {
    const looks = said.phase === "look";
    const label = said.choice ? this.nameOf(said.choice) : "";
    this.find(".settle").hidden = !takesSettling(said);
    this.find("[data-do=settle]").disabled = !isReady(said);
    const text = said.choice === view.choice ? this.texts.keep : this.texts.change;
    this.find(".settle-text").textContent = looks ? fill(text, { label }) : this.texts.commit;
    this.find(".settle-hint").textContent = looks ? this.texts.look_hint : "";
  }

  /**
   * Draw where it is: the place that was marked, or the question for it.
   * @param {Saying} said
   * @param {any} view
   */
  drawMark(said, view) {
    const asks = wantsMark(said);
    const shown = said.mark !== null && (asks || said.phase !== "ask");
    const cross = this.find(".cross");
    cross.toggleAttribute("hidden", !shown);
    if (said.mark && shown) {
      cross.style.left = `${(100 * (said.mark[0] + 0.5)) / view.width}%`;
      cross.style.top = `${(100 * (said.mark[1] + 0.5)) / view.height}%`;
    }
    this.find(".stage").classList.toggle("marking", asks);
    this.find(".mark-hint").hidden = !(asks && !said.mark);
    this.find(".mark-hint").textContent = this.texts.mark_hint;
  }
}

/** @param {string} word @param {string | null} choice @param {string | null} truth */
function markOf(word, choice, truth) {
  if (truth === null) return "";
  if (word === truth) return "✓";
  return word === choice ? "✗" : "";
}
