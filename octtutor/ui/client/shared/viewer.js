// Zoom, pan, window and level of scans that are looked at alike: on the desk and in Read a scan.
import {
  brightnessOf,
  contrastOf,
  dragged,
  filterNow,
  levelOf,
  lightNow,
  onLight,
  setLight,
  USUAL,
  windowOf,
} from "./light.js";
import { apart, clamp, middle, WHOLE, wheelFactor, zoomedAt } from "./zoom.js";

const MOST = 12;
const STEP = 1.4;

/**
 * @typedef {object} Hooks
 * @property {() => {width: number, height: number}} size of the scan, in its pixels
 * @property {() => void} [placed] the picture has moved
 * @property {(event: PointerEvent) => void} [tapped] a short press
 * @property {() => boolean} [marking] whether presses mark a place
 */

/** Stages with a scan each, moved and lit as one. */
export class Viewer {
  /**
   * @param {HTMLElement} element holds stages and tools; see tools.html
   * @param {Hooks} hooks
   */
  constructor(element, hooks) {
    this.element = element;
    this.hooks = hooks;
    /** @type {HTMLElement[]} */
    this.stages = [...element.querySelectorAll(".stage")].map(
      (node) => /** @type {HTMLElement} */ (node),
    );
    this.zoom = { ...WHOLE };
    /** @type {Map<number, {x: number, y: number}>} */
    this.pointers = new Map();
    /** @type {{x: number, y: number} | null} */
    this.pressed = null;
    this.lights = false;
    this.isLighting = false;
    for (const stage of this.stages) this.watch(stage);
    for (const name of ["brightness", "contrast"]) {
      this.find(`.${name}`).addEventListener("input", () => this.takeSliders());
    }
    onLight(() => this.drawLight());
  }

  /** @param {string} selector @returns {any} */
  find(selector) {
    return this.element.querySelector(selector);
  }

  /** What the tools' buttons do. @returns {Record<string, () => void>} */
  get actions() {
    return {
      "zoom-in": () => this.zoomBy(STEP),
      "zoom-out": () => this.zoomBy(1 / STEP),
      reset: () => this.reset(),
      invert: () => setLight({ invert: !lightNow().invert }),
      light: () => this.setLighting(!this.isLighting),
    };
  }

  /**
   * What keys do. Shift with an arrow is the drag by window and level.
   * @param {KeyboardEvent} event
   * @returns {(() => void) | undefined}
   */
  keyAction(event) {
    const key = event.key.toLowerCase();
    if (event.shiftKey) {
      const way = { arrowleft: [-8, 0], arrowright: [8, 0], arrowup: [0, 8], arrowdown: [0, -8] };
      const [right, up] = way[key] || [];
      if (right !== undefined) return () => setLight(dragged(lightNow(), right, up));
    }
    const name = { "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", 0: "reset", i: "invert" }[key];
    return name && this.actions[name];
  }

  fit() {
    const { width, height } = this.hooks.size();
    for (const stage of this.stages) {
      if (!width || !stage.clientWidth) continue;
      const k = Math.min(stage.clientWidth / width, stage.clientHeight / height);
      const plane = planeOf(stage);
      plane.style.width = `${Math.floor(width * k)}px`;
      plane.style.height = `${Math.floor(height * k)}px`;
    }
  }

  place() {
    const { k, x, y } = this.zoom;
    for (const stage of this.stages) {
      planeOf(stage).style.transform = `translate(${x}px, ${y}px) scale(${k})`;
      stage.classList.toggle("zoomed", k > 1);
    }
    if (this.hooks.placed) this.hooks.placed();
  }

  /**
   * Enlarge at a point of the window, or at the middle.
   * @param {number} factor
   * @param {{x: number, y: number}} [at]
   * @param {HTMLElement} [stage]
   */
  zoomBy(factor, at, stage = this.stages[0]) {
    const box = stage.getBoundingClientRect();
    const centre = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
    const point = at ? { x: at.x - centre.x, y: at.y - centre.y } : { x: 0, y: 0 };
    this.zoom = zoomedAt(this.zoom, factor, point, 1, MOST);
    this.keepInside();
    this.place();
  }

  keepInside() {
    const [stage] = this.stages;
    const plane = planeOf(stage);
    const limit = (side, room) => Math.max(0, (side * this.zoom.k - room) / 2);
    const x = limit(plane.offsetWidth, stage.clientWidth);
    const y = limit(plane.offsetHeight, stage.clientHeight);
    this.zoom.x = clamp(this.zoom.x, -x, x);
    this.zoom.y = clamp(this.zoom.y, -y, y);
  }

  /** Show the whole scan. */
  showWhole() {
    this.fit();
    this.zoom = { ...WHOLE };
    this.place();
  }

  /** Show the whole scan in its own light. */
  reset() {
    setLight(USUAL);
    this.showWhole();
  }

  /** Whether one finger, or the left button, changes the light. @param {boolean} on */
  setLighting(on) {
    this.isLighting = on;
    this.find("[data-do=light]").setAttribute("aria-pressed", String(on));
    for (const stage of this.stages) stage.classList.toggle("lighting", on);
  }

  takeSliders() {
    setLight({
      level: levelOf(Number(this.find(".brightness").value)),
      window: windowOf(Number(this.find(".contrast").value)),
    });
  }

  drawLight() {
    this.find(".brightness").value = brightnessOf(lightNow());
    this.find(".contrast").value = contrastOf(lightNow());
    this.find("[data-do=invert]").setAttribute("aria-pressed", String(lightNow().invert));
    for (const stage of this.stages) {
      const scan = /** @type {HTMLElement} */ (stage.querySelector(".scan"));
      scan.style.filter = filterNow();
    }
  }

  /** @param {HTMLElement} stage */
  watch(stage) {
    stage.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoomBy(wheelFactor(event.deltaY), { x: event.clientX, y: event.clientY }, stage);
      },
      { passive: false },
    );
    stage.addEventListener("pointerdown", (event) => this.onDown(event, stage));
    stage.addEventListener("pointermove", (event) => this.onMove(event, stage));
    for (const type of ["pointerup", "pointercancel", "pointerleave"]) {
      stage.addEventListener(type, (event) => this.onUp(/** @type {PointerEvent} */ (event)));
    }
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("dblclick", () => {
      if (!(this.hooks.marking && this.hooks.marking())) this.showWhole();
    });
    new ResizeObserver(() => {
      this.fit();
      this.keepInside();
      this.place();
    }).observe(stage);
  }

  /** @param {PointerEvent} event @param {HTMLElement} stage */
  onDown(event, stage) {
    const at = { x: event.clientX, y: event.clientY };
    this.pointers.set(event.pointerId, at);
    this.lights = event.button === 2 || (this.isLighting && event.button === 0);
    this.pressed = this.pointers.size === 1 && !this.lights ? at : null;
    if (this.lights || this.zoom.k > 1 || this.pointers.size > 1) {
      stage.setPointerCapture(event.pointerId);
    }
  }

  /** @param {PointerEvent} event @param {HTMLElement} stage */
  onMove(event, stage) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.pointers.size > 1) this.pinch(event.pointerId, before, now, stage);
    else if (this.lights) setLight(dragged(lightNow(), now.x - before.x, before.y - now.y));
    else {
      this.zoom.x += now.x - before.x;
      this.zoom.y += now.y - before.y;
      this.keepInside();
      this.place();
    }
    this.pointers.set(event.pointerId, now);
  }

  /** @param {number} id @param {any} before @param {any} now @param {HTMLElement} stage */
  pinch(id, before, now, stage) {
    const other = [...this.pointers].filter(([one]) => one !== id)[0][1];
    const factor = apart(now, other) / Math.max(1, apart(before, other));
    this.zoomBy(factor, middle(now, other), stage);
  }

  /** @param {PointerEvent} event */
  onUp(event) {
    const wasTap =
      event.type === "pointerup" &&
      this.pressed !== null &&
      apart(this.pressed, { x: event.clientX, y: event.clientY }) < 6;
    if (wasTap && this.hooks.tapped) this.hooks.tapped(event);
    this.pointers.delete(event.pointerId);
  }
}

/** @param {HTMLElement} stage @returns {HTMLElement} */
function planeOf(stage) {
  return /** @type {HTMLElement} */ (stage.querySelector(".plane"));
}
