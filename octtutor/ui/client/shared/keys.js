// Keys: which are meant for a room, and what stands on them.

/** The row below the digits, by place: it is there on every keyboard, under other letters. */
export const SURE_PLACES = ["KeyQ", "KeyW", "KeyE", "KeyR", "KeyT"];
const TYPING =
  "textarea, select, [contenteditable], input:not([type=range]):not([type=checkbox]):not([type=radio])";

/**
 * Whether a key is held that makes another's meaning the browser's.
 * @param {KeyboardEvent} event
 */
export const isHeldWith = (event) => event.ctrlKey || event.metaKey || event.altKey;

/**
 * Whether keys go into a field.
 * @param {EventTarget | null} target
 */
export const isTyping = (target) => target instanceof Element && target.matches(TYPING);

/**
 * Whether a key belongs to the control that has the focus.
 * @param {EventTarget | null} target
 * @param {string} key lower case
 * @param {string} [ours] selector of buttons whose Enter is the room's own
 */
export function isControls(target, key, ours = ":not(*)") {
  if (!(target instanceof Element)) return false;
  if (target.matches("input[type=range], input[type=radio]"))
    return /^(arrow|home|end|page)/.test(key);
  if (key === " ") return target.matches("button, a, summary, input");
  return key === "enter" && target.matches("button, a, summary") && !target.matches(ours);
}

/**
 * Return the level of confidence, 1 to 5, whose key is at a place; 0 where none is.
 * @param {string} code `KeyboardEvent.code`
 */
export const levelAt = (code) => SURE_PLACES.indexOf(code) + 1;

/**
 * Return what stands on keys of this keyboard: its own letters where the browser tells them.
 * @param {string[]} places `KeyboardEvent.code` of each
 * @param {any} [keyboard] `navigator.keyboard`
 * @returns {Promise<string[]>}
 */
export async function lettersOn(places, keyboard = /** @type {any} */ (navigator).keyboard) {
  let layout = new Map();
  try {
    if (keyboard && keyboard.getLayoutMap) layout = await keyboard.getLayoutMap();
  } catch {
    // inside a frame of another site
  }
  return places.map((code) => (layout.get(code) || code.replace(/^Key/, "")).toUpperCase());
}
