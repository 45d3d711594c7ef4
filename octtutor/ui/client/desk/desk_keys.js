// What a key means on the desk. Digits choose and nothing else; the row below them says how sure
// and commits; both go by their place, so that every keyboard has them.
import { isControls, isHeldWith, isTyping, levelAt } from "../shared/keys.js";
import { isAsked, isShown, takesSettling, wantsMark } from "./answering.js";

/** @typedef {[string] | [string, number] | [string, number, number]} Meaning what to do, and with what */

const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] };
const OURS = ".next, [data-do=settle]";
const LETTERS = {
  u: "ungradable",
  escape: "back",
  f: "full",
  h: "timer",
  "?": "keys",
};
const OF_THE_REVEAL = { m: "map", o: "outline" };

/**
 * Return what a key means, null where it is not the desk's.
 * @param {KeyboardEvent} event
 * @param {import("./answering.js").Saying} said
 * @returns {Meaning | null}
 */
export function meaningOf(event, said) {
  const key = event.key.toLowerCase();
  if (said.phase === "idle" || isNotOurs(event, key)) return null;
  return ofPlace(event.code, said) || ofArrow(event, said) || ofLetter(key, said);
}

/** @param {KeyboardEvent} event @param {string} key */
const isNotOurs = (event, key) =>
  isHeldWith(event) ||
  isTyping(event.target) ||
  isControls(event.target, key, OURS) ||
  (event.repeat && !key.startsWith("arrow"));

/** @param {string} code @param {import("./answering.js").Saying} said @returns {Meaning | null} */
function ofPlace(code, said) {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(code);
  if (digit) return isAsked(said) ? ["choose", Number(digit[1])] : null;
  const level = levelAt(code);
  return level && said.phase === "ask" && said.asks.confidence ? ["level", level] : null;
}

/** @param {KeyboardEvent} event @param {import("./answering.js").Saying} said @returns {Meaning | null} */
function ofArrow(event, said) {
  const way = ARROWS[event.key.toLowerCase()];
  if (!way || event.shiftKey) return null;
  if (wantsMark(said)) return ["move", way[0], way[1]];
  return isShown(said) && way[0] ? ["slide", way[0]] : null;
}

/** @param {string} key @param {import("./answering.js").Saying} said @returns {Meaning | null} */
function ofLetter(key, said) {
  if (key === "enter") return takesSettling(said) ? ["settle"] : ["next"];
  if (OF_THE_REVEAL[key]) return isShown(said) ? [OF_THE_REVEAL[key]] : null;
  return LETTERS[key] ? [LETTERS[key]] : null;
}
