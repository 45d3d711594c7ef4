// The outline canvas: regions are drawn over a scan, and every finished stroke is sent.
// Konva draws, finds what is under the pointer, drags and resizes; what a region is, and the
// pixels of the brush, are kept here in the pixels of the scan. See octtutor/ui/canvas/canvas.py.
const T = props.texts;
const FINDINGS = props.findings;
const LIMITS = props.limits;
const GROUP = `outline-finding-${Math.random()}`;
const RED = "#ff6b57";
const NEAR = 10; // screen pixels within which a click closes a polygon
const SETTLING_MS = 300; // what is sent while Gradio closes its last stream is lost
const RETRY_MS = 8000;
const find = (selector) => element.querySelector(selector);
const room = find(".outliner");
const board = find(".board");
const slider = find(".size input");

let view = { task: null, width: 0, height: 0, readonly: true };
let marks = [];
let past = [];
let future = [];
let chosen = null;
let tool = "box";
let finding = FINDINGS[0].name;
let draft = null;
let cursor = null;
let zoom = { k: 1, x: 0, y: 0 };
let typing = null;
let drawnAt = 0;

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const round = (value) => Math.round(value * 100) / 100;
const foundBy = (name) => FINDINGS.find((one) => one.name === name) || FINDINGS[FINDINGS.length - 1];
const markOf = (id) => marks.find((mark) => mark.id === id);
const isEditable = () => !view.readonly && Boolean(view.task);
const isAtHand = () => element.contains(document.activeElement);
const isVisible = () => room.offsetParent !== null;
const newId = () => [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const inside = (p) => ({ x: round(clamp(p.x, 0, view.width)), y: round(clamp(p.y, 0, view.height)) });
const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

function say(text, isWrong) {
  find(".say").textContent = text || "";
  find(".say").classList.toggle("wrong", Boolean(isWrong));
}

// ---- shapes ----------------------------------------------------------------------------
const ICONS = {
  box: "M2.5 3.5h11v9h-11z",
  polygon: "M3 6 8.5 2l5 5-3 6.5H4z",
  spot: "M8 1v4M8 11v4M1 8h4M11 8h4M8 7.5v1",
  ellipse: "M1.5 8a6.5 4.5 0 1 0 13 0a6.5 4.5 0 1 0-13 0",
  brush: "M14 2 7 9M7 9c-2 0-3 1-3 3 0 1-1 1.5-2 1.5 3 1.5 6.5.5 6.5-2.5z",
  erase: "m9 2.5 4.5 4.5-6 6H5l-2.5-2.5zM5.5 6l4.5 4.5",
  select: "M3 2l9.5 5-4 1.200L6.5 13z",
};
const TOOLS = [["select", "V"], ["box", "B"], ["polygon", "P"], ["spot", "O"], ["ellipse", "E"], ["brush", "R"], ["erase", "X"]];

function icon(kind) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[kind]);
  svg.append(path);
  return svg;
}

const masks = new WeakMap(); // shapes are never changed in place
function maskOf(shape) {
  if (!masks.has(shape)) masks.set(shape, decode(shape));
  return masks.get(shape);
}

function decode({ counts, width, height }) {
  const mask = new Uint8Array(width * height);
  let at = 0;
  counts.forEach((count, i) => {
    if (i % 2) for (let j = at; j < at + count; j += 1) mask[(j % height) * width + Math.floor(j / height)] = 1;
    at += count;
  });
  return mask;
}

function encode(mask, width, height) {
  const counts = [];
  let run = 0;
  let value = 0;
  for (let x = 0; x < width; x += 1) {
    for (let y = 0; y < height; y += 1) {
      if (mask[y * width + x] !== value) { counts.push(run); run = 0; value = 1 - value; }
      run += 1;
    }
  }
  counts.push(run);
  const shape = { kind: "brush", counts, width, height };
  masks.set(shape, mask);
  return shape;
}

const frames = new WeakMap();
function frameOf(mask, width) {
  if (!frames.has(mask)) frames.set(mask, measure(mask, width));
  return frames.get(mask);
}

function measure(mask, width) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  mask.forEach((value, i) => {
    if (!value) return;
    const x = i % width, y = (i - x) / width;
    left = Math.min(left, x); right = Math.max(right, x + 1);
    top = Math.min(top, y); bottom = Math.max(bottom, y + 1);
  });
  return { left, top, right, bottom };
}

function boundsOf(shape) {
  if (shape.kind === "brush") return frameOf(maskOf(shape), shape.width);
  if (shape.kind === "spot") return { left: shape.x, top: shape.y, right: shape.x, bottom: shape.y };
  if (shape.kind === "box") return { left: shape.x, top: shape.y, right: shape.x + shape.width, bottom: shape.y + shape.height };
  if (shape.kind === "polygon") {
    const xs = shape.points.map((p) => p[0]), ys = shape.points.map((p) => p[1]);
    return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
  }
  const turn = (shape.angle * Math.PI) / 180;
  const across = Math.hypot(shape.rx * Math.cos(turn), shape.ry * Math.sin(turn));
  const down = Math.hypot(shape.rx * Math.sin(turn), shape.ry * Math.cos(turn));
  return { left: shape.x - across, top: shape.y - down, right: shape.x + across, bottom: shape.y + down };
}

// how far a shape may go of the way it is pulled, so that it stays inside the scan
function allowed(shape, dx, dy) {
  const b = boundsOf(shape);
  const edge = shape.kind === "spot" ? 0.01 : 0; // a spot lies in a pixel
  return {
    dx: clamp(dx, Math.min(0, -b.left), Math.max(0, view.width - edge - b.right)),
    dy: clamp(dy, Math.min(0, -b.top), Math.max(0, view.height - edge - b.bottom)),
  };
}

function moved(shape, wantedX, wantedY) {
  let { dx, dy } = allowed(shape, wantedX, wantedY);
  if (shape.kind === "polygon") return { ...shape, points: shape.points.map(([x, y]) => [round(x + dx), round(y + dy)]) };
  if (shape.kind !== "brush") return { ...shape, x: round(shape.x + dx), y: round(shape.y + dy) };
  [dx, dy] = [Math.round(dx), Math.round(dy)];
  const from = maskOf(shape);
  const to = new Uint8Array(from.length);
  from.forEach((value, i) => { if (value) to[i + dy * shape.width + dx] = 1; });
  return encode(to, shape.width, shape.height);
}

function boxBetween(a, b) {
  return { kind: "box", x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: round(Math.abs(a.x - b.x)), height: round(Math.abs(a.y - b.y)) };
}

function ellipseBetween(a, b) {
  return { kind: "ellipse", x: round((a.x + b.x) / 2), y: round((a.y + b.y) / 2), rx: round(Math.abs(a.x - b.x) / 2), ry: round(Math.abs(a.y - b.y) / 2), angle: 0 };
}

function keptBox(shape) {
  return boxBetween(inside(shape), inside({ x: shape.x + shape.width, y: shape.y + shape.height }));
}

function keptEllipse(shape) {
  const b = boundsOf(shape);
  const shrink = Math.min(1, view.width / (b.right - b.left), view.height / (b.bottom - b.top));
  const small = { ...shape, rx: Math.floor(shape.rx * shrink * 100) / 100, ry: Math.floor(shape.ry * shrink * 100) / 100, angle: round(shape.angle) };
  const s = boundsOf(small);
  const dx = Math.max(0, -s.left) - Math.max(0, s.right - view.width);
  const dy = Math.max(0, -s.top) - Math.max(0, s.bottom - view.height);
  return { ...small, x: round(small.x + dx), y: round(small.y + dy) };
}

const turned = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
const sidesCross = ([a, b], [c, d]) => turned(a, b, c) * turned(a, b, d) < 0 && turned(c, d, a) * turned(c, d, b) < 0;
function crosses(points, isClosed) {
  const sides = points.map((point, i) => [point, points[(i + 1) % points.length]]);
  if (!isClosed) sides.pop();
  return sides.some((one, i) => sides.some((other, j) => j > i + 1 && sidesCross(one, other)));
}
const surface = (points) => Math.abs(points.reduce((sum, [x, y], i) => {
  const [u, v] = points[(i + 1) % points.length];
  return sum + x * v - u * y;
}, 0)) / 2;

// ---- what is kept, undone and sent -----------------------------------------------------
function commit(next, select = chosen) {
  past.push(marks);
  future = [];
  typing = null;
  marks = next;
  chosen = markOf(select) ? select : null;
  redraw();
  queue();
}

function stepTo(from, to) {
  if (!isEditable() || draft) return;
  if (!from.length) return;
  to.push(marks);
  marks = from.pop();
  typing = null;
  if (!markOf(chosen)) chosen = null;
  redraw();
  queue();
}
function undo() { if (draft && draft.points) takePointBack(); else stepTo(past, future); }
function redo() { stepTo(future, past); }

function add(shape) {
  if (marks.length >= LIMITS.marks) { say(fill(T.too_many, { n: LIMITS.marks }), true); return; }
  const mark = { id: newId(), finding, caption: "", shape };
  say("");
  commit([...marks, mark], mark.id);
}

function change(id, what) {
  commit(marks.map((mark) => (mark.id === id ? { ...mark, ...what } : mark)), id);
}

function remove(id) {
  const at = marks.findIndex((mark) => mark.id === id);
  if (!isEditable() || at < 0) return;
  const next = marks.filter((mark) => mark.id !== id);
  commit(next, next.length ? next[Math.min(at, next.length - 1)].id : null);
}

// letters of one caption are one step back
function caption(id, text) {
  if (typing !== id) { past.push(marks); future = []; typing = id; }
  marks = marks.map((mark) => (mark.id === id ? { ...mark, caption: text } : mark));
  setEnabled();
  queue();
}

function choose(id) {
  if (id === chosen) return;
  chosen = id;
  typing = null;
  if (id) finding = markOf(id).finding;
  redraw(true);
}

const KEPT = "octtutor-outline:";
const store = (task, text) => {
  try { if (text) localStorage.setItem(KEPT + task, text); else localStorage.removeItem(KEPT + task); } catch (e) { /* private mode */ }
};
const stored = (task) => { try { return JSON.parse(localStorage.getItem(KEPT + task)); } catch (e) { return null; } };
// alike whatever wrote it: Python and the browser write numbers and keys differently
const canonical = (list) => JSON.stringify(list.map((mark) => [mark.id, mark.finding, mark.caption, Object.entries(mark.shape).sort().map(([key, value]) => [key, typeof value === "number" ? round(value) : key === "points" ? value.map((p) => p.map(round)) : value])]));

const unsent = new Map();
let bases = {};
let serial = Date.now();
let flight = null;
let pause = null;

function queue() {
  serial += 1;
  unsent.set(view.task, { task: view.task, marks, serial });
  store(view.task, JSON.stringify({ base: bases[view.task], marks }));
  saving(T.saving);
  later(200);
}

function later(ms) {
  clearTimeout(pause);
  pause = setTimeout(pump, ms);
}

// one at a time, so that an older state never arrives after a newer one
function pump() {
  const now = performance.now();
  if (!unsent.size || !document.contains(room)) return;
  if (flight && now - flight.at < RETRY_MS) return;
  if (now - drawnAt < SETTLING_MS) { later(drawnAt + SETTLING_MS - now + 5); return; }
  if (flight) saving(T.not_saved, true);
  const next = unsent.values().next().value;
  flight = { serial: next.serial, at: now };
  trigger("input", next);
  later(RETRY_MS + 50);
}

function answered({ task, saved, fault }) {
  const sent = unsent.get(task);
  if (flight && flight.serial === saved) flight = null;
  if (sent && sent.serial === saved) {
    unsent.delete(task);
    if (!fault) { bases[task] = canonical(sent.marks); store(task, null); }
  }
  saving(fault || (unsent.size ? T.saving : T.saved), Boolean(fault));
  if (unsent.size) later(0);
}

function saving(text, isWrong) {
  find(".saving").textContent = text;
  find(".saving").classList.toggle("wrong", Boolean(isWrong));
}

// ---- the scene -------------------------------------------------------------------------
let Konva, stage, scanLayer, markLayer, handleLayer, draftLayer, transformer;
const nodes = new Map();
let waiting = 0;
let listToo = false;

async function load() {
  try {
    ({ Konva } = await import(new URL(props.library, document.baseURI).href));
  } catch (error) {
    say(T.no_library, true);
    return false;
  }
  Konva.dragDistance = 3;
  stage = new Konva.Stage({ container: board, width: board.clientWidth || 1, height: board.clientHeight || 1 });
  scanLayer = new Konva.Layer({ listening: false, imageSmoothingEnabled: false });
  markLayer = new Konva.Layer({ imageSmoothingEnabled: false });
  handleLayer = new Konva.Layer();
  draftLayer = new Konva.Layer({ listening: false, imageSmoothingEnabled: false });
  stage.add(scanLayer, markLayer, handleLayer, draftLayer);
  transformer = new Konva.Transformer({
    ignoreStroke: true, flipEnabled: false, rotateAnchorOffset: 22, borderStroke: "#fff", borderDash: [4, 3],
    anchorStroke: "#000", anchorFill: "#fff", anchorSize: window.matchMedia("(pointer: coarse)").matches ? 18 : 10,
    keepRatio: false,
  });
  return true;
}

function redraw(onlyChoice) {
  if (!onlyChoice) listToo = true;
  drawList();
  setEnabled();
  if (waiting) return;
  waiting = requestAnimationFrame(() => {
    waiting = 0;
    if (listToo) drawMarks();
    listToo = false;
    drawChoice();
  });
}

const pen = (mark, isChosen) => ({
  stroke: foundBy(mark.finding).colour, strokeWidth: isChosen ? 3 : 1.8, strokeScaleEnabled: false, dragDistance: 3,
  shadowColor: "#000", shadowBlur: 3, shadowOpacity: 1, perfectDrawEnabled: false,
});

function drawMarks() {
  markLayer.destroyChildren();
  nodes.clear();
  const size = (mark) => { const b = boundsOf(mark.shape); return (b.right - b.left) * (b.bottom - b.top); };
  const texts = [];
  marks.map((mark, i) => ({ mark, i })).sort((a, b) => size(b.mark) - size(a.mark)).forEach(({ mark, i }) => {
    const node = MAKE[mark.shape.kind](mark);
    node.setAttrs({ id: mark.id, draggable: false });
    follow(node, mark);
    nodes.set(mark.id, node);
    markLayer.add(node);
    texts.push(labelOf(mark, i));
  });
  markLayer.add(...texts);
}

const MAKE = {
  box: (mark) => new Konva.Rect({ ...mark.shape, ...pen(mark), fill: `${foundBy(mark.finding).colour}1c` }),
  ellipse: ({ shape, ...mark }) => new Konva.Ellipse({ x: shape.x, y: shape.y, radiusX: shape.rx, radiusY: shape.ry, rotation: shape.angle, ...pen(mark), fill: `${foundBy(mark.finding).colour}1c` }),
  polygon: (mark) => new Konva.Line({ points: mark.shape.points.flat(), closed: true, lineJoin: "round", ...pen(mark), fill: `${foundBy(mark.finding).colour}1c` }),
  spot: spotNode,
  brush: (mark) => {
    const mask = maskOf(mark.shape);
    const frame = frameOf(mask, mark.shape.width);
    const image = pictureOf(mask, mark.shape.width, frame, foundBy(mark.finding).colour);
    const node = new Konva.Image({ image, x: frame.left, y: frame.top, opacity: 0.55, dragDistance: 3 });
    let under = null; // the same pixels in the colour by which Konva knows the node
    node.hitFunc((context) => {
      under = under || tinted(mask, mark.shape.width, frame, node.colorKey);
      context.drawImage(under, 0, 0);
    });
    return node;
  },
};

function spotNode(mark) {
  const ring = { ...pen(mark), strokeScaleEnabled: true };
  const group = new Konva.Group({ x: mark.shape.x, y: mark.shape.y, scaleX: 1 / zoom.k, scaleY: 1 / zoom.k, name: "steady", dragDistance: 3 });
  group.add(new Konva.Circle({ radius: 8, ...ring, fill: "#0001", hitStrokeWidth: 16 }), new Konva.Line({ points: [-13, 0, -3, 0], ...ring }), new Konva.Line({ points: [3, 0, 13, 0], ...ring }), new Konva.Line({ points: [0, -13, 0, -3], ...ring }), new Konva.Line({ points: [0, 3, 0, 13], ...ring }));
  return group;
}

const pictures = new WeakMap();
function pictureOf(mask, width, frame, colour) {
  const kept = pictures.get(mask);
  if (kept && kept.colour === colour) return kept.canvas;
  pictures.set(mask, { colour, canvas: tinted(mask, width, frame, colour) });
  return pictures.get(mask).canvas;
}

function tinted(mask, width, frame, colour) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, frame.right - frame.left);
  canvas.height = Math.max(1, frame.bottom - frame.top);
  const context = canvas.getContext("2d");
  context.fillStyle = colour;
  for (let y = frame.top; y < frame.bottom; y += 1) {
    for (let x = frame.left; x < frame.right; x += 1) {
      const from = x;
      while (x < frame.right && mask[y * width + x]) x += 1;
      if (x > from) context.fillRect(from - frame.left, y - frame.top, x - from, 1);
    }
  }
  return canvas;
}

function labelOf(mark, i) {
  const b = boundsOf(mark.shape);
  const isSpot = mark.shape.kind === "spot";
  const node = new Konva.Text({
    text: `${i + 1} ${foundBy(mark.finding).short}`, fontSize: 12, fontStyle: "bold", fontFamily: "system-ui, sans-serif",
    fill: foundBy(mark.finding).colour, stroke: "#000", strokeWidth: 3, fillAfterStrokeEnabled: true, lineJoin: "round",
    x: isSpot ? b.left : Math.max(0, b.left), y: b.top, offsetX: isSpot ? -11 : 0, offsetY: isSpot ? 15 : 15,
    scaleX: 1 / zoom.k, scaleY: 1 / zoom.k, name: "steady label", listening: false,
  });
  if (b.top * zoom.k + zoom.y < 16) node.offsetY(isSpot ? -2 : -2);
  return node;
}

// what a pull or a resize makes of a region
function follow(node, mark) {
  const { shape } = mark;
  const home = node.position();
  const way = () => allowed(shape, node.x() - home.x, node.y() - home.y);
  node.on("dragstart", () => { handleLayer.find(".handle").forEach((one) => one.hide()); markLayer.find(".label").forEach((one) => one.hide()); });
  node.on("dragmove", () => {
    const { dx, dy } = way();
    const whole = shape.kind === "brush" ? Math.round : (value) => value;
    node.position({ x: home.x + whole(dx), y: home.y + whole(dy) });
  });
  node.on("dragend", () => {
    const { dx, dy } = way();
    if (isPinched()) redraw();
    else if (Math.abs(dx) + Math.abs(dy) > 0.005) change(mark.id, { shape: moved(shape, dx, dy) });
    else redraw();
  });
  node.on("transformend", () => (isPinched() ? redraw() : change(mark.id, { shape: resized(node, shape) })));
}

function resized(node, shape) {
  const [across, down] = [Math.abs(node.scaleX()), Math.abs(node.scaleY())];
  if (shape.kind === "box") return keptBox({ x: node.x(), y: node.y(), width: node.width() * across, height: node.height() * down });
  return keptEllipse({ kind: "ellipse", x: round(node.x()), y: round(node.y()), rx: node.radiusX() * across, ry: node.radiusY() * down, angle: node.rotation() });
}

function drawChoice() {
  const edits = tool === "select" && isEditable() && !isPinched();
  for (const [id, node] of nodes) {
    node.draggable(edits);
    const width = id === chosen ? 3.2 : 1.8;
    if (node.getClassName() === "Group") node.getChildren().forEach((part) => part.strokeWidth(width));
    else if (node.getClassName() === "Image") node.opacity(id === chosen ? 0.7 : 0.5);
    else node.strokeWidth(width);
  }
  transformer.nodes([]);
  transformer.remove();
  handleLayer.destroyChildren();
  markLayer.listening(tool === "select" && !isPinched());
  handleLayer.listening(!isPinched());
  const mark = markOf(chosen);
  if (!mark) return;
  const { shape } = mark;
  if (shape.kind === "brush") frameBrush(shape);
  if (!edits) return;
  if (shape.kind === "polygon") drawCorners(mark);
  if (shape.kind !== "box" && shape.kind !== "ellipse") return;
  const box = shape.kind === "box";
  transformer.rotateEnabled(!box);
  transformer.boundBoxFunc((was, now) => (now.width < 2 || now.height < 2 ? was : now));
  transformer.nodes([nodes.get(mark.id)]);
  handleLayer.add(transformer);
}

function frameBrush(shape) {
  const b = boundsOf(shape);
  handleLayer.add(new Konva.Rect({ x: b.left, y: b.top, width: b.right - b.left, height: b.bottom - b.top, stroke: "#fff", strokeWidth: 1, strokeScaleEnabled: false, dash: [4, 3], listening: false, name: "handle" }));
}

// a corner is pulled; one between two corners becomes a new one; a double click takes one out
function drawCorners(mark) {
  const points = mark.shape.points;
  const coarse = window.matchMedia("(pointer: coarse)").matches ? 1.7 : 1;
  const corner = (x, y, at, isNew) => {
    const node = new Konva.Circle({ x, y, radius: (isNew ? 4 : 6) * coarse, scaleX: 1 / zoom.k, scaleY: 1 / zoom.k, fill: isNew ? "#888" : "#fff", stroke: "#000", strokeWidth: 1, draggable: true, dragDistance: 0, name: "handle steady", hitStrokeWidth: 8 });
    const next = () => {
      const p = inside(node.position());
      return isNew ? [...points.slice(0, at), [p.x, p.y], ...points.slice(at)] : points.map((one, i) => (i === at ? [p.x, p.y] : one));
    };
    node.on("dragmove", () => {
      node.position(inside(node.position()));
      const wrong = crosses(next(), true);
      nodes.get(mark.id).setAttrs({ points: next().flat(), stroke: wrong ? RED : foundBy(mark.finding).colour, dash: wrong ? [6, 4] : [] });
      say(wrong ? T.crosses : "", wrong);
    });
    node.on("dragend", () => (isPinched() ? redraw() : settleCorner(mark, next())));
    node.on("dblclick dbltap", () => { if (!isNew && points.length > 3) settleCorner(mark, points.filter((_, i) => i !== at)); });
    handleLayer.add(node);
  };
  points.forEach(([x, y], i) => {
    const [u, v] = points[(i + 1) % points.length];
    if (Math.hypot(u - x, v - y) * zoom.k > 40 && points.length < LIMITS.points) corner((x + u) / 2, (y + v) / 2, i + 1, true);
  });
  points.forEach(([x, y], i) => corner(x, y, i, false));
}

function settleCorner(mark, points) {
  if (crosses(points, true) || surface(points) <= 0) {
    say(T.put_back, true);
    redraw();
    return;
  }
  say("");
  change(mark.id, { shape: { ...mark.shape, points } });
}

// ---- drawing ---------------------------------------------------------------------------
const DRAW = {
  box: { start: (p) => { draft = { a: p, b: p }; }, move: (p) => { draft.b = p; }, end: () => endDrag(boxBetween) },
  ellipse: { start: (p) => { draft = { a: p, b: p }; }, move: (p) => { draft.b = p; }, end: () => endDrag(ellipseBetween) },
  spot: { start: (p) => { draft = { spot: p }; }, move: (p) => { draft.spot = p; }, end: endSpot },
  polygon: { start: startCorner, move: moveCorner, end: endCorner },
  brush: { start: (p) => startPaint(p, 1), move: paintTo, end: endPaint },
  erase: { start: (p) => startPaint(p, 0), move: paintTo, end: endPaint },
};

function endDrag(between) {
  const { a, b } = draft;
  draft = null;
  const isDrag = Math.abs(a.x - b.x) * zoom.k >= 3 && Math.abs(a.y - b.y) * zoom.k >= 3;
  if (isDrag) add(between(a, b));
  else say(T.pull);
}

function endSpot() {
  const { spot } = draft;
  draft = null;
  add({ kind: "spot", x: Math.min(spot.x, view.width - 0.01), y: Math.min(spot.y, view.height - 0.01) });
}

function startCorner(p) {
  const points = draft ? draft.points : [];
  const first = points.length && { x: points[0][0], y: points[0][1] };
  const last = points.length && { x: points[points.length - 1][0], y: points[points.length - 1][1] };
  const closes = points.length >= 3 && (apart(p, first) * zoom.k < NEAR || apart(p, last) * zoom.k < 4);
  if (closes) { draft.closes = true; return; }
  if (points.length >= LIMITS.points) { say(fill(T.too_many_points, { n: LIMITS.points }), true); return; }
  if (last && apart(p, last) * zoom.k < 4) return;
  draft = { points: [...points, [p.x, p.y]], pulls: true, rubber: null };
  judge();
}

function moveCorner(p) {
  if (!draft.pulls) return;
  draft.points = [...draft.points.slice(0, -1), [p.x, p.y]];
  judge();
}

function endCorner() {
  if (!draft) return;
  draft.pulls = false;
  if (draft.closes) { draft.closes = false; closePolygon(); }
}

function judge() {
  draft.wrong = crosses(draft.points, false);
  say(draft.wrong ? T.crosses : draft.points.length < 3 ? T.corners : T.close_hint, draft.wrong);
}

function closePolygon() {
  if (!draft || !draft.points) return;
  const { points } = draft;
  if (points.length < 3) { say(T.corners); return; }
  if (crosses(points, true) || surface(points) <= 0) {
    draft.wrong = true;
    say(T.crosses, true);
    drawDraft();
    return;
  }
  draft = null;
  add({ kind: "polygon", points });
  drawDraft();
}

function takePointBack() {
  const points = draft.points.slice(0, -1);
  draft = points.length ? { points } : null;
  if (draft) judge(); else say("");
  drawDraft();
}

function drop() {
  if (draft && draft.pulls && draft.points.length > 1) { takePointBack(); return; }
  draft = null;
  say("");
  drawDraft();
}

// The brush is round and has no half pixels: a pixel is painted when its centre is within reach.
function startPaint(p, value) {
  const mark = paintable(p, value);
  if (!mark && !value) { say(T.nothing_to_erase); return; }
  if (!mark && marks.length >= LIMITS.marks) { say(fill(T.too_many, { n: LIMITS.marks }), true); return; }
  const mask = mark ? Uint8Array.from(maskOf(mark.shape)) : new Uint8Array(view.width * view.height);
  const canvas = tinted(mask, view.width, { left: 0, top: 0, right: view.width, bottom: view.height }, foundBy(mark ? mark.finding : finding).colour);
  const context = canvas.getContext("2d");
  context.fillStyle = foundBy(mark ? mark.finding : finding).colour;
  draft = { mark, mask, canvas, context, value, at: p };
  if (mark) nodes.get(mark.id)?.hide();
  paintTo(p);
}

function paintable(p, value) {
  const mark = markOf(chosen);
  if (mark && mark.shape.kind === "brush" && (!value || mark.finding === finding)) return mark;
  if (value) return null;
  const at = Math.min(view.height - 1, Math.floor(p.y)) * view.width + Math.min(view.width - 1, Math.floor(p.x));
  const painted = marks.filter((one) => one.shape.kind === "brush");
  return painted.findLast((one) => maskOf(one.shape)[at]) || (painted.length === 1 ? painted[0] : null);
}

function paintTo(p) {
  if (!draft || !draft.mask) return;
  const { at: a, value } = draft;
  const reach = Number(slider.value) / 2;
  const [dx, dy] = [p.x - a.x, p.y - a.y];
  const length = dx * dx + dy * dy || 1;
  const left = clamp(Math.floor(Math.min(a.x, p.x) - reach), 0, view.width - 1);
  const right = clamp(Math.ceil(Math.max(a.x, p.x) + reach), 1, view.width);
  const top = clamp(Math.floor(Math.min(a.y, p.y) - reach), 0, view.height - 1);
  const bottom = clamp(Math.ceil(Math.max(a.y, p.y) + reach), 1, view.height);
  const own = Math.min(view.height - 1, Math.floor(p.y)) * view.width + Math.min(view.width - 1, Math.floor(p.x));
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) {
      const i = y * view.width + x;
      if (draft.mask[i] === value) continue;
      const along = clamp(((x + 0.5 - a.x) * dx + (y + 0.5 - a.y) * dy) / length, 0, 1);
      if (i !== own && Math.hypot(x + 0.5 - a.x - along * dx, y + 0.5 - a.y - along * dy) > reach) continue;
      draft.mask[i] = value;
      draft.touched = true;
      if (value) draft.context.fillRect(x, y, 1, 1); else draft.context.clearRect(x, y, 1, 1);
    }
  }
  draft.at = p;
}

function endPaint() {
  if (!draft || !draft.mask) { draft = null; return; }
  const { mark, mask, touched } = draft;
  draft = null;
  if (!touched) { redraw(); return; }
  if (!mask.includes(1)) { if (mark) remove(mark.id); return; }
  const shape = encode(mask, view.width, view.height);
  if (mark) change(mark.id, { shape }); else add(shape);
}

function drawDraft() {
  if (!stage) return;
  draftLayer.destroyChildren();
  setUndo();
  find(".closing").hidden = !(draft && draft.points);
  find("[data-do=close]").disabled = !(draft && draft.points && draft.points.length > 2 && !draft.wrong);
  if (draft) SKETCH.find(([key]) => draft[key])?.[1](draft);
  if (cursor) drawCursor();
  draftLayer.batchDraw();
}

const sketchPen = (wrong) => ({ stroke: wrong ? RED : foundBy(finding).colour, dash: wrong ? [6, 4] : [], strokeWidth: 2, strokeScaleEnabled: false, shadowColor: "#000", shadowBlur: 3 });
const SKETCH = [
  ["a", ({ a, b }) => draftLayer.add(tool === "box" ? new Konva.Rect({ ...boxBetween(a, b), ...sketchPen() }) : MAKE.ellipse({ finding, shape: ellipseBetween(a, b) }))],
  ["spot", ({ spot }) => draftLayer.add(spotNode({ finding, shape: spot }))],
  ["mask", ({ canvas }) => draftLayer.add(new Konva.Image({ image: canvas, opacity: 0.7 }))],
  ["points", ({ points, rubber, wrong }) => {
    draftLayer.add(new Konva.Line({ points: [...points, ...(rubber ? [rubber] : [])].flat(), ...sketchPen(wrong) }));
    points.forEach(([x, y], i) => draftLayer.add(new Konva.Circle({ x, y, radius: (i ? 3.5 : 6) / zoom.k, fill: "#fff", stroke: "#000", strokeWidth: 1, strokeScaleEnabled: false })));
  }],
];

function drawCursor() {
  const [arm, width] = [12 / zoom.k, { stroke: "#fff", strokeWidth: 1.5, strokeScaleEnabled: false, shadowColor: "#000", shadowBlur: 2 }];
  draftLayer.add(new Konva.Line({ points: [cursor.x - arm, cursor.y, cursor.x + arm, cursor.y], ...width }), new Konva.Line({ points: [cursor.x, cursor.y - arm, cursor.x, cursor.y + arm], ...width }));
  if (tool === "brush" || tool === "erase") draftLayer.add(new Konva.Circle({ ...cursor, radius: Number(slider.value) / 2, ...width }));
}

// ---- mouse, pen and fingers ------------------------------------------------------------
const pointers = new Map();
let stroke = null; // the pointer that draws or shifts the picture
const isPinched = () => pointers.size > 1;
let spaceHeld = false;

function placeOf(event) {
  const box = board.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}
const toScan = (at) => ({ x: (at.x - zoom.x) / zoom.k, y: (at.y - zoom.y) / zoom.k });

function onDown(event) {
  if (!stage || !view.task) return;
  board.focus({ preventScroll: true });
  const hasPen = [...pointers.values()].some((one) => one.type === "pen");
  if (hasPen && event.pointerType === "touch") return; // the hand that holds the pen
  const at = placeOf(event);
  pointers.set(event.pointerId, { ...at, type: event.pointerType });
  if (pointers.size > 1) { beginPinch(); return; }
  cursor = null;
  const shifts = event.button === 1 || event.button === 2 || spaceHeld || !isEditable();
  if (!shifts && tool === "select") {
    const hit = stage.getIntersection(at);
    if (hit) { chooseHit(hit); return; }
    choose(null);
  }
  board.setPointerCapture(event.pointerId);
  event.preventDefault();
  stroke = { id: event.pointerId, shifts: shifts || tool === "select" };
  if (stroke.shifts) return;
  DRAW[tool].start(inside(toScan(at)));
  drawDraft();
}

function chooseHit(hit) {
  const id = hit.id() || hit.getParent().id();
  if (markOf(id)) choose(id);
}

function beginPinch() {
  for (const node of [...nodes.values(), ...handleLayer.find(".handle")]) if (node.isDragging()) node.stopDrag();
  if (transformer.isTransforming()) transformer.stopTransform();
  for (const node of nodes.values()) node.draggable(false); // at once: the second finger may lie on one
  markLayer.listening(false);
  handleLayer.listening(false);
  if (stroke && !stroke.shifts && draft) { drop(); redraw(); }
  stroke = null;
  for (const id of pointers.keys()) { try { board.setPointerCapture(id); } catch (e) { /* it is gone */ } }
}

function onMove(event) {
  if (!stage || !view.task) return;
  const at = placeOf(event);
  const p = toScan(at);
  find(".where").textContent = p.x >= 0 && p.y >= 0 && p.x < view.width && p.y < view.height ? `x ${Math.floor(p.x)} y ${Math.floor(p.y)}` : "";
  const before = pointers.get(event.pointerId);
  if (!before) { hover(p); return; }
  if (pointers.size > 1) pinch(event.pointerId, before, at);
  else if (stroke && stroke.shifts) shiftBy(at.x - before.x, at.y - before.y);
  else if (stroke && draft) {
    const steps = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const step of steps.length ? steps : [event]) DRAW[tool].move(inside(toScan(placeOf(step))));
    drawDraft();
  }
  pointers.set(event.pointerId, { ...before, ...at });
}

function hover(p) {
  if (draft && draft.points) { const q = inside(p); draft.rubber = [q.x, q.y]; drawDraft(); return; }
  if ((tool === "brush" || tool === "erase") && isEditable() && !draft) {
    cursor = p;
    drawDraft();
  }
}

function onUp(event) {
  if (!pointers.delete(event.pointerId)) return;
  if (pointers.size === 1) redraw(true);
  if (!stroke || stroke.id !== event.pointerId) return;
  const { shifts } = stroke;
  stroke = null;
  if (shifts) return;
  if (event.type === "pointercancel") { drop(); redraw(); return; }
  if (draft) {
    DRAW[tool].move(inside(toScan(placeOf(event))));
    DRAW[tool].end();
  }
  drawDraft();
}

function pinch(id, before, now) {
  const [, other] = [...pointers.entries()].find(([one]) => one !== id);
  const middle = (p) => ({ x: (p.x + other.x) / 2, y: (p.y + other.y) / 2 });
  const factor = apart(now, other) / Math.max(1, apart(before, other));
  shiftBy(middle(now).x - middle(before).x, middle(now).y - middle(before).y);
  zoomBy(factor, middle(now));
}

// ---- zoom ------------------------------------------------------------------------------
const whole = () => Math.min(stage.width() / view.width, stage.height() / view.height);

function fit() {
  if (!stage || !view.width) return;
  zoom = { k: whole(), x: 0, y: 0 };
  place();
}

function zoomBy(factor, at = { x: stage.width() / 2, y: stage.height() / 2 }) {
  const k = clamp(zoom.k * factor, whole(), Math.max(48, whole()));
  zoom = { k, x: at.x - ((at.x - zoom.x) * k) / zoom.k, y: at.y - ((at.y - zoom.y) * k) / zoom.k };
  place();
}

function shiftBy(dx, dy) {
  zoom = { ...zoom, x: zoom.x + dx, y: zoom.y + dy };
  place();
}

function place() {
  const kept = (room, side, at) => (side <= room ? (room - side) / 2 : clamp(at, room - side, 0));
  zoom.x = kept(stage.width(), view.width * zoom.k, zoom.x);
  zoom.y = kept(stage.height(), view.height * zoom.k, zoom.y);
  stage.setAttrs({ scaleX: zoom.k, scaleY: zoom.k, x: zoom.x, y: zoom.y });
  for (const layer of [markLayer, handleLayer, draftLayer]) layer.find(".steady").forEach((node) => node.scale({ x: 1 / zoom.k, y: 1 / zoom.k }));
  board.dataset.zoom = `${zoom.k} ${zoom.x} ${zoom.y}`;
  redraw(true);
  drawDraft();
}

// ---- keys ------------------------------------------------------------------------------
function arrow(dx, dy, event) {
  const step = event.shiftKey ? 10 : 1;
  const mark = markOf(chosen);
  if (cursor && cursor.keys) {
    const p = inside({ x: cursor.x + dx * step, y: cursor.y + dy * step });
    cursor = { ...p, keys: true };
    if (draft && draft.points) { draft.rubber = [p.x, p.y]; } else if (draft) DRAW[tool].move(p);
    drawDraft();
  } else if (mark && isEditable() && !draft) {
    const shape = moved(mark.shape, dx * step, dy * step);
    if (canonical([{ ...mark, shape }]) !== canonical([mark])) change(mark.id, { shape });
  } else return false;
  return true;
}

function space() {
  if (!isAtHand()) return false;
  if (!isEditable() || tool === "select") { spaceHeld = true; return true; }
  if (!cursor || !cursor.keys) {
    const centre = toScan({ x: stage.width() / 2, y: stage.height() / 2 });
    cursor = { x: Math.floor(centre.x) + 0.5, y: Math.floor(centre.y) + 0.5, keys: true };
    say(T.key_cursor);
    drawDraft();
    return true;
  }
  const p = { x: cursor.x, y: cursor.y };
  const isOpen = draft && !draft.points;
  if (!isOpen) DRAW[tool].start(p);
  if (isOpen || tool === "polygon" || tool === "spot") DRAW[tool].end();
  drawDraft();
  return true;
}

function escape() {
  if (draft) { draft = null; say(""); drawDraft(); redraw(); } else if (cursor && cursor.keys) { cursor = null; say(""); drawDraft(); } else if (chosen) choose(null);
  else return false;
  return true;
}

function erase() {
  if (draft && draft.points) takePointBack();
  else if (chosen && isEditable()) remove(chosen);
  else return false;
  return true;
}

function resizeBrush(step) {
  const by = Math.max(1, Math.round(Number(slider.value) * 0.15));
  slider.value = Number(slider.value) + step * by;
  drawSize();
}

const KEYS = {
  delete: erase, backspace: erase, escape,
  enter: () => { if (!draft || !draft.points) return false; closePolygon(); return true; },
  "+": () => zoomBy(1.4), "=": () => zoomBy(1.4), "-": () => zoomBy(1 / 1.4), "−": () => zoomBy(1 / 1.4), 0: fit,
  "[": () => resizeBrush(-1), "]": () => resizeBrush(1), " ": space,
  arrowleft: (event) => arrow(-1, 0, event), arrowright: (event) => arrow(1, 0, event),
  arrowup: (event) => arrow(0, -1, event), arrowdown: (event) => arrow(0, 1, event),
  "?": () => (isAtHand() ? find("dialog").showModal() : false),
};
for (const [name, key] of TOOLS) KEYS[key.toLowerCase()] = () => setTool(name);

function isElsewhere(event) {
  const target = event.target;
  if (!isVisible() || !view.task || !stage || find("dialog").open) return true;
  if (target !== document.body && !element.contains(target)) return true;
  if (target.matches("textarea, select, input:not([type=range]):not([type=radio])")) return true;
  const key = event.key.toLowerCase();
  if (target.matches("input") && (key.startsWith("arrow") || key === " ")) return true;
  return target.matches("button") && (key === "enter" || key === " ");
}

// before the other listeners of the page, which do not get what was used here
function onKey(event) {
  if (!document.contains(room)) { document.removeEventListener("keydown", onKey, true); return; }
  if (isElsewhere(event) || event.altKey) return;
  const key = event.key.toLowerCase();
  const held = event.ctrlKey || event.metaKey;
  let action = held ? null : KEYS[key];
  if (held && key === "z") action = event.shiftKey ? redo : undo;
  if (held && key === "y") action = redo;
  if (!action || (event.repeat && key === " ") || action(event) === false) return;
  event.preventDefault();
  event.stopPropagation();
}

function onKeyUp(event) {
  if (event.key === " ") spaceHeld = false;
}

function setTool(name) {
  if (!isEditable() || name === tool) return;
  if (draft) { draft = null; redraw(); }
  tool = name;
  cursor = null;
  say("");
  drawDraft();
  redraw(true);
}

// ---- beside the scan -------------------------------------------------------------------
function build() {
  element.querySelectorAll("[data-text]").forEach((node) => { node.textContent = T[node.dataset.text]; });
  element.querySelectorAll("[data-label]").forEach((node) => { node.title = T[node.dataset.label]; node.setAttribute("aria-label", T[node.dataset.label]); });
  board.setAttribute("aria-label", T.board);
  find(".bar").setAttribute("aria-label", T.tools);
  for (const [name, key] of TOOLS) {
    const button = make("button");
    button.type = "button";
    button.dataset.tool = name;
    button.title = `${T[name]} (${key})`;
    button.setAttribute("aria-label", T[name]);
    button.append(icon(name), make("kbd", "", key));
    button.addEventListener("click", () => setTool(name));
    find(".kinds").append(button);
  }
  FINDINGS.forEach((one) => find(".choices").append(choiceOf(one)));
  for (const [keys, does] of props.keys) find("dl").append(make("dt", "", keys), make("dd", "", does));
  element.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button) ACTIONS[button.dataset.do]();
  });
  slider.max = String(LIMITS.brush);
  slider.addEventListener("input", drawSize);
  drawSize();
}

function choiceOf(one) {
  const label = make("label");
  const radio = make("input");
  radio.type = "radio";
  radio.name = GROUP;
  radio.value = one.name;
  label.style.setProperty("--colour", one.colour);
  label.append(radio, make("span", "", one.name));
  radio.addEventListener("change", () => {
    finding = one.name;
    if (tool === "select" && chosen) change(chosen, { finding });
    drawDraft();
  });
  return label;
}

function drawSize() {
  find(".size output").textContent = `${slider.value} px`;
  drawDraft();
}

const ACTIONS = {
  undo, redo, close: closePolygon, leave: () => { draft = null; say(""); drawDraft(); },
  in: () => zoomBy(1.4), out: () => zoomBy(1 / 1.4), fit,
  suggest: () => {
    const { task } = view;
    say(T.asking);
    setTimeout(() => trigger("apply", { task }), Math.max(0, drawnAt + SETTLING_MS - performance.now()));
  },
  keys: () => find("dialog").showModal(), "hide-keys": () => find("dialog").close(),
};

function setEnabled() {
  room.dataset.readonly = String(!isEditable());
  board.dataset.holds = tool;
  setUndo();
  find("[data-do=redo]").disabled = !future.length;
  element.querySelectorAll("[data-tool]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.tool === tool)));
  element.querySelectorAll(".choices input").forEach((radio) => { radio.checked = radio.value === finding; });
  find(".size").hidden = tool !== "brush" && tool !== "erase";
}

function setUndo() {
  find("[data-do=undo]").disabled = !past.length && !(draft && draft.points);
}

function drawList() {
  const held = document.activeElement && element.contains(document.activeElement) ? document.activeElement.dataset.held : null;
  const top = find(".side").scrollTop;
  find(".count").textContent = marks.length ? String(marks.length) : "";
  find(".none").hidden = marks.length > 0;
  find(".regions").replaceChildren(...marks.map(rowOf));
  find(".side").scrollTop = top;
  if (!held) return;
  const again = [...element.querySelectorAll("[data-held]")].find((node) => node.dataset.held === held);
  (again || find(".regions li.chosen .row") || board).focus({ preventScroll: true });
}

function rowOf(mark, i) {
  const item = make("li", mark.id === chosen ? "chosen" : "");
  const row = make("button", "row");
  row.type = "button";
  row.dataset.held = `row ${mark.id}`;
  row.setAttribute("aria-current", String(mark.id === chosen));
  row.append(make("strong", "", String(i + 1)), icon(mark.shape.kind), make("span", "", mark.finding), make("span", "words", mark.caption));
  row.setAttribute("aria-label", `${i + 1} ${T[mark.shape.kind]}: ${mark.finding} ${mark.caption}`.trim());
  row.addEventListener("click", () => choose(mark.id));
  item.style.setProperty("--colour", foundBy(mark.finding).colour);
  item.append(row);
  if (mark.id === chosen && isEditable()) item.append(editorOf(mark));
  return item;
}

function editorOf(mark) {
  const editor = make("div", "edit");
  const select = make("select");
  for (const one of FINDINGS) select.append(new Option(one.name, one.name, false, one.name === mark.finding));
  select.dataset.held = `finding ${mark.id}`;
  select.setAttribute("aria-label", T.finding);
  select.addEventListener("change", () => { finding = select.value; change(mark.id, { finding }); });
  const words = make("input");
  words.type = "text";
  words.maxLength = LIMITS.caption;
  words.value = mark.caption;
  words.placeholder = T.caption;
  words.dataset.held = `caption ${mark.id}`;
  words.setAttribute("aria-label", T.caption);
  words.addEventListener("input", () => caption(mark.id, words.value));
  words.addEventListener("change", () => { typing = null; });
  const gone = make("button", "", T.remove);
  gone.type = "button";
  gone.dataset.held = `remove ${mark.id}`;
  gone.addEventListener("click", () => remove(mark.id));
  editor.append(select, gone, words);
  return editor;
}

// ---- what the server sends -------------------------------------------------------------
function receive(next) {
  if (!next || !next.task || !stage) return;
  drawnAt = performance.now();
  if (next.scan) open(next);
  else {
    if ("saved" in next) answered(next);
    if ("suggestion" in next && next.task === view.task) takeSuggestion(next);
  }
  if (unsent.size) later(SETTLING_MS);
}

function open(next) {
  const newer = unsent.get(next.task); // is still on its way
  view = next;
  marks = newer ? newer.marks : next.marks;
  bases[view.task] = canonical(next.marks);
  [past, future, chosen, draft, cursor, typing] = [[], [], null, null, null, null];
  if (view.readonly) tool = "select"; else if (tool === "select") tool = "box";
  find(".suggest").hidden = !view.suggests;
  say("");
  saving("");
  const image = new Image();
  image.onload = () => {
    if (view !== next) return;
    scanLayer.destroyChildren();
    scanLayer.add(new Konva.Image({ image, width: view.width, height: view.height }));
    board.dataset.task = view.task;
  };
  image.src = view.scan;
  delete board.dataset.task;
  find(".frame").style.setProperty("--aspect", view.width / view.height);
  stage.size({ width: board.clientWidth || 1, height: board.clientHeight || 1 });
  fit();
  redraw();
  if (isEditable() && !newer) restore();
}

// what was drawn when the page was closed and had not arrived
function restore() {
  const kept = stored(view.task);
  if (!kept) return;
  if (kept.base !== bases[view.task]) { store(view.task, null); return; }
  commit(kept.marks, null);
  say(T.restored);
}

function takeSuggestion({ suggestion, note }) {
  if (!suggestion) { say(note || T.no_suggestion); return; }
  if (!isEditable() || markOf(suggestion.id) || past.some((list) => list.some((mark) => mark.id === suggestion.id))) { say(T.suggested_before); return; }
  say(T.suggested);
  tool = "select";
  finding = suggestion.finding;
  commit([...marks, suggestion], suggestion.id);
}

async function start() {
  build();
  if (!(await load())) return;
  board.addEventListener("pointerdown", onDown);
  board.addEventListener("pointermove", onMove);
  for (const type of ["pointerup", "pointercancel"]) board.addEventListener(type, onUp);
  for (const type of ["pointerup", "pointercancel"]) window.addEventListener(type, (event) => pointers.delete(event.pointerId));
  board.addEventListener("pointerleave", () => { find(".where").textContent = ""; if (cursor && !cursor.keys) { cursor = null; drawDraft(); } });
  board.addEventListener("contextmenu", (event) => event.preventDefault());
  board.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 400), placeOf(event));
  }, { passive: false });
  document.addEventListener("keydown", onKey, true);
  document.addEventListener("keyup", onKeyUp, true);
  document.addEventListener("visibilitychange", () => { if (document.hidden) pump(); });
  new ResizeObserver(() => {
    if (!board.clientWidth) return;
    const wasWhole = Math.abs(zoom.k - whole()) < 1e-6;
    stage.size({ width: board.clientWidth, height: board.clientHeight });
    if (wasWhole || zoom.k < whole()) fit(); else place();
  }).observe(board);
  receive(props.value);
  watch("value", () => receive(props.value));
}

start();
