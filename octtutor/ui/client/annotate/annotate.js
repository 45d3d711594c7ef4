// The panel beside the canvas: what is said of a scan, first its quality, then the class, then
// the findings, then how sure; that records it. A view before the answer holds nothing that is
// known of the scan; see octtutor/ui/annotate/views.py.
import { isUnsent } from "../canvas/strokes.js";
import { fill, finder, isShown, keep, kept, make, makeButton, writeTexts } from "../shared/dom.js";
import { isControls, isHeldWith, isTyping, lettersOn, SURE_PLACES } from "../shared/keys.js";
import { Transport } from "../shared/transport.js";
import { actionOf, clashOf, keyFor, keysOf, shownKey } from "./panel_keys.js";

const KEYS = "octtutor-annotate-keys";
const DRAFT = "octtutor-annotate-draft";
const PATIENCE_MS = 60000;
const STROKE_MS = 4000; // how long an answer waits for a stroke that belongs to it
const blank = () => ({ gradable: null, diagnosis: null, findings: [], flagged: false, note: "" });

/**
 * Fill the component.
 * @param {import("../shared/dom.js").Component} component
 */
export function start({ element, props, trigger, watch }) {
  const T = props.texts;
  let scheme = props.scheme;
  const FINDINGS = props.findings;
  const find = finder(element);
  /** @param {string} selector @returns {any[]} */
  const all = (selector) => [...element.querySelectorAll(selector)];
  const room = find(".annotator");
  const transport = new Transport(trigger);

  /** @type {any} */
  let view = { phase: "idle" };
  /** @type {any} */
  let said = blank();
  let startedAt = 0;
  let before = "ask";
  /** @type {string | null} */
  let asking = null;

  const phase = () => room.dataset.phase;
  const isAsked = () => phase() === "ask" || phase() === "look";
  const isVisible = () => isShown(room);
  const isReady = () =>
    isAsked() && (said.gradable === false || (said.gradable === true && Boolean(said.diagnosis)));
  // ---- keys: what each does, which key it has, and who may share one ----------------------
  /** @type {Record<string, () => void>} */
  const DOES = {
    gradable: () => setQuality(true),
    ungradable: () => setQuality(false),
    back: takeBack,
    skip: () => ask("skip"),
    flag: toggleFlag,
    undo: () => ask("undo"),
    note: () => find(".note input").focus(),
    accept: () => phase() === "look" && ask("accept", said),
    keep: () => phase() === "look" && ask("keep", said),
    keys: () => find("dialog").showModal(),
  };
  for (let n = 1; n <= 9; n += 1)
    DOES[`class-${n}`] = () => {
      if (n <= scheme.labels.length) setClass(scheme.labels[n - 1]);
    };
  FINDINGS.forEach((one, i) => {
    DOES[`finding-${i + 1}`] = () => toggleFinding(one.name);
  });
  for (let level = 1; level <= 5; level += 1) DOES[`sure-${level}`] = () => commit(level);

  const defaults = () => Object.fromEntries(props.actions.map(([name, key]) => [name, key]));
  const classOf = (action) =>
    action.startsWith("class-") ? scheme.labels[Number(action.slice(6)) - 1] : undefined;
  const isUsed = (action) => !action.startsWith("class-") || Boolean(classOf(action));
  const nameOf = (action) => classOf(action) || props.actions.find(([name]) => name === action)[2];
  let keys = keysOf(defaults(), kept("local", KEYS));
  /** @type {Record<string, string>} */
  let letters = {};
  lettersOn(SURE_PLACES).then((found) => {
    letters = Object.fromEntries(found.map((letter, i) => [SURE_PLACES[i], letter.toLowerCase()]));
    drawKeys();
  });
  const shown = (action) => shownKey(keys[action], letters);

  function button(action, text, className = "") {
    const node = makeButton(className, "", () => DOES[action]());
    node.dataset.action = action;
    const cap = make("kbd", "", shown(action));
    cap.setAttribute("aria-hidden", "true");
    node.append(cap, make("span", "", text));
    return node;
  }

  function build() {
    room.tabIndex = -1;
    writeTexts(element, T);
    for (const part of ["quality", "diagnosis", "sure"])
      find(part === "sure" ? ".a-sure" : `.${part}`).setAttribute("aria-label", T[part]);
    find(".quality .a-group").append(
      button("gradable", T.gradable),
      button("ungradable", T.ungradable),
    );
    buildClasses();
    FINDINGS.forEach((one, i) => {
      const node = button(`finding-${i + 1}`, one.name, "finding");
      node.style.setProperty("--colour", one.colour);
      find(".findings .a-group").append(node);
    });
    for (let level = 1; level <= 5; level += 1) {
      const node = button(`sure-${level}`, String(level));
      node.setAttribute("aria-label", `${T.sure} ${level} / 5`);
      find(".a-sure .a-group").append(node);
    }
    find(".a-model .a-group").append(button("accept", T.accept, "primary"), button("keep", T.keep));
    find(".a-tools").append(
      button("skip", T.skip),
      button("flag", T.flag, "flag"),
      button("undo", T.undo),
      button("keys", T.keys),
    );
    find(".keys-hint").textContent = fill(T.keys_hint, {
      drawing: [...props.drawing].map((key) => key.toUpperCase()).join(" "),
    });
    find("[data-do=default-keys]").addEventListener("click", () => {
      keep("local", KEYS, null);
      keys = defaults();
      asking = null;
      tell("");
      drawKeys();
    });
    find("[data-do=close-keys]").addEventListener("click", () => find("dialog").close());
    find("dialog").addEventListener("close", () => {
      asking = null;
      tell("");
      drawKeys();
      room.focus({ preventScroll: true });
    });
    find("dialog").addEventListener("keydown", onMapping);
    const words = find(".note input");
    words.addEventListener("input", () => {
      said.note = words.value;
      keepDraft();
    });
    words.addEventListener("keydown", (event) => {
      if (/^(Enter|Escape)$/.test(event.key)) {
        event.preventDefault();
        event.stopPropagation();
        room.focus({ preventScroll: true });
      }
    });
    if (window.matchMedia("(max-width: 860px)").matches) find(".findings").open = false;
    drawKeys();
  }

  function buildClasses() {
    find(".diagnosis .a-group").replaceChildren(
      ...scheme.labels.map((label, i) => {
        const node = button(`class-${i + 1}`, label, label.toLowerCase());
        node.title = scheme.names[label] || "";
        node.style.setProperty("--class", scheme.colours[label]);
        /** @type {ChildNode} */ (node.lastChild).before(make("i", "swatch"));
        return node;
      }),
    );
  }

  // the buttons are those of the project's diagnoses; nothing is sent of oct2017's
  function takeScheme(next) {
    if (JSON.stringify(next) === JSON.stringify(scheme)) return;
    scheme = next;
    buildClasses();
    drawKeys();
  }

  // ---- the keys dialog --------------------------------------------------------------------
  function drawKeys() {
    for (const node of all("[data-action]"))
      node.querySelector("kbd").textContent = shown(node.dataset.action);
    find(".note kbd").textContent = shown("note");
    find(".keys").replaceChildren(
      ...props.actions
        .filter(([action]) => isUsed(action))
        .map(([action]) => {
          const name = nameOf(action);
          const row = make("div");
          const change = make("button", "", asking === action ? T.press : shown(action));
          change.type = "button";
          change.dataset.map = action;
          change.setAttribute("aria-label", `${name}: ${shown(action)}`);
          change.addEventListener("click", () => {
            asking = action;
            tell("");
            drawKeys();
            find(`[data-map="${action}"]`).focus();
          });
          row.append(make("span", "", name), change);
          return row;
        }),
    );
  }

  function tell(text) {
    find(".told").textContent = text;
  }

  const isKey = (event, action) =>
    event.key.length === 1 ||
    event.key === "Enter" ||
    (event.key === "Escape" && action === "back");

  function onMapping(event) {
    if (!asking) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Shift") return;
    const action = asking;
    asking = null;
    if (isKey(event, action)) remap(action, keyFor(action, event));
    else tell(T.no_key);
    drawKeys();
    find(`[data-map="${action}"]`).focus();
  }

  function remap(action, key) {
    const sign = shownKey(key, letters);
    const other = clashOf(keys, action, key, letters);
    if (other) {
      tell(fill(T.clash, { key: sign, other: nameOf(other) }));
      return;
    }
    keys[action] = key;
    keep("local", KEYS, keys);
    tell(props.drawing.includes(sign.toLowerCase()) ? fill(T.clash_drawing, { key: sign }) : "");
  }

  // ---- what the server sends --------------------------------------------------------------
  function draw(next) {
    if (!next || !next.phase) return;
    transport.heard();
    if (next.phase === "again") {
      askAgain();
      return;
    }
    view = next;
    room.dataset.phase = view.phase;
    say("");
    drawLines();
    DRAW[view.phase]?.();
    drawSaid();
    setEnabled();
  }

  function drawLines() {
    find(".a-notice").hidden = !view.notice;
    find(".a-notice").textContent = view.notice || "";
    find(".a-message").textContent = view.message || "";
    find(".a-model").hidden = view.phase !== "look";
    find(".a-synthetic").hidden = !view.synthetic;
  }

  const DRAW = {
    ask: () => {
      takeScheme(view.scheme || props.scheme);
      startScan();
    },
    look: drawLook,
    idle: () => {
      find(".a-place").textContent = "";
    },
  };

  function askAgain() {
    if (phase() !== "wait") return;
    room.dataset.phase = before;
    say("");
    setEnabled();
  }

  function startScan() {
    find(".a-place").textContent = fill(T.of, { n: view.position, left: view.remaining });
    const draft = kept("session", DRAFT);
    const isMine = draft && draft.task === view.task;
    said = isMine ? draft.said : saidBefore();
    startedAt = isMine ? draft.since : Date.now();
    keepDraft();
    find(".note input").value = said.note;
    showTop();
  }

  function saidBefore() {
    const mine = { ...blank(), ...(view.mine || {}) };
    if (mine.gradable && !mine.diagnosis) mine.gradable = null; // a draft of regions
    return mine;
  }

  function drawLook() {
    keepDraft();
    said = { ...blank(), ...view.mine };
    startedAt = Date.now();
    find(".says").textContent = [
      fill(T.yours, { said: view.yours }),
      fill(T.model, { label: view.label, chance: view.chance }),
      view.agrees ? T.agrees : "",
      view.trained_on ? T.trained_on : "",
    ]
      .filter(Boolean)
      .join(" ");
    showTop();
  }

  function showTop() {
    if (!isVisible()) return;
    room.focus({ preventScroll: true });
    const box = room.getBoundingClientRect();
    if (box.top < 0 || box.top > window.innerHeight / 5) room.scrollIntoView({ block: "start" });
  }

  function say(text) {
    find(".a-state").textContent = text;
  }

  function keepDraft() {
    keep("session", DRAFT, phase() === "ask" ? { task: view.task, said, since: startedAt } : null);
  }

  // ---- what the annotator says ------------------------------------------------------------
  function setQuality(gradable) {
    if (!isAsked()) return;
    said.gradable = gradable;
    if (!gradable) said.diagnosis = null;
    changed();
  }

  function setClass(label) {
    if (!isAsked()) return;
    said.gradable = true;
    said.diagnosis = label;
    changed();
  }

  function toggleFinding(name) {
    if (!isAsked()) return;
    said.findings = said.findings.includes(name)
      ? said.findings.filter((one) => one !== name)
      : [...said.findings, name];
    changed();
  }

  function toggleFlag() {
    if (!isAsked()) return;
    said.flagged = !said.flagged;
    changed();
  }

  function takeBack() {
    if (!isAsked()) return;
    said.gradable = null;
    said.diagnosis = null;
    changed();
  }

  function changed() {
    if (phase() === "ask") keepDraft();
    drawSaid();
    setEnabled();
  }

  function drawSaid() {
    const pressed = (action, on) =>
      all(`[data-action="${action}"]`).forEach((node) =>
        node.setAttribute("aria-pressed", String(Boolean(on))),
      );
    pressed("gradable", said.gradable === true);
    pressed("ungradable", said.gradable === false);
    scheme.labels.forEach((label, i) => pressed(`class-${i + 1}`, said.diagnosis === label));
    FINDINGS.forEach((one, i) => pressed(`finding-${i + 1}`, said.findings.includes(one.name)));
    pressed("flag", said.flagged);
    find(".flag span").textContent = said.flagged ? T.flagged : T.flag;
    find(".a-sure-hint").textContent = isReady() ? T.sure_now : T.sure_hint;
  }

  function setEnabled() {
    all(".saying button, .a-model button").forEach((node) => {
      node.disabled = !isAsked();
    });
    all(".a-sure button").forEach((node) => {
      node.disabled = !isReady();
    });
    find(".a-sure").classList.toggle("ready", isReady());
    for (const action of ["skip", "flag"])
      find(`[data-action="${action}"]`).disabled =
        phase() !== "ask" && !(action === "flag" && phase() === "look");
    find("[data-action=undo]").disabled = phase() === "wait" || !view.project;
    find(".note input").disabled = !isAsked();
  }

  function commit(level) {
    if (!isReady()) return;
    const ms = Math.max(0, Date.now() - startedAt);
    ask(phase() === "look" ? "correct" : "say", { ...said, confidence: level, ms });
  }

  function ask(what, more = {}) {
    if (phase() === "wait" || !view.project) return;
    if (what === "skip" && phase() !== "ask") return;
    before = phase();
    const data = { do: what, project: view.project, task: view.task, model: view.model, ...more };
    room.dataset.phase = "wait";
    say(T.saving);
    setEnabled();
    room.focus({ preventScroll: true });
    afterStroke(data, performance.now() + STROKE_MS);
  }

  // a stroke that is still on its way belongs to this answer
  function afterStroke(data, until) {
    if (isUnsent(view.task) && performance.now() < until) {
      say(T.waiting);
      setTimeout(() => afterStroke(data, until), 60);
      return;
    }
    say(T.saving);
    transport.send("submit", data, PATIENCE_MS, () => {
      askAgain();
      say(T.offline);
    });
  }

  // the canvas's own answers settle too
  let hadStroke = false;
  function watchStroke() {
    const has = isUnsent(view.task);
    if (hadStroke && !has) transport.settle();
    hadStroke = has;
  }

  // ---- keys -------------------------------------------------------------------------------
  /** @param {number} step */
  function moveFocus(step) {
    const parts = all(".saying button, .a-model button, .a-tools button, .note input");
    const there = parts.filter((node) => !node.disabled && isShown(node));
    const at = there.indexOf(document.activeElement);
    if (there.length) there[at < 0 ? 0 : (at + step + there.length) % there.length].focus();
  }

  /** @param {any} event */
  function isElsewhere(event) {
    if (!isVisible() || event.defaultPrevented || event.repeat || isHeldWith(event)) return true;
    if (isControls(event.target, event.key.toLowerCase()) || isTyping(event.target)) return true;
    return Boolean(document.querySelector("dialog[open]")) || !isNear(event);
  }

  const isNear = (event) => isInPanel(event) || Boolean(event.target.closest(".outliner"));

  const isInPanel = ({ target }) => target === document.body || element.contains(target);

  function onKey(event) {
    if (!document.contains(room)) {
      document.removeEventListener("keydown", onKey);
      return;
    }
    if (isElsewhere(event)) return;
    const does = doingOf(event);
    if (!does) return;
    event.preventDefault();
    does();
  }

  /** @param {KeyboardEvent} event @returns {(() => void) | undefined} */
  function doingOf(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step && event.shiftKey) return undefined; // of the light
    if (step && isInPanel(event)) return () => moveFocus(step);
    const action = actionOf(keys, event);
    return action && isUsed(action) ? DOES[action] : undefined;
  }

  function tick() {
    if (!document.contains(room)) {
      clearInterval(clock);
      return;
    }
    watchStroke();
    const seconds = phase() === "ask" ? Math.floor((Date.now() - startedAt) / 1000) : 0;
    find(".a-timer").textContent =
      phase() === "ask"
        ? `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`
        : "";
  }

  build();
  document.addEventListener("keydown", onKey);
  const clock = setInterval(tick, 100);
  draw(props.value);
  watch("value", () => draw(props.value));
}
