// The queue of what was drawn: kept in the browser until the server has it, sent one at a time,
// so that an older state never arrives after a newer one.
import { keep, kept } from "../shared/dom.js";
import { canonical } from "./shapes.js";

const KEPT = "octtutor-outline:";
const GATHER_MS = 200; // strokes that follow so fast are sent as one
export const RETRY_MS = 8000;

/** Whether work on a task is still on its way. @param {string} task */
export const isUnsent = (task) => Boolean(task) && kept("local", KEPT + task) !== null;

/**
 * @typedef {object} Hooks
 * @property {() => boolean} isThere whether the canvas is still on the page
 * @property {(state: "saving" | "saved" | "not saved" | "fault", fault?: string) => void} said
 */

export class Strokes {
  /**
   * @param {import("../shared/transport.js").Transport} transport
   * @param {Hooks} hooks
   */
  constructor(transport, hooks) {
    this.transport = transport;
    this.hooks = hooks;
    /** @type {Map<string, {task: string, marks: any[], serial: number}>} */
    this.unsent = new Map();
    /** @type {Record<string, string>} */
    this.bases = {};
    this.serial = Date.now();
    /** @type {{serial: number, at: number} | null} */
    this.flight = null;
    /** @type {any} */
    this.pause = undefined;
  }

  /** What the server has of a task. @param {string} task @param {any[]} marks */
  setBase(task, marks) {
    this.bases[task] = canonical(marks);
  }

  /** Send a task's regions, soon. @param {string} task @param {any[]} marks */
  add(task, marks) {
    this.serial += 1;
    this.unsent.set(task, { task, marks, serial: this.serial });
    keep("local", KEPT + task, { base: this.bases[task], marks });
    this.hooks.said("saving");
    this.later(GATHER_MS);
  }

  /** Regions of a task that are still on their way. @param {string} task */
  newer(task) {
    const sent = this.unsent.get(task);
    return sent ? sent.marks : null;
  }

  /**
   * Return what was drawn when the page was closed and had not arrived; what was drawn on another
   * state than the server's is dropped.
   * @param {string} task
   * @returns {any[] | null}
   */
  restored(task) {
    const before = kept("local", KEPT + task);
    if (!before) return null;
    if (before.base === this.bases[task]) return before.marks;
    keep("local", KEPT + task, null);
    return null;
  }

  /** @param {number} ms */
  later(ms) {
    const { clock } = this.transport;
    clock.forget(this.pause);
    this.pause = clock.later(() => this.pump(), ms);
  }

  pump() {
    const now = this.transport.clock.now();
    if (!this.unsent.size || !this.hooks.isThere()) return;
    if (this.flight && now - this.flight.at < RETRY_MS) return;
    if (this.transport.settling) {
      this.later(this.transport.settling + 5);
      return;
    }
    if (this.flight) this.hooks.said("not saved");
    const [next] = this.unsent.values();
    this.flight = { serial: next.serial, at: now };
    this.transport.send("input", next);
    this.later(RETRY_MS + 50);
  }

  /** An answer has come; what is still to be sent follows. */
  heard() {
    this.transport.heard();
    if (this.unsent.size) this.later(this.transport.settling);
  }

  /** @param {{task: string, saved: number, fault?: string}} answer */
  answered({ task, saved, fault }) {
    const sent = this.unsent.get(task);
    if (this.flight && this.flight.serial === saved) this.flight = null;
    if (sent && sent.serial === saved) {
      this.unsent.delete(task);
      if (!fault) {
        this.setBase(task, sent.marks);
        keep("local", KEPT + task, null);
      }
    }
    if (fault) this.hooks.said("fault", fault);
    else this.hooks.said(this.unsent.size ? "saving" : "saved");
  }
}
