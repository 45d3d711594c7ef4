// Nodes, texts and what a browser keeps; nothing here knows what a page is about.

/**
 * What Gradio gives the script of a component, and `start` of each room takes.
 * @typedef {object} Component
 * @property {HTMLElement} element the component's own
 * @property {any} props its properties; `value` is what the server sent last
 * @property {(event: string, data: any) => void} trigger sends an event to the server
 * @property {(name: string, heard: () => void) => void} watch calls when a property has changed
 */

/**
 * Make a node.
 * @param {string} tag
 * @param {string} [className]
 * @param {string} [text]
 * @returns {any} of the tag's own type
 */
export function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/**
 * Make a button that does not send a form.
 * @param {string} className
 * @param {string} text
 * @param {(event: Event) => void} does
 * @returns {HTMLButtonElement}
 */
export function makeButton(className, text, does) {
  const button = make("button", className, text);
  button.type = "button";
  button.addEventListener("click", does);
  return button;
}

/**
 * Put values where a text names them in braces.
 * @param {string} text
 * @param {Record<string, any>} values
 * @returns {string}
 */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => String(values[key]));

/**
 * Return what finds the first node below an element.
 * @param {HTMLElement} element
 * @returns {(selector: string) => any}
 */
export const finder = (element) => (selector) => element.querySelector(selector);

/**
 * Whether a node is laid out. In full screen `offsetParent` is null of all that is fixed.
 * @param {Element} node
 */
export const isShown = (node) => node.checkVisibility();

/**
 * Write a page's texts where its layout names them: as text, or as label and title.
 * @param {HTMLElement} element
 * @param {Record<string, string>} texts
 */
export function writeTexts(element, texts) {
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (
    element.querySelectorAll("[data-text]")
  )) {
    node.textContent = texts[node.dataset.text || ""];
  }
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (
    element.querySelectorAll("[data-label]")
  )) {
    node.title = texts[node.dataset.label || ""];
    node.setAttribute("aria-label", node.title);
  }
}

/**
 * Let buttons below an element do what their `data-do` names.
 * @param {HTMLElement} element
 * @param {Record<string, () => void>} actions
 */
export function connectButtons(element, actions) {
  element.addEventListener("click", (event) => {
    const target = /** @type {Element} */ (event.target);
    const button = /** @type {HTMLElement | null} */ (target.closest("[data-do]"));
    if (button) actions[button.dataset.do || ""]();
  });
}

/**
 * Keep a value in the browser; null forgets it. In a private window nothing is kept.
 * @param {"local" | "session"} place for good, or as long as the tab lives
 * @param {string} key
 * @param {any} value
 */
export function keep(place, key, value) {
  try {
    const store = place === "local" ? localStorage : sessionStorage;
    if (value === null) store.removeItem(key);
    else store.setItem(key, JSON.stringify(value));
  } catch {
    // a private window, or a frame of another site
  }
}

/**
 * Return what `keep` kept, null where there is nothing.
 * @param {"local" | "session"} place
 * @param {string} key
 * @returns {any}
 */
export function kept(place, key) {
  try {
    return JSON.parse((place === "local" ? localStorage : sessionStorage).getItem(key) || "null");
  } catch {
    return null;
  }
}

/**
 * Go into full screen, or leave it.
 * @param {HTMLElement} node
 */
export function toggleFull(node) {
  if (document.fullscreenElement) document.exitFullscreen();
  else if (node.requestFullscreen) node.requestFullscreen();
}
