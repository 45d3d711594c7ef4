// What may be said of a case, and when. Values in, values out.

export const UNGRADABLE = "UNGRADABLE";

/**
 * @typedef {object} Saying
 * @property {string} phase `idle`, `ask`, `wait`, `look` or `told`
 * @property {Record<string, boolean>} asks what this quiz asks: confidence, mark, look, exam
 * @property {string | null} choice what is chosen and not committed, or what was
 * @property {[number, number] | null} mark where it is, in pixels of the scan
 * @property {boolean} paused whether an educator holds the session
 * @property {boolean} discussion whether an educator shows a case to all
 * @property {string} normal the diagnosis that has no place
 */

/** @type {Saying} */
export const NOTHING_SAID = Object.freeze({
  phase: "idle",
  asks: {},
  choice: null,
  mark: null,
  paused: false,
  discussion: false,
  normal: "NORMAL",
});

/** Whether an answer can be chosen. @param {Saying} said */
export const isAsked = (said) => (said.phase === "ask" || said.phase === "look") && !said.paused;

/** Whether the reveal, or the model's answer, is on the table. @param {Saying} said */
export const isShown = (said) => said.phase === "told" || said.phase === "look";

/** Whether the place of the finding is asked. @param {Saying} said */
export const wantsMark = (said) =>
  said.phase === "ask" &&
  Boolean(said.asks.mark) &&
  said.choice !== null &&
  said.choice !== said.normal &&
  said.choice !== UNGRADABLE;

/** Whether what is chosen can be committed. @param {Saying} said */
export const isReady = (said) =>
  isAsked(said) && said.choice !== null && !(wantsMark(said) && said.mark === null);

/** Whether a level of confidence commits. @param {Saying} said */
export const takesLevel = (said) =>
  isReady(said) && said.phase === "ask" && Boolean(said.asks.confidence);

/** Whether a button commits: without confidence, and in the second look. @param {Saying} said */
export const takesSettling = (said) =>
  said.phase === "look" || (said.phase === "ask" && !said.asks.confidence);

/** Whether the next case may be asked for. @param {Saying} said */
export const mayGoOn = (said) => said.phase === "told" && !said.paused && !said.discussion;

/**
 * Choose; choosing again chooses anew. Nothing is committed by it.
 * @param {Saying} said
 * @param {string} word
 * @returns {Saying}
 */
export const choosing = (said, word) => (isAsked(said) ? { ...said, choice: word } : said);

/**
 * Take the choice back: before the answer to none, in the second look to the first.
 * @param {Saying} said
 * @param {string} [first] the answer that stands
 * @returns {Saying}
 */
export function takingBack(said, first) {
  if (!isAsked(said)) return said;
  return said.phase === "look"
    ? { ...said, choice: first || null }
    : { ...said, choice: null, mark: null };
}

/**
 * Mark where it is, inside the scan.
 * @param {Saying} said
 * @param {number} x
 * @param {number} y
 * @param {{width: number, height: number}} size
 * @returns {Saying}
 */
export function marking(said, x, y, { width, height }) {
  if (!wantsMark(said) || said.paused) return said;
  const inside = (value, side) => Math.min(side - 1, Math.max(0, Math.round(value)));
  return { ...said, mark: [inside(x, width), inside(y, height)] };
}

/**
 * Move the mark by a fiftieth of the scan's width; the first comes from the middle.
 * @param {Saying} said
 * @param {number} dx
 * @param {number} dy
 * @param {{width: number, height: number}} size
 * @returns {Saying}
 */
export function movingMark(said, dx, dy, size) {
  const step = size.width / 50;
  const [x, y] = said.mark || [size.width / 2, size.height / 2];
  return marking(said, x + dx * step, y + dy * step, size);
}
