// The page around the desk: its addresses, so that links, Back and a reload find the same place,
// and the key that starts.
import { isShown } from "../shared/dom.js";
import { isHeldWith, isTyping } from "../shared/keys.js";
import { addressOf, CHOICES, isSame, placeOf, sessionAddress } from "./addresses.js";

const TABS = "#tabs > .tab-wrapper [role=tab]";
const CODE = "#join-code input, #join-code textarea";
const PARTS = { learn: "#learn-topic", exams: "#quiz" };
/** What a tab shows once its first answer has come, which would redraw what is chosen before. */
const FILLED = { learn: "#learn-body article", exams: "#quiz input" };
const PATIENCE_MS = 20000; // how long what an address names may take to be there

/**
 * Fill the component.
 * @param {import("../shared/dom.js").Component} component
 */
export function start({ element }) {
  const places = new Places();
  const onClick = (event) => places.clicked(event);
  const onChange = (event) => places.changed(event);
  const onPop = () => places.show();
  document.addEventListener("click", onClick);
  document.addEventListener("change", onChange);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && isIn(event.target, "#join-code")) places.joined();
    onKey(event);
  });
  window.addEventListener("popstate", onPop);
  places.show();
  focusStart(element);
}

class Places {
  constructor() {
    /** @type {any} */
    this.waiting = undefined;
  }

  /** @returns {any[]} */
  get tabs() {
    return [...document.querySelectorAll(TABS)];
  }

  /** The place that the address names. */
  get named() {
    const { search } = window.location;
    return placeOf(
      search,
      this.tabs.map((tab) => tab.dataset.tabId),
    );
  }

  /** Go where the address says. */
  show() {
    this.follow(performance.now() + PATIENCE_MS);
  }

  /** @param {number} until when to give up: the tab, or what is chosen in it, may still come */
  follow(until) {
    clearTimeout(this.waiting);
    const place = this.named;
    const tab = this.tabs.find((one) => one.dataset.tabId === place.tab);
    if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
    if (tab && !this.choose(place)) return;
    if (performance.now() < until) this.waiting = setTimeout(() => this.follow(until), 150);
  }

  /** Choose inside a tab; returns whether that has still to come. @param {any} place */
  choose({ tab, choice }) {
    if (!choice) return false;
    if (!document.querySelector(FILLED[tab])) return true;
    const inputs = /** @type {any[]} */ ([...document.querySelectorAll(`${PARTS[tab]} input`)]);
    const wanted = inputs.find((input) => input.value === choice);
    if (wanted && !wanted.checked) wanted.click();
    return false;
  }

  /** A hand has chosen a tab. @param {any} event */
  clicked(event) {
    if (isIn(event.target, "#join")) this.joined();
    const tab = event.target.closest && event.target.closest(TABS);
    if (tab && event.isTrusted) this.go({ tab: tab.dataset.tabId, choice: "" });
  }

  /** A hand has chosen inside a tab. @param {any} event */
  changed(event) {
    const { target } = event;
    const tab = Object.keys(CHOICES).find((one) => target.closest(PARTS[one]));
    if (tab && event.isTrusted) this.go({ tab, choice: target.value });
  }

  /** A session is joined by its code, which the address keeps. */
  joined() {
    const field = /** @type {HTMLInputElement | null} */ (document.querySelector(CODE));
    if (!field || !field.value.trim()) return;
    const address = sessionAddress(field.value, window.location.search);
    window.history.replaceState(null, "", address);
  }

  /** @param {import("./addresses.js").Place} place */
  go(place) {
    clearTimeout(this.waiting);
    if (isSame(place, this.named)) return;
    window.history.pushState(null, "", addressOf(place, window.location.search));
  }
}

/** @param {EventTarget | null} target @param {string} selector */
const isIn = (target, selector) => target instanceof Element && target.closest(selector) !== null;

/** What starts: the button of a session where the address has its code. */
function starter() {
  const isInvited = new URLSearchParams(window.location.search).has("session");
  const name = isInvited ? "#join" : "#begin";
  return /** @type {HTMLButtonElement | null} */ (document.querySelector(name));
}

/** Enter starts, wherever nothing else has it. @param {KeyboardEvent} event */
function onKey(event) {
  const button = starter();
  if (event.key !== "Enter" || event.repeat || isHeldWith(event) || hasEnter(event.target)) return;
  if (!button || !isShown(button) || button.disabled) return;
  event.preventDefault();
  button.click();
}

/** Whether Enter belongs to what has the focus; in the nickname it starts. */
function hasEnter(target) {
  if (!(target instanceof Element) || isIn(target, "#nickname")) return false;
  return isTyping(target) || target.matches("button, a, summary");
}

/** Put the focus on Start once it can be pressed, unless a hand was faster. @param {Element} page */
function focusStart(page) {
  const button = starter();
  const isFree = document.activeElement === document.body || document.activeElement === null;
  if (!document.contains(page) || !isFree) return;
  if (button && isShown(button) && !button.disabled) button.focus({ preventScroll: true });
  else setTimeout(() => focusStart(page), 150);
}
