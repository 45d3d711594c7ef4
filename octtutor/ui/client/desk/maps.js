// The map of where the network looked, and the outline of what is known to be there.
import { fill, finder } from "../shared/dom.js";
import { painted } from "./scheme.js";

/**
 * Return what is said below the scan of the map that is chosen.
 * @param {any} view what the server sent
 * @param {string | null} label whose map is chosen
 * @param {string} normal the diagnosis whose map shows no disease
 * @param {Record<string, string>} texts
 * @param {boolean} [isOn] whether the map is shown
 * @returns {string}
 */
export function mapNote(view, label, normal, texts, isOn = true) {
  const isBare = view.phase === "told" && !view.outline && view.truth !== normal;
  return (
    (isBare ? `${texts.no_outline} ` : "") +
    fill(noteOf(view, label, normal, texts, isOn), { label })
  );
}

/** @returns {string} */
function noteOf(view, label, normal, texts, isOn) {
  if (!view.maps) return texts.no_model;
  const [maps] = Object.values(view.maps);
  if (!maps[label]) return texts.no_evidence;
  if (!isOn) return texts.map_off;
  return label === normal ? texts.map_normal : texts.map_hint;
}

export class MapView {
  /**
   * @param {HTMLElement} element the desk
   * @param {Record<string, string>} texts
   */
  constructor(element, texts) {
    this.find = finder(element);
    this.texts = texts;
    this.map = this.find("img.map");
    this.outline = this.find(".outline");
    /** @type {any} */
    this.view = {};
    /** @type {string | null} */
    this.label = null;
    this.normal = "NORMAL";
    for (const name of ["split", "opacity", "show-map", "show-outline", "jet"]) {
      this.find(`.${name}`).addEventListener("input", () => this.draw());
    }
  }

  /** Leave nothing of the case before. */
  clear() {
    this.view = {};
    this.label = null;
    this.map.hidden = true;
    this.map.removeAttribute("src");
    this.outline.setAttribute("hidden", "");
    this.find(".split").value = 100;
  }

  /**
   * Show what is known of a case: the outline first, the map where there is none.
   * @param {any} view
   * @param {import("./scheme.js").Scheme} scheme
   */
  show(view, scheme) {
    this.view = view;
    this.normal = scheme.normal;
    this.label = view.model ? view.model.label : view.truth;
    const outline = view.phase === "told" ? view.outline : "";
    this.find(".with-outline").hidden = !outline;
    this.outline.setAttribute("viewBox", `0 0 ${view.width} ${view.height}`);
    this.outline.querySelector("path").setAttribute("d", outline || "");
    this.find(".show-map").checked = !outline;
    this.find(".show-outline").checked = true;
    this.buildClasses(scheme);
    this.draw();
  }

  /** A map is of what the network knows, which may be other diagnoses than the deck's.
   * @param {import("./scheme.js").Scheme} scheme */
  buildClasses(scheme) {
    const labels = this.view.model ? Object.keys(this.view.model.chances) : scheme.labels;
    this.find(".map-classes").replaceChildren(
      ...labels.map((label) => {
        const button = painted(scheme, "button", "map-class", label, label);
        button.type = "button";
        button.dataset.mapClass = label;
        button.addEventListener("click", () => this.choose(label));
        return button;
      }),
    );
  }

  /** @param {string} label */
  choose(label) {
    this.label = label;
    this.find(".show-map").checked = true;
    this.draw();
  }

  /** @param {string} selector of a box to tick, or not */
  toggle(selector) {
    const box = this.find(selector);
    box.checked = !box.checked;
    this.draw();
  }

  /** @param {number} by percent */
  slide(by) {
    const split = this.find(".split");
    split.value = Number(split.value) + by;
    this.draw();
  }

  /** Return the maps by class, in the colours that are chosen. @returns {any} */
  get maps() {
    return (
      (this.view.maps && this.view.maps[this.find(".jet").checked ? "jet" : "inferno"]) || null
    );
  }

  draw() {
    const { view, label, maps } = this;
    this.drawMap(maps ? maps[label || ""] : null);
    const outlined = this.find(".show-outline").checked && Boolean(view.outline);
    this.outline.toggleAttribute("hidden", !outlined);
    const isOn = this.find(".show-map").checked;
    this.find(".map-note").textContent = mapNote(view, label, this.normal, this.texts, isOn);
    for (const button of this.find(".map-classes").children) {
      button.setAttribute("aria-pressed", String(button.dataset.mapClass === label));
      button.disabled = !maps;
    }
    this.drawSplit();
  }

  /** @param {string | null} source none: there is no evidence to show */
  drawMap(source) {
    const { map } = this;
    map.hidden = !this.find(".show-map").checked || !source;
    map.alt = source ? this.texts.map_alt : "";
    map.style.opacity = Number(this.find(".opacity").value) / 100;
    map.style.clipPath = `inset(0 ${100 - Number(this.find(".split").value)}% 0 0)`;
    if (source && map.src !== source) map.src = source;
  }

  /** Draw the edge of the map over the scan, where it is between. */
  drawSplit() {
    const split = Number(this.find(".split").value);
    const line = this.find(".split-line");
    line.hidden = this.map.hidden || split <= 0 || split >= 100;
    const box = this.find(".plane").getBoundingClientRect();
    const stage = this.find(".stage").getBoundingClientRect();
    line.style.left = `${box.left - stage.left + (box.width * split) / 100}px`;
  }
}
