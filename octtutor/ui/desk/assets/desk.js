// The reading desk: draws the view that the server sends, and sends back what was chosen.
// A view before the answer holds nothing that tells it; see octtutor/ui/desk/views.py.
const T = props.texts;
// the list of diagnoses: a view that is of another than OCT2017's brings its own
const USUAL = { labels: props.labels, names: props.names, colours: {}, normal: "NORMAL", ungradable: true };
let scheme = USUAL;
const find = (selector) => element.querySelector(selector);
const desk = find(".desk");
const stage = find(".stage");
const plane = find(".plane");
const stages = [stage];
const scan = find("img.scan");
const map = find("img.map");
const answers = find(".answers");
const scale = find(".scale");

let view = { phase: "idle" };
let choice = null;
let sentAt = 0;
let toldAt = 0;
let startedAt = 0;
let shownClass = null;
let retry = null;
let mark = null;
let endsAt = null;
let drawnAt = 0;

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
const phase = () => desk.dataset.phase;
const isAsked = () => phase() === "ask" || phase() === "look";
const asks = (what) => Boolean(view.asks && view.asks[what]);
const nameOf = (word) => (word === "UNGRADABLE" ? T.ungradable : word);
const wantsMark = () => asks("mark") && Boolean(choice) && choice !== scheme.normal && choice !== "UNGRADABLE";
const isPaused = () => Boolean(view.paused);
// one column: the same condition as in page.css
const isNarrow = () => window.matchMedia("(max-width: 1000px) and (orientation: portrait)").matches;
const isVisible = () => desk.offsetParent !== null;
const remember = (key, value) => { try { localStorage.setItem(key, value); } catch (e) { /* private mode */ } };
const recall = (key) => { try { return localStorage.getItem(key); } catch (e) { return null; } };
// a choice that was not recorded survives the reload that follows a lost connection
const CHOICE = "octtutor-choice";
const keepChoice = (sent) => {
  try { sessionStorage.setItem(CHOICE, JSON.stringify({ attempt: view.attempt, position: view.position, choice, sent })); } catch (e) { /* private mode */ }
};
const keptChoice = () => {
  try {
    const kept = JSON.parse(sessionStorage.getItem(CHOICE));
    return phase() === "ask" && kept && kept.attempt === view.attempt && kept.position === view.position ? kept : null;
  } catch (e) { return null; }
};

function build() {
  element.querySelectorAll("[data-text]").forEach((node) => { node.textContent = T[node.dataset.text]; });
  for (const name of ["brightness", "contrast"]) find(`.${name}`).title = T[name];
  element.querySelectorAll("[data-label]").forEach((node) => {
    node.title = T[node.dataset.label];
    node.setAttribute("aria-label", T[node.dataset.label]);
  });
  buildChoices();
  for (let level = 1; level <= 5; level += 1) {
    const button = make("button", "level", String(level));
    button.type = "button";
    button.dataset.level = level;
    button.setAttribute("aria-label", `${T.sure} ${level} / 5`);
    button.addEventListener("click", () => commit(level));
    scale.append(button);
  }
  for (const [keys, does] of props.keys) find("dl").append(make("dt", "", keys), make("dd", "", does));
  element.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) actions[button.dataset.do]();
  });
  find(".compare").addEventListener("toggle", showContrast);
  for (const name of ["brightness", "contrast"]) find(`.${name}`).addEventListener("input", light);
  for (const name of ["split", "opacity", "show-map", "show-outline", "jet"]) find(`.${name}`).addEventListener("input", drawMap);
  answers.setAttribute("aria-label", T.question);
  find(".sure").setAttribute("aria-label", T.sure);
  find("[data-do=full]").hidden = !document.fullscreenEnabled;
  desk.classList.toggle("no-timer", recall("octtutor-no-timer") === "1");
}

// a node in the colour of a diagnosis
function painted(tag, className, word, text) {
  const node = make(tag, `${className} ${word.toLowerCase()}`, text);
  if (scheme.colours[word]) node.style.setProperty("--class", scheme.colours[word]);
  return node;
}

function buildChoices() {
  const ungradable = scheme.ungradable ? [["UNGRADABLE", "U", T.ungradable]] : [];
  const buttons = [...scheme.labels.map((label, i) => [label, String(i + 1), label]), ...ungradable];
  answers.replaceChildren(...buttons.map(([word, key, text]) => {
    const button = painted("button", "answer", word);
    button.type = "button";
    button.dataset.choice = word;
    button.title = scheme.names[word] || "";
    button.append(make("kbd", "", key), make("span", "", text), make("span", "mark"));
    button.firstChild.setAttribute("aria-hidden", "true");
    button.addEventListener("click", () => choose(word));
    return button;
  }));
}

// a map is of what the network knows, which may be other diagnoses than the deck's
function buildMapClasses() {
  const labels = view.model ? Object.keys(view.model.chances) : scheme.labels;
  find(".map-classes").replaceChildren(...labels.map((label) => {
    const button = painted("button", "map-class", label, label);
    button.type = "button";
    button.dataset.mapClass = label;
    button.addEventListener("click", () => { shownClass = label; drawMap(); });
    return button;
  }));
}

function takeScheme() {
  const next = view.scheme || USUAL;
  if (JSON.stringify(next) === JSON.stringify(scheme)) return;
  scheme = next;
  buildChoices();
}

// ---- what the server sends -------------------------------------------------------------
function draw(next) {
  if (!next || !next.phase) return;
  if (next.phase === "notice") { drawNotice(next); return; }
  clearTimeout(retry);
  drawnAt = performance.now();
  const same = next.attempt === view.attempt && next.position === view.position;
  const kept = same ? { ...view, ...next } : { notice: view.attempt === next.attempt ? view.notice : "", paused: view.attempt === next.attempt && view.paused, ...next };
  const was = phase();
  view = kept;
  desk.dataset.phase = view.phase;
  desk.dataset.attempt = view.attempt || "";
  if (view.phase === "idle") { if (was !== "idle") leave(); return; }
  takeScheme();
  if (view.phase === "ask") startCase();
  if (view.phase === "wait") { drawWait(); return; }
  if (view.phase === "look") drawLook(Boolean(next.scan));
  if (view.phase === "told") drawTold(Boolean(next.scan));
  drawStatus();
  setEnabled();
}

function leave() {
  if (document.fullscreenElement) document.exitFullscreen();
  window.scrollTo(0, 0);
  setTimeout(() => { const score = document.querySelector(".results .score"); if (score) score.focus(); }, 300);
}

function drawNotice(next) {
  if (next.attempt !== view.attempt) return;
  view.notice = next.notice;
  view.paused = next.paused;
  showNotice();
  setEnabled();
}

function showNotice() {
  find(".notice").hidden = !view.notice;
  find(".notice").textContent = view.notice || "";
}

function startCase() {
  const kept = keptChoice();
  endsAt = Number.isFinite(view.left) ? performance.now() + view.left : null;
  mark = null;
  showScan();
  find(".panel h2").textContent = T.question;
  choice = kept ? kept.choice : null;
  startedAt = performance.now() - view.elapsed;
  hint(kept && kept.sent ? T.not_recorded : choice ? T.sure_now : T.sure_hint);
  drawMark();
  markChoice();
  answers.focus({ preventScroll: true });
}

function showScan() {
  shownClass = null;
  scan.src = view.scan;
  scan.alt = T.alt;
  map.hidden = true;
  map.removeAttribute("src");
  find(".outline").setAttribute("hidden", "");
  find(".verdict").textContent = "";
  find(".chances tbody").replaceChildren();
  find(".advice").replaceChildren();
  find(".compare").hidden = true;
  find(".fault").hidden = true;
  find(".synthetic").hidden = !view.synthetic;
  stage.style.setProperty("--aspect", view.width / view.height);
  resetView();
  find(".split").value = 100;
  showTop();
}

function showTop() {
  const top = desk.getBoundingClientRect().top;
  if (isNarrow() || top < 0 || top > window.innerHeight / 3) desk.scrollIntoView({ block: "start" });
}

function hint(text) { find(".sure-hint").textContent = text; }

function drawStatus() {
  find(".progress").textContent = fill(T.case, { n: view.position + 1, total: view.total });
  find(".done").style.width = `${(100 * (view.position + (view.phase === "told" ? 1 : 0))) / view.total}%`;
  find(".next-text").textContent = view.position + 1 < view.total ? T.next : T.results;
  showNotice();
}

function drawWait() {
  setEnabled();
  if (view.loading) find(".verdict").textContent = T.loading;
}

// the model's answer is on the table and the truth is not
function drawLook(withScan) {
  if (withScan) showScan();
  startedAt = performance.now();
  endsAt = null;
  choice = view.choice;
  mark = view.mark;
  find(".panel h2").textContent = T.look_question;
  markChoice();
  drawVerdict();
  drawChances();
  desk.classList.remove("has-outline");
  shownClass = view.model.label;
  buildMapClasses();
  drawMap();
  drawMark();
  answers.focus({ preventScroll: true });
  showTop();
}

function drawTold(withScan) {
  if (withScan) showScan();
  toldAt = performance.now();
  endsAt = null;
  choice = view.second || view.choice;
  mark = view.mark;
  find(".panel h2").textContent = T.question;
  markChoice();
  drawMark();
  drawVerdict();
  drawChances();
  drawAdvice();
  drawContrast();
  desk.classList.toggle("has-outline", Boolean(view.outline));
  const outline = find(".outline");
  outline.setAttribute("viewBox", `0 0 ${view.width} ${view.height}`);
  outline.querySelector("path").setAttribute("d", view.outline || "");
  shownClass = view.model ? view.model.label : view.truth;
  buildMapClasses();
  drawMap();
  find(".next").focus({ preventScroll: true });
  showTop();
}

function drawVerdict() {
  const verdict = find(".verdict");
  verdict.replaceChildren();
  if (view.phase === "told") verdict.append(make("strong", view.right ? "right" : "wrong", `${view.right ? "✓" : "✗"} ${view.timed_out ? T.timed_out : view.right ? T.right : T.wrong}`));
  const said = view.timed_out ? [] : [[view.second ? T.you_first : T.you, view.choice]];
  if (view.second) said.push([T.you_then, view.second]);
  if (view.phase === "told") said.push([T.truth, view.truth]);
  for (const [who, word] of said) verdict.append(make("span", "who", who), painted("span", "name", word, nameOf(word)));
  if (view.hit) verdict.append(make("span", view.hit.hit ? "right" : "wrong", view.hit.hit ? T.hit : fill(T.missed, { n: view.hit.distance })));
}

function drawChances() {
  const body = find(".chances tbody");
  body.replaceChildren();
  find(".fault").hidden = !view.fault;
  find(".fault").textContent = view.fault || "";
  if (!view.model) return;
  const told = phase() === "told";
  const head = make("tr");
  const title = make("th", "", `${T.model}: ${view.model.label} ${view.model.chances[view.model.label].toFixed(2)}`);
  title.colSpan = 3;
  title.title = view.model.name;
  head.append(title);
  body.append(head);
  for (const label of Object.keys(view.model.chances)) {
    const row = make("tr", told && !view.model.mapped && label === view.truth ? "is-truth" : "");
    const bar = painted("span", "bar", label);
    bar.style.width = `${Math.round(100 * view.model.chances[label])}%`;
    const cell = make("td", "bars");
    cell.append(bar);
    row.append(make("td", "", label), cell, make("td", "number", view.model.chances[label].toFixed(2)));
    body.append(row);
  }
  for (const note of view.model.notes) {
    const cell = make("td", "hint", note);
    cell.colSpan = 3;
    const row = make("tr", "note");
    row.append(cell);
    body.append(row);
  }
}

function drawAdvice() {
  const advice = find(".advice");
  advice.replaceChildren(make("h3", "", `${T.look_for}: ${view.truth} (${scheme.names[view.truth]})`));
  for (const text of view.advice) advice.append(make("p", "", text));
  if (view.trained_on) advice.append(make("p", "hint", T.trained_on));
  if (view.unknown_patient) advice.append(make("p", "hint", T.unknown_patient));
  if (view.findings.length) advice.append(make("p", "hint", `${T.findings}: ${view.findings.join(", ")}`));
}

function drawContrast() {
  const box = find(".compare");
  box.hidden = !view.contrast;
  box.open = false;
  find(".pair").innerHTML = view.contrast || "";
}

function showContrast() {
  const box = find(".compare");
  if (box.open) box.scrollIntoView({ block: "nearest" });
}

function drawMap() {
  if (phase() !== "told" && phase() !== "look") return;
  const maps = view.maps && view.maps[find(".jet").checked ? "jet" : "inferno"];
  const source = maps && maps[shownClass];
  const on = find(".show-map").checked && Boolean(source);
  const split = Number(find(".split").value);
  map.hidden = !on;
  if (source && map.src !== source) { map.src = source; map.alt = T.map_alt; }
  map.style.opacity = Number(find(".opacity").value) / 100;
  map.style.clipPath = `inset(0 ${100 - split}% 0 0)`;
  find(".outline").toggleAttribute("hidden", !(find(".show-outline").checked && view.outline));
  find(".map-note").textContent = !maps ? T.no_model : source ? T.map_hint : fill(T.no_evidence, { label: shownClass });
  element.querySelectorAll(".map-class").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.mapClass === shownClass));
    button.disabled = !maps;
  });
  place();
}

// ---- what the trainee does -------------------------------------------------------------
function choose(word) {
  if (!isAsked() || isPaused()) return;
  choice = word;
  if (phase() === "ask") keepChoice(false);
  hint(wantsMark() && !mark ? T.mark_first : T.sure_now);
  drawMark();
  markChoice();
  setEnabled();
}

function takeBack() {
  if (!isAsked()) return;
  choice = phase() === "look" ? view.choice : null;
  if (phase() === "ask") { mark = null; keepChoice(false); }
  hint(T.sure_hint);
  drawMark();
  markChoice();
  setEnabled();
}

// ---- where the finding is --------------------------------------------------------------
function placeMark(x, y) {
  if (phase() !== "ask" || !wantsMark() || isPaused()) return;
  const inside = (value, size) => Math.min(size - 1, Math.max(0, Math.round(value)));
  mark = [inside(x, view.width), inside(y, view.height)];
  hint(T.sure_now);
  drawMark();
  setEnabled();
}

function markAt(event) {
  const box = plane.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * view.width;
  const y = ((event.clientY - box.top) / box.height) * view.height;
  if (x >= 0 && y >= 0 && x <= view.width && y <= view.height) placeMark(x, y);
}

function moveMark(dx, dy) {
  const step = view.width / 50;
  const [x, y] = mark || [view.width / 2, view.height / 2];
  placeMark(x + dx * step, y + dy * step);
}

function drawMark() {
  const cross = find(".cross");
  const asked = phase() === "ask" && wantsMark();
  const shown = Boolean(mark) && (asked || (phase() !== "ask" && Boolean(view.mark)));
  cross.toggleAttribute("hidden", !shown);
  if (shown) {
    cross.style.left = `${(100 * (mark[0] + 0.5)) / view.width}%`;
    cross.style.top = `${(100 * (mark[1] + 0.5)) / view.height}%`;
  }
  stage.classList.toggle("marking", asked);
  find(".mark-hint").hidden = !(asked && !mark);
  find(".mark-hint").textContent = T.mark_hint;
}

function markChoice() {
  answers.querySelectorAll(".answer").forEach((button) => {
    const word = button.dataset.choice;
    const told = phase() === "told";
    button.setAttribute("aria-pressed", String(word === choice));
    button.classList.toggle("truth", told && word === view.truth);
    button.querySelector(".mark").textContent = !told ? "" : word === view.truth ? "✓" : word === choice ? "✗" : "";
  });
  scale.querySelectorAll(".level").forEach((button) => {
    const level = Number(button.dataset.level);
    button.setAttribute("aria-pressed", String(phase() !== "ask" && level === view.confidence));
  });
  const settles = phase() === "look" || (phase() === "ask" && !asks("confidence"));
  find(".settle").hidden = !settles;
  find(".sure").hidden = !asks("confidence");
  find(".settle-text").textContent = phase() !== "look" ? T.commit : choice === view.choice ? fill(T.keep, { label: nameOf(choice) }) : fill(T.change, { label: nameOf(choice) });
  find(".settle-hint").textContent = phase() === "look" ? T.look_hint : "";
}

function setEnabled() {
  const ready = isAsked() && Boolean(choice) && !isPaused() && !(phase() === "ask" && wantsMark() && !mark);
  answers.querySelectorAll(".answer").forEach((button) => { button.disabled = !isAsked() || isPaused(); });
  scale.querySelectorAll(".level").forEach((button) => { button.disabled = !ready || phase() !== "ask"; });
  find("[data-do=settle]").disabled = !ready;
  find(".sure").classList.toggle("ready", ready && phase() === "ask");
  find(".next").disabled = isPaused() || Boolean(view.discussion);
}

function isReady() { return !find("[data-do=settle]").disabled; }

// the time is over: what was not committed does not count
function runOut() {
  endsAt = null;
  if (phase() !== "ask") return;
  desk.dataset.phase = "wait";
  find(".verdict").textContent = T.timed_out;
  setEnabled();
  send("submit", { attempt: view.attempt, position: view.position, choice: "UNGRADABLE", confidence: 0, ms: 0, timed_out: true });
}

function settle() {
  if (!isReady()) return;
  if (phase() === "ask") { commit(0); return; }
  const ms = Math.round(performance.now() - startedAt);
  desk.dataset.phase = "wait";
  find(".verdict").textContent = T.saving;
  setEnabled();
  send("release", { attempt: view.attempt, position: view.position, choice, ms });
}

function commit(level) {
  if (phase() !== "ask" || !isReady()) return;
  const ms = Math.round(performance.now() - startedAt);
  view.confidence = level;
  view.elapsed = ms;
  keepChoice(true);
  desk.dataset.phase = "wait";
  find(".verdict").textContent = T.saving;
  setEnabled();
  markChoice();
  send("submit", { attempt: view.attempt, position: view.position, choice, confidence: level, ms, mark: wantsMark() ? mark : null });
}

function next() {
  const soon = performance.now() - 300;
  if (phase() !== "told" || isPaused() || view.discussion || sentAt > soon || toldAt > soon) return;
  send("select", { attempt: view.attempt, position: view.position, review: Boolean(view.review) });
}

// Gradio closes its stream when an answer is complete; what is sent in that moment is lost
const SETTLING_MS = 300;

function send(event, data) {
  sentAt = performance.now();
  setTimeout(() => trigger(event, data), Math.max(0, drawnAt + SETTLING_MS - sentAt));
  clearTimeout(retry);
  retry = setTimeout(() => {
    if (phase() === "wait" && !view.loading) {
      desk.dataset.phase = event === "release" ? "look" : "ask";
      find(".verdict").textContent = T.offline;
      view.confidence = null;
      markChoice();
      setEnabled();
    }
  }, 20000);
}

const actions = {
  "zoom-in": () => zoomBy(1.4),
  "zoom-out": () => zoomBy(1 / 1.4),
  reset: resetView,
  full: () => (document.fullscreenElement ? document.exitFullscreen() : desk.requestFullscreen && desk.requestFullscreen()),
  timer: () => {
    desk.classList.toggle("no-timer");
    remember("octtutor-no-timer", desk.classList.contains("no-timer") ? "1" : "0");
  },
  next,
  settle,
  keys: () => find("dialog").showModal(),
  "close-keys": () => find("dialog").close(),
  end: () => { if (window.confirm(asks("exam") ? T.end_exam_sure : T.end_sure)) send("clear", { attempt: view.attempt }); },
};

function tickBox(selector) {
  if (phase() !== "told" && phase() !== "look") return;
  const box = find(selector);
  box.checked = !box.checked;
  drawMap();
}

function slideBy(step) {
  if (phase() !== "told" && phase() !== "look") return;
  const split = find(".split");
  split.value = Number(split.value) + step;
  drawMap();
}

const KEYS = {
  u: () => choose("UNGRADABLE"),
  escape: takeBack,
  enter: () => (isAsked() ? settle() : next()),
  m: () => tickBox(".show-map"),
  o: () => tickBox(".show-outline"),
  "+": actions["zoom-in"], "=": actions["zoom-in"], "-": actions["zoom-out"], 0: actions.reset,
  arrowleft: () => (phase() === "ask" ? moveMark(-1, 0) : slideBy(-10)),
  arrowright: () => (phase() === "ask" ? moveMark(1, 0) : slideBy(10)),
  arrowup: () => moveMark(0, -1), arrowdown: () => moveMark(0, 1),
  f: actions.full, t: actions.timer, "?": actions.keys,
};

function onKey(event) {
  if (!isVisible() || event.ctrlKey || event.metaKey || event.altKey || find("dialog").open) return;
  const target = event.target;
  const range = target.matches && target.matches("input[type=range]");
  if (target.matches && target.matches("textarea, select, [contenteditable], input:not([type=range]):not([type=checkbox])")) return;
  const key = event.key.toLowerCase();
  if (key === "enter" && target.matches("button:not(.next):not([data-do=settle]):not(:disabled), a, summary")) return;
  if (/^arrow(up|down)$/.test(key) && !(phase() === "ask" && wantsMark())) return;
  if (range && key.startsWith("arrow")) return;
  if (event.repeat && !/^(arrow|[+=-]$)/.test(key)) return;
  if (/^[1-9]$/.test(key) && isAsked()) {
    event.preventDefault();
    if (choice && phase() === "ask" && asks("confidence") && Number(key) <= 5) commit(Number(key));
    else if (Number(key) <= scheme.labels.length) choose(scheme.labels[Number(key) - 1]);
    return;
  }
  if (KEYS[key] && phase() !== "idle") {
    event.preventDefault();
    KEYS[key]();
  }
}

// ---- zoom, pan, light: see viewer.js ---------------------------------------------------
function drawSplit() {
  const line = find(".split-line");
  const split = Number(find(".split").value);
  line.hidden = map.hidden || split <= 0 || split >= 100;
  const box = plane.getBoundingClientRect();
  line.style.left = `${box.left - stage.getBoundingClientRect().left + (box.width * split) / 100}px`;
}

watchStages({ placed: drawSplit, tapped: markAt, isIdle: () => phase() === "idle" });

function tick() {
  if (!document.contains(desk)) { clearInterval(clock); document.removeEventListener("keydown", onKey); return; }
  if (endsAt !== null && performance.now() > endsAt) runOut();
  const timed = endsAt !== null && phase() === "ask";
  const ms = timed ? endsAt - performance.now() : phase() === "ask" ? performance.now() - startedAt : view.elapsed || 0;
  const seconds = timed ? Math.ceil(ms / 1000) : Math.floor(ms / 1000);
  find(".timer").classList.toggle("hurry", timed && seconds <= 10);
  find(".timer").textContent = desk.classList.contains("no-timer") && !timed ? "––:––" : (timed ? "−" : "") + `${String(Math.floor(seconds / 60)).padStart(2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
}

build();
document.addEventListener("keydown", onKey);
const clock = setInterval(tick, 250);
draw(props.value);
watch("value", () => draw(props.value));
