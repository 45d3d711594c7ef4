// What a room sends to the server, by the events of its Gradio component.

/** Gradio closes its stream when an answer is complete; what is sent in that moment is lost. */
export const SETTLING_MS = 300;

/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds
 * @property {(does: () => void, ms: number) => any} later returns what `forget` takes
 * @property {(timer: any) => void} forget
 */

/** @type {Clock} */
const CLOCK = {
  now: () => performance.now(),
  later: (does, ms) => setTimeout(does, ms),
  forget: (timer) => clearTimeout(timer),
};

/** Sends events once the last answer has settled, and tells where none comes. */
export class Transport {
  /**
   * @param {(event: string, data: any) => void} trigger see `Component`
   * @param {Clock} [clock]
   */
  constructor(trigger, clock = CLOCK) {
    this.trigger = trigger;
    this.clock = clock;
    this.heardAt = -Infinity;
    this.sentAt = -Infinity;
    /** @type {any} */
    this.waiting = undefined;
  }

  /** An answer of the server has come. */
  heard() {
    this.heardAt = this.clock.now();
    this.clock.forget(this.waiting);
  }

  /** An answer to another room of the page has come: this one's events wait too. */
  settle() {
    this.heardAt = this.clock.now();
  }

  /** Milliseconds until an event may be sent. */
  get settling() {
    return Math.max(0, this.heardAt + SETTLING_MS - this.clock.now());
  }

  /**
   * Send an event.
   * @param {string} event its name in Gradio
   * @param {any} data
   * @param {number} [patience] milliseconds
   * @param {() => void} [lost] called where no answer has come by then
   */
  send(event, data, patience, lost) {
    this.sentAt = this.clock.now();
    this.clock.later(() => this.trigger(event, data), this.settling);
    if (patience && lost) this.expect(patience, lost);
  }

  /**
   * Expect an answer.
   * @param {number} patience milliseconds
   * @param {() => void} lost called where none has come by then
   */
  expect(patience, lost) {
    this.clock.forget(this.waiting);
    this.waiting = this.clock.later(lost, patience);
  }
}
