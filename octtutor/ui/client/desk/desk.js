// The reading desk: draws the view that the server sends, and sends back what was chosen.
// A view before the answer holds nothing that tells it; see octtutor/ui/desk/views.py.
import {
  connectButtons,
  fill,
  finder,
  isShown as isLaidOut,
  keep,
  kept,
  make,
  toggleFull,
  writeTexts,
} from "../shared/dom.js";
import { Transport } from "../shared/transport.js";
import { Viewer } from "../shared/viewer.js";
import {
  choosing,
  isAsked,
  isReady,
  isShown,
  marking,
  mayGoOn,
  movingMark,
  NOTHING_SAID,
  takesLevel,
  takingBack,
  UNGRADABLE,
  wantsMark,
} from "./answering.js";
import { Choices } from "./choices.js";
import { clockOf, clockText } from "./clock.js";
import { meaningOf } from "./desk_keys.js";
import { MapView } from "./maps.js";
import { Reveal } from "./reveal.js";

const CHOICE = "octtutor-choice";
const NO_TIMER = "octtutor-no-timer";
const PATIENCE_MS = 20000;
const TWICE_MS = 300; // within which a second press is the same press

/**
 * Fill the component.
 * @param {import("../shared/dom.js").Component} component
 */
export function start(component) {
  const desk = new Desk(component);
  desk.draw(component.props.value);
  component.watch("value", () => desk.draw(component.props.value));
}

class Desk {
  /** @param {import("../shared/dom.js").Component} component */
  constructor({ element, props, trigger }) {
    this.element = element;
    this.find = finder(element);
    this.root = this.find(".desk");
    this.texts = props.texts;
    /** @type {import("./scheme.js").Scheme} */
    this.usual = {
      labels: props.labels,
      names: props.names,
      colours: {},
      normal: "NORMAL",
      ungradable: true,
    };
    this.scheme = this.usual;
    /** @type {any} */
    this.view = { phase: "idle" };
    this.said = NOTHING_SAID;
    this.startedAt = 0;
    this.toldAt = -Infinity;
    /** @type {number | null} */
    this.endsAt = null;
    this.keyTexts = props.keys;
    this.transport = new Transport(trigger);
    writeTexts(element, this.texts);
    this.choices = new Choices(this.element, this.texts, {
      choose: (word) => this.choose(word),
      commit: (level) => this.commit(level),
    });
    this.reveal = new Reveal(this.element, this.texts, (word) => this.choices.nameOf(word));
    this.maps = new MapView(this.element, this.texts);
    this.viewer = new Viewer(this.element, {
      size: () => ({ width: this.view.width, height: this.view.height }),
      placed: () => this.maps.drawSplit(),
      tapped: (event) => this.markAt(event),
      marking: () => wantsMark(this.said),
    });
    this.onKey = (event) => this.takeKey(event);
    this.build();
    this.clock = setInterval(() => this.tick(), 250);
  }

  build() {
    this.choices.build(this.scheme);
    connectButtons(this.element, this.actions);
    this.find(".compare").addEventListener("toggle", () => this.showContrast());
    this.find(".timer").title = this.texts.timer;
    this.find("[data-do=full]").hidden = !document.fullscreenEnabled;
    this.root.classList.toggle("no-timer", kept("local", NO_TIMER) === true);
    document.addEventListener("keydown", this.onKey);
  }

  /** @returns {Record<string, () => void>} */
  get actions() {
    return {
      ...this.viewer.actions,
      full: () => toggleFull(this.root),
      timer: () => this.toggleTimer(),
      next: () => this.next(),
      settle: () => this.settle(),
      keys: () => this.showKeys(),
      "close-keys": () => this.find("dialog").close(),
      end: () => this.end(),
    };
  }

  get phase() {
    return this.said.phase;
  }

  /** @param {string} phase */
  setPhase(phase) {
    this.said = { ...this.said, phase };
    this.root.dataset.phase = phase;
  }

  /** Take what is said, and draw it. @param {import("./answering.js").Saying} said */
  say(said) {
    this.said = said;
    this.drawSaid();
  }

  drawSaid() {
    this.choices.draw(this.said, this.view);
    this.choices.drawMark(this.said, this.view);
    this.find(".next").disabled = Boolean(this.view.paused || this.view.discussion);
  }

  // ---- what the server sends ------------------------------------------------------------
  /** @param {any} next */
  draw(next) {
    if (!next || !next.phase) return;
    if (next.phase === "notice") {
      this.drawNotice(next);
      return;
    }
    this.transport.heard();
    const was = this.phase;
    this.view = this.withWhatIsKnown(next);
    this.setPhase(this.view.phase);
    this.root.dataset.attempt = this.view.attempt || "";
    if (this.phase === "idle") {
      if (was !== "idle") this.leave();
      return;
    }
    this.takeScheme();
    this.takeView(Boolean(next.scan));
    this.drawStatus();
    this.drawSaid();
  }

  /** A part of the same case adds to what is known; of the attempt the notice stays. */
  withWhatIsKnown(next) {
    const { view } = this;
    if (next.attempt !== view.attempt) return { notice: "", paused: false, ...next };
    if (next.position === view.position) return { ...view, ...next };
    return { notice: view.notice, paused: view.paused, ...next };
  }

  takeScheme() {
    const next = this.view.scheme || this.usual;
    if (JSON.stringify(next) === JSON.stringify(this.scheme)) return;
    this.scheme = next;
    this.choices.build(next);
  }

  /** @param {boolean} withScan */
  takeView(withScan) {
    const { view } = this;
    this.said = {
      ...this.said,
      asks: view.asks || this.said.asks,
      paused: Boolean(view.paused),
      discussion: Boolean(view.discussion),
      normal: this.scheme.normal,
    };
    if (withScan) this.showScan();
    if (view.phase === "ask") this.startCase();
    if (view.phase === "wait" && view.loading) this.verdict(this.texts.loading);
    if (isShown(this.said)) this.show();
  }

  leave() {
    if (document.fullscreenElement) document.exitFullscreen();
    window.scrollTo(0, 0);
    // the results come with the same answer, and are laid out after this part of it
    setTimeout(() => {
      const score = /** @type {HTMLElement | null} */ (document.querySelector(".results .score"));
      if (score) score.focus();
    }, 300);
  }

  drawNotice(next) {
    if (next.attempt !== this.view.attempt) return;
    this.view.notice = next.notice;
    this.view.paused = next.paused;
    this.showNotice();
    this.say({ ...this.said, paused: Boolean(next.paused) });
  }

  showNotice() {
    this.find(".notice").hidden = !this.view.notice;
    this.find(".notice").textContent = this.view.notice || "";
  }

  startCase() {
    const pending = this.pendingChoice();
    const { view, texts } = this;
    this.endsAt = Number.isFinite(view.left) ? performance.now() + view.left : null;
    this.startedAt = performance.now() - view.elapsed;
    this.find(".panel h2").textContent = texts.question;
    this.said = { ...this.said, choice: pending ? pending.choice : null, mark: null };
    if (pending && pending.sent) this.choices.hint(texts.not_recorded);
    else this.hintNow();
    this.choices.focus();
  }

  /** What was chosen here before the page was loaded again. It is chosen, and no answer. */
  pendingChoice() {
    const pending = kept("session", CHOICE);
    const { attempt, position } = this.view;
    const isHere = pending && pending.attempt === attempt && pending.position === position;
    return isHere ? pending : null;
  }

  /** @param {boolean} sent whether it was sent to be recorded */
  keepPending(sent) {
    const { attempt, position } = this.view;
    keep("session", CHOICE, { attempt, position, choice: this.said.choice, sent });
  }

  showScan() {
    const { view } = this;
    const scan = this.find("img.scan");
    scan.src = view.scan;
    scan.alt = this.texts.alt;
    this.maps.clear();
    this.reveal.clear();
    this.find(".synthetic").hidden = !view.synthetic;
    this.find(".stage").style.setProperty("--aspect", view.width / view.height);
    this.viewer.showWhole();
    this.showTop();
  }

  showTop() {
    const { top } = this.root.getBoundingClientRect();
    // one column: the same condition as in page.css
    const isNarrow = window.matchMedia("(max-width: 1000px) and (orientation: portrait)").matches;
    const isCut =
      top > 0 && this.find(".stage").getBoundingClientRect().bottom > window.innerHeight;
    if (isNarrow || top < 0 || isCut || top > window.innerHeight / 3) {
      this.root.scrollIntoView({ block: "start" });
    }
  }

  drawStatus() {
    const { view, texts } = this;
    const done = view.position + (view.phase === "told" ? 1 : 0);
    const isLast = view.position + 1 >= view.total;
    if (view.total) {
      const place = { n: view.position + 1, total: view.total };
      this.find(".progress").textContent = fill(texts.case, place);
      this.find(".done").style.width = `${(100 * done) / view.total}%`;
      this.find(".next-text").textContent = isLast ? texts.results : texts.next;
    }
    this.showNotice();
  }

  /** Draw the reveal; or the model's answer, which is on the table where the truth is not. */
  show() {
    const { view, texts } = this;
    const looks = view.phase === "look";
    this.endsAt = null;
    if (looks) this.startedAt = performance.now();
    else this.toldAt = performance.now();
    this.said = { ...this.said, choice: view.second || view.choice, mark: view.mark || null };
    this.find(".panel h2").textContent = looks ? texts.look_question : texts.question;
    this.reveal.draw(view, this.scheme);
    this.maps.show(view, this.scheme);
    if (!looks) this.find("img.scan").alt = fill(texts.alt_told, { truth: view.truth });
    if (looks) this.choices.focus();
    else this.find(".next").focus({ preventScroll: true });
    this.showTop();
  }

  verdict(text) {
    this.find(".verdict").textContent = text;
  }

  /** After Compare, Enter still means Next. */
  showContrast() {
    const box = this.find(".compare");
    if (!box.open) return;
    box.scrollIntoView({ block: "nearest" });
    this.find(".next").focus({ preventScroll: true });
  }

  // ---- what the trainee does ------------------------------------------------------------
  /** @param {string} word */
  choose(word) {
    if (!isAsked(this.said)) return;
    this.say(choosing(this.said, word));
    if (this.phase === "ask") this.keepPending(false);
    this.hintNow();
  }

  takeBack() {
    if (!isAsked(this.said)) return;
    this.say(takingBack(this.said, this.view.choice));
    if (this.phase === "ask") this.keepPending(false);
    this.hintNow();
  }

  hintNow() {
    const { texts, said } = this;
    if (said.choice === null) this.choices.hint(texts.sure_hint);
    else this.choices.hint(isReady(said) ? texts.sure_now : texts.mark_first);
  }

  /** @param {PointerEvent} event */
  markAt(event) {
    const { view } = this;
    const box = this.find(".plane").getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * view.width;
    const y = ((event.clientY - box.top) / box.height) * view.height;
    const isInside = x >= 0 && y >= 0 && x <= view.width && y <= view.height;
    if (isInside && wantsMark(this.said)) this.mark(marking(this.said, x, y, view));
  }

  /** @param {import("./answering.js").Saying} said */
  mark(said) {
    this.say(said);
    this.hintNow();
  }

  /** Wait for the server. @param {string} text */
  wait(text) {
    this.setPhase("wait");
    this.verdict(text);
    this.drawSaid();
  }

  /** The time is over: what was not committed does not count. */
  runOut() {
    this.endsAt = null;
    if (this.phase !== "ask") return;
    this.wait(this.texts.timed_out);
    this.send("submit", { choice: UNGRADABLE, confidence: 0, ms: 0, timed_out: true });
  }

  settle() {
    if (!isReady(this.said)) return;
    if (this.phase === "ask") {
      if (!this.said.asks.confidence) this.record(0);
      return;
    }
    const { choice } = this.said;
    const ms = Math.round(performance.now() - this.startedAt);
    this.wait(this.texts.saving);
    this.send("release", { choice, ms });
  }

  /** @param {number} level how sure */
  commit(level) {
    if (takesLevel(this.said)) this.record(level);
  }

  /** @param {number} confidence */
  record(confidence) {
    const ms = Math.round(performance.now() - this.startedAt);
    const { choice } = this.said;
    const mark = wantsMark(this.said) ? this.said.mark : null;
    this.keepPending(true);
    this.view.confidence = confidence;
    this.view.elapsed = ms;
    this.wait(this.texts.saving);
    this.send("submit", { choice, confidence, ms, mark });
  }

  next() {
    const soon = performance.now() - TWICE_MS;
    if (!mayGoOn(this.said) || this.transport.sentAt > soon || this.toldAt > soon) return;
    this.send("select", { review: Boolean(this.view.review) });
  }

  end() {
    const { texts, said } = this;
    if (!window.confirm(said.asks.exam ? texts.end_exam_sure : texts.end_sure)) return;
    this.send("clear", {});
  }

  /** @param {string} event @param {any} data */
  send(event, data) {
    const { attempt, position } = this.view;
    const sent = { attempt, position, ...data };
    this.transport.send(event, sent, PATIENCE_MS, () => this.giveUp(event));
  }

  /** No answer came: what was chosen may be committed again. @param {string} event */
  giveUp(event) {
    if (this.phase !== "wait" || this.view.loading) return;
    this.setPhase(event === "release" ? "look" : "ask");
    this.view.confidence = null;
    this.verdict(this.texts.offline);
    this.drawSaid();
  }

  toggleTimer() {
    this.root.classList.toggle("no-timer");
    keep("local", NO_TIMER, this.root.classList.contains("no-timer"));
    this.tick();
  }

  showKeys() {
    const [first, , , , last] = this.choices.letters;
    const values = { first, last, n: this.scheme.labels.length };
    const rows = this.keyTexts.flatMap(([keys, does]) => [
      make("dt", "", fill(keys, values)),
      make("dd", "", fill(does, values)),
    ]);
    this.find("dl").replaceChildren(...rows);
    this.find("dialog").showModal();
  }

  // ---- keys and clock -------------------------------------------------------------------
  /** @param {KeyboardEvent} event */
  takeKey(event) {
    if (!isLaidOut(this.root) || this.find("dialog").open) return;
    const meaning = meaningOf(event, this.said);
    const does = meaning ? this.doing(meaning) : this.viewing(event);
    if (!does) return;
    event.preventDefault();
    does();
  }

  /** @param {KeyboardEvent} event */
  viewing(event) {
    const isElsewhere = /^(INPUT|TEXTAREA|SELECT)$/.test(/** @type {any} */ (event.target).tagName);
    const isOurs = this.phase !== "idle" && !isElsewhere && !event.ctrlKey && !event.metaKey;
    return isOurs && !event.altKey ? this.viewer.keyAction(event) : undefined;
  }

  /** @param {import("./desk_keys.js").Meaning} meaning @returns {(() => void) | undefined} */
  doing([what, a = 0, b = 0]) {
    const { labels, ungradable } = this.scheme;
    const does = {
      choose: a <= labels.length ? () => this.choose(labels[a - 1]) : undefined,
      ungradable: ungradable ? () => this.choose(UNGRADABLE) : undefined,
      level: () => this.commit(a),
      back: () => this.takeBack(),
      move: () => this.mark(movingMark(this.said, a, b, this.view)),
      slide: () => this.maps.slide(10 * a),
      map: () => this.maps.toggle(".show-map"),
      outline: () => this.maps.toggle(".show-outline"),
    };
    return what in does ? does[what] : this.actions[what];
  }

  tick() {
    if (!document.contains(this.root)) {
      clearInterval(this.clock);
      document.removeEventListener("keydown", this.onKey);
      return;
    }
    const { phase, startedAt, endsAt } = this;
    const { elapsed } = this.view;
    const now = performance.now();
    const { seconds, isTimed, isOver } = clockOf({ now, phase, startedAt, endsAt, elapsed });
    if (isOver) this.runOut();
    const timer = this.find(".timer");
    const isHidden = this.root.classList.contains("no-timer") && !isTimed;
    timer.classList.toggle("hurry", isTimed && seconds <= 10);
    timer.textContent = isHidden ? "––:––" : clockText(seconds, isTimed);
  }
}
