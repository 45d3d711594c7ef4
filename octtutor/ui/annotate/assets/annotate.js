// The panel beside the canvas: what is said of a scan, first its quality, then the class, then
// the findings, then how sure; that records it. A view before the answer holds nothing that is
// known of the scan; see octtutor/ui/annotate/views.py.
const T = props.texts;
let scheme = props.scheme;
const FINDINGS = props.findings;
const SETTLING_MS = 300; // what is sent while Gradio closes its last stream is lost
const KEYS = "octtutor-annotate-keys";
const DRAFT = "octtutor-annotate-draft";
const STROKE = "octtutor-outline:"; // where the canvas keeps what it could not send yet
const find = (selector) => element.querySelector(selector);
const room = find(".annotator");

let view = { phase: "idle" };
let said = blank();
let startedAt = 0;
let drawnAt = 0;
let retry = null;
let before = "ask";
let asking = null;

function blank() { return { gradable: null, diagnosis: null, findings: [], flagged: false, note: "" }; }
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
const phase = () => room.dataset.phase;
const isAsked = () => phase() === "ask" || phase() === "look";
const isVisible = () => room.offsetParent !== null;
const isReady = () => isAsked() && (said.gradable === false || (said.gradable === true && Boolean(said.diagnosis)));
const keep = (store, key, value) => { try { if (value === null) store.removeItem(key); else store.setItem(key, JSON.stringify(value)); } catch (e) { /* private mode */ } };
const kept = (store, key) => { try { return JSON.parse(store.getItem(key)); } catch (e) { return null; } };
const shownKey = (key) => ({ enter: "Enter", escape: "Esc", " ": "Space" }[key] || key.toUpperCase());

// ---- keys: what each does, which key it has, and who may share one ----------------------
const DOES = {
  gradable: () => setQuality(true),
  ungradable: () => setQuality(false),
  back: takeBack, skip: () => ask("skip"), flag: toggleFlag, undo: () => ask("undo"),
  note: () => find(".note input").focus(),
  accept: () => phase() === "look" && ask("accept", said), keep: () => phase() === "look" && ask("keep", said),
  keys: () => find("dialog").showModal(),
};
for (let n = 1; n <= 9; n += 1) DOES[`class-${n}`] = () => { if (n <= scheme.labels.length) setClass(scheme.labels[n - 1]); };
FINDINGS.forEach((one, i) => { DOES[`finding-${i + 1}`] = () => toggleFinding(one.name); });
for (let level = 1; level <= 5; level += 1) DOES[`sure-${level}`] = () => commit(level);

const defaults = () => Object.fromEntries(props.actions.map(([name, key]) => [name, key]));
const classOf = (action) => (action.startsWith("class-") ? scheme.labels[Number(action.slice(6)) - 1] : undefined);
const isUsed = (action) => !action.startsWith("class-") || Boolean(classOf(action));
const nameOf = (action) => classOf(action) || props.actions.find(([name]) => name === action)[2];
let keys = { ...defaults(), ...(kept(localStorage, KEYS) || {}) };

// how sure is asked after the class, so both may have the digits
const turn = (action) => (action.startsWith("sure-") ? 2 : /^(class-|gradable|ungradable)/.test(action) ? 1 : 0);
const mayShare = (one, other) => turn(one) + turn(other) === 3;
const clashOf = (action, key) => Object.keys(keys).find((other) => other !== action && keys[other] === key && !mayShare(action, other));

function actionOf(key) {
  const found = Object.keys(keys).filter((action) => keys[action] === key && isUsed(action));
  return found.find((action) => (turn(action) === 2) === isReady()) || found.find((action) => turn(action) !== 2);
}

function press(action) {
  return (event) => { if (event) event.preventDefault(); DOES[action](); };
}

function button(action, text, className) {
  const node = make("button", className);
  node.type = "button";
  node.dataset.action = action;
  const cap = make("kbd", "", shownKey(keys[action]));
  cap.setAttribute("aria-hidden", "true");
  node.append(cap, make("span", "", text));
  node.addEventListener("click", press(action));
  return node;
}

function build() {
  room.tabIndex = -1;
  element.querySelectorAll("[data-text]").forEach((node) => { node.textContent = T[node.dataset.text]; });
  for (const part of ["quality", "diagnosis", "sure"]) find(part === "sure" ? ".a-sure" : `.${part}`).setAttribute("aria-label", T[part]);
  find(".quality .a-group").append(button("gradable", T.gradable), button("ungradable", T.ungradable));
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
  find(".a-tools").append(button("skip", T.skip), button("flag", T.flag, "flag"), button("undo", T.undo), button("keys", T.keys));
  find(".keys-hint").textContent = fill(T.keys_hint, { drawing: [...props.drawing].map((key) => key.toUpperCase()).join(" ") });
  find("[data-do=default-keys]").addEventListener("click", () => { keep(localStorage, KEYS, null); keys = defaults(); asking = null; tell(""); drawKeys(); });
  find("[data-do=close-keys]").addEventListener("click", () => find("dialog").close());
  find("dialog").addEventListener("close", () => { asking = null; tell(""); drawKeys(); room.focus({ preventScroll: true }); });
  find("dialog").addEventListener("keydown", onMapping);
  const words = find(".note input");
  words.addEventListener("input", () => { said.note = words.value; keepDraft(); });
  words.addEventListener("keydown", (event) => { if (/^(Enter|Escape)$/.test(event.key)) { event.preventDefault(); event.stopPropagation(); room.focus({ preventScroll: true }); } });
  if (window.matchMedia("(max-width: 860px)").matches) find(".findings").open = false;
  drawKeys();
}

function buildClasses() {
  find(".diagnosis .a-group").replaceChildren(...scheme.labels.map((label, i) => {
    const node = button(`class-${i + 1}`, label, label.toLowerCase());
    node.title = scheme.names[label] || "";
    node.style.setProperty("--class", scheme.colours[label]);
    node.lastChild.before(make("i", "swatch"));
    return node;
  }));
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
  element.querySelectorAll("[data-action]").forEach((node) => { node.querySelector("kbd").textContent = shownKey(keys[node.dataset.action]); });
  find(".note kbd").textContent = shownKey(keys.note);
  element.querySelectorAll(".a-sure button").forEach((node) => { node.firstChild.hidden = keys[node.dataset.action] === node.dataset.action.slice(-1); });
  find(".keys").replaceChildren(...props.actions.filter(([action]) => isUsed(action)).map(([action]) => {
    const name = nameOf(action);
    const row = make("div");
    const change = make("button", "", asking === action ? T.press : shownKey(keys[action]));
    change.type = "button";
    change.dataset.map = action;
    change.setAttribute("aria-label", `${name}: ${shownKey(keys[action])}`);
    change.addEventListener("click", () => { asking = action; tell(""); drawKeys(); find(`[data-map="${action}"]`).focus(); });
    row.append(make("span", "", name), change);
    return row;
  }));
}

function tell(text) { find(".told").textContent = text; }

function onMapping(event) {
  if (!asking) return;
  event.preventDefault();
  event.stopPropagation();
  const key = event.key.toLowerCase();
  const action = asking;
  if (event.key === "Shift") return;
  if (event.key.length > 1 && key !== "enter" && !(key === "escape" && action === "back")) { tell(T.no_key); asking = null; drawKeys(); return; }
  const other = clashOf(action, key);
  asking = null;
  if (other) tell(fill(T.clash, { key: shownKey(key), other: nameOf(other) }));
  else {
    keys[action] = key;
    keep(localStorage, KEYS, keys);
    tell(props.drawing.includes(key) ? fill(T.clash_drawing, { key: shownKey(key) }) : "");
  }
  drawKeys();
  find(`[data-map="${action}"]`).focus();
}

// ---- what the server sends --------------------------------------------------------------
function draw(next) {
  if (!next || !next.phase) return;
  drawnAt = performance.now();
  clearTimeout(retry);
  if (next.phase === "again") {
    if (phase() === "wait") { room.dataset.phase = before; say(""); setEnabled(); }
    return;
  }
  view = next;
  if (view.phase === "ask") takeScheme(view.scheme || props.scheme);
  room.dataset.phase = view.phase;
  say("");
  find(".a-notice").hidden = !view.notice;
  find(".a-notice").textContent = view.notice || "";
  find(".a-message").textContent = view.message || "";
  find(".a-model").hidden = view.phase !== "look";
  find(".a-synthetic").hidden = !view.synthetic;
  if (view.phase === "ask") startScan();
  if (view.phase === "look") drawLook();
  if (view.phase === "idle") find(".a-place").textContent = "";
  drawSaid();
  setEnabled();
}

function startScan() {
  find(".a-place").textContent = fill(T.of, { n: view.position, left: view.remaining });
  const draft = kept(sessionStorage, DRAFT);
  const isMine = draft && draft.task === view.task;
  said = isMine ? draft.said : { ...blank(), ...(view.mine || {}) };
  if (!isMine && said.gradable && !said.diagnosis) said.gradable = null; // a draft of regions
  startedAt = isMine ? draft.since : Date.now();
  keepDraft();
  find(".note input").value = said.note;
  showTop();
}

function drawLook() {
  keepDraft();
  said = { ...blank(), ...view.mine };
  startedAt = Date.now();
  find(".says").textContent = [
    fill(T.yours, { said: view.yours }), fill(T.model, { label: view.label, chance: view.chance }),
    view.agrees ? T.agrees : "", view.trained_on ? T.trained_on : "",
  ].filter(Boolean).join(" ");
  showTop();
}

function showTop() {
  if (!isVisible()) return;
  room.focus({ preventScroll: true });
  const box = room.getBoundingClientRect();
  if (box.top < 0 || box.top > window.innerHeight / 5) room.scrollIntoView({ block: "start" });
}

function say(text) { find(".a-state").textContent = text; }

function keepDraft() { keep(sessionStorage, DRAFT, phase() === "ask" ? { task: view.task, said, since: startedAt } : null); }

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
  said.findings = said.findings.includes(name) ? said.findings.filter((one) => one !== name) : [...said.findings, name];
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
  const pressed = (action, on) => element.querySelectorAll(`[data-action="${action}"]`).forEach((node) => node.setAttribute("aria-pressed", String(Boolean(on))));
  pressed("gradable", said.gradable === true);
  pressed("ungradable", said.gradable === false);
  scheme.labels.forEach((label, i) => pressed(`class-${i + 1}`, said.diagnosis === label));
  FINDINGS.forEach((one, i) => pressed(`finding-${i + 1}`, said.findings.includes(one.name)));
  pressed("flag", said.flagged);
  find(".flag span").textContent = said.flagged ? T.flagged : T.flag;
  find(".a-sure-hint").textContent = isReady() ? T.sure_now : T.sure_hint;
}

function setEnabled() {
  element.querySelectorAll(".saying button, .a-model button").forEach((node) => { node.disabled = !isAsked(); });
  element.querySelectorAll(".a-sure button").forEach((node) => { node.disabled = !isReady(); });
  find(".a-sure").classList.toggle("ready", isReady());
  for (const action of ["skip", "flag"]) find(`[data-action="${action}"]`).disabled = phase() !== "ask" && !(action === "flag" && phase() === "look");
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
  afterStroke(data, performance.now() + 4000);
}

// a stroke that is still on its way belongs to this answer
function afterStroke(data, until) {
  if (view.task && kept(localStorage, STROKE + view.task) && performance.now() < until) {
    say(T.waiting);
    setTimeout(() => afterStroke(data, until), 60);
    return;
  }
  say(T.saving);
  setTimeout(() => trigger("submit", data), Math.max(0, drawnAt + SETTLING_MS - performance.now(), strokeAnsweredAt + SETTLING_MS - performance.now()));
  retry = setTimeout(() => { room.dataset.phase = before; say(T.offline); setEnabled(); }, 60000);
}

// the canvas's own answers settle too
let strokeAnsweredAt = 0;
let hadStroke = false;
function watchStroke() {
  const has = Boolean(view.task && kept(localStorage, STROKE + view.task));
  if (hadStroke && !has) strokeAnsweredAt = performance.now();
  hadStroke = has;
}

// ---- keys -------------------------------------------------------------------------------
function moveFocus(step) {
  const all = [...element.querySelectorAll(".saying button, .a-model button, .a-tools button, .note input")].filter((node) => !node.disabled && node.offsetParent);
  const at = all.indexOf(document.activeElement);
  if (all.length) all[at < 0 ? 0 : (at + step + all.length) % all.length].focus();
}

function onKey(event) {
  if (!document.contains(room)) { document.removeEventListener("keydown", onKey); return; }
  if (!isVisible() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const target = event.target;
  if (target.matches && target.matches("textarea, select, [contenteditable], input:not([type=range]):not([type=radio])")) return;
  const inPanel = target === document.body || element.contains(target);
  const onCanvas = Boolean(target.closest && target.closest(".outliner"));
  if (!inPanel && !onCanvas) return;
  const key = event.key.toLowerCase();
  if (event.repeat) return;
  if (/^(enter| )$/.test(key) && target.matches("button, summary, a")) return;
  const step = { arrowright: 1, arrowdown: 1, arrowleft: -1, arrowup: -1 }[key];
  if (step && inPanel) { event.preventDefault(); moveFocus(step); return; }
  const action = actionOf(key);
  if (!action) return;
  event.preventDefault();
  DOES[action]();
}

function tick() {
  if (!document.contains(room)) { clearInterval(clock); return; }
  watchStroke();
  const seconds = phase() === "ask" ? Math.floor((Date.now() - startedAt) / 1000) : 0;
  find(".a-timer").textContent = phase() === "ask" ? `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}` : "";
}

build();
document.addEventListener("keydown", onKey);
const clock = setInterval(tick, 100);
draw(props.value);
watch("value", () => draw(props.value));
