// The outline canvas: regions are drawn over a scan, and every finished stroke is sent.
// Konva draws, finds what is under the pointer, drags and resizes; what a region is, and the
// pixels of the brush, are kept here in the pixels of the scan. See octtutor/ui/canvas/canvas.py.
import { connectButtons, fill, finder, isShown, make, writeTexts } from "../shared/dom.js";
import { dragged, filterNow, lightNow, onLight, setLight, USUAL } from "../shared/light.js";
import { isControls, isTyping } from "../shared/keys.js";
import { Transport } from "../shared/transport.js";
import { apart, clamp, middle, wheelFactor, zoomedAt } from "../shared/zoom.js";
import { encode, frameOf, maskOf, paintLine, pixelAt } from "./runs.js";
import * as geometry from "./shapes.js";
import {
  boundsOf,
  boxBetween,
  canonical,
  crosses,
  ellipseBetween,
  isRegion,
  round,
} from "./shapes.js";
import { Strokes } from "./strokes.js";

const LIBRARY = new URL("../vendor/konva-10.9.1.min.js", import.meta.url).href;
const RED = "#ff6b57";
const NEAR = 10; // screen pixels within which a click closes a polygon

/**
 * Fill the component.
 * @param {import("../shared/dom.js").Component} component
 */
export function start({ element, props, trigger, watch }) {
  const T = props.texts;
  const FINDINGS = props.findings;
  const LIMITS = props.limits;
  const GROUP = `outline-finding-${Math.random()}`;
  const find = finder(element);
  /** @param {string} selector @returns {any[]} */
  const all = (selector) => [...element.querySelectorAll(selector)];
  const room = find(".outliner");
  const board = find(".board");
  const slider = find(".size input");

  /** @type {any} */
  let view = { task: null, width: 0, height: 0, readonly: true };
  /** @type {any[]} */
  let marks = [];
  /** @type {any[][]} */
  let past = [];
  /** @type {any[][]} */
  let future = [];
  /** @type {string | null} */
  let chosen = null;
  let tool = "box";
  let finding = FINDINGS[0].name;
  /** @type {any} */
  let draft = null;
  /** @type {any} */
  let cursor = null;
  let zoom = { k: 1, x: 0, y: 0 };
  /** @type {string | null} */
  let typing = null;
  const transport = new Transport(trigger);
  const strokes = new Strokes(transport, {
    isThere: () => document.contains(room),
    said: (state, fault) =>
      saving(fault || SAVING[state], state === "fault" || state === "not saved"),
  });
  const SAVING = { saving: T.saving, saved: T.saved, "not saved": T.not_saved };

  const foundBy = (name) =>
    FINDINGS.find((one) => one.name === name) || FINDINGS[FINDINGS.length - 1];
  const markOf = (id) => marks.find((mark) => mark.id === id);
  const isEditable = () => !view.readonly && Boolean(view.task);
  const isAtHand = () => element.contains(document.activeElement);
  const isVisible = () => isShown(room);
  const newId = () =>
    [...crypto.getRandomValues(new Uint8Array(8))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
  const inside = (p) => geometry.inside(p, view);
  const moved = (shape, dx, dy) => geometry.moved(shape, dx, dy, view);

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
  const TOOLS = [
    ["select", "V"],
    ["box", "B"],
    ["polygon", "P"],
    ["spot", "O"],
    ["ellipse", "C"],
    ["brush", "Y"],
    ["erase", "X"],
  ];

  function icon(kind) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", ICONS[kind]);
    svg.append(path);
    return svg;
  }

  // ---- what is kept, undone and sent -----------------------------------------------------
  function commit(next, select = chosen) {
    past.push(marks);
    future = [];
    typing = null;
    marks = next;
    chosen = markOf(select) ? select : null;
    redraw();
    strokes.add(view.task, marks);
  }

  function stepTo(from, to) {
    if (!isEditable() || draft) return;
    if (!from.length) return;
    to.push(marks);
    marks = from.pop();
    typing = null;
    if (!markOf(chosen)) chosen = null;
    redraw();
    strokes.add(view.task, marks);
  }
  function undo() {
    if (draft && draft.points) takePointBack();
    else stepTo(past, future);
  }
  function redo() {
    stepTo(future, past);
  }

  function add(shape) {
    if (marks.length >= LIMITS.marks) {
      say(fill(T.too_many, { n: LIMITS.marks }), true);
      return;
    }
    const mark = { id: newId(), finding, caption: "", shape };
    say("");
    commit([...marks, mark], mark.id);
  }

  function change(id, what) {
    commit(
      marks.map((mark) => (mark.id === id ? { ...mark, ...what } : mark)),
      id,
    );
  }

  function remove(id) {
    const at = marks.findIndex((mark) => mark.id === id);
    if (!isEditable() || at < 0) return;
    const next = marks.filter((mark) => mark.id !== id);
    commit(next, next.length ? next[Math.min(at, next.length - 1)].id : null);
  }

  // letters of one caption are one step back
  function caption(id, text) {
    if (typing !== id) {
      past.push(marks);
      future = [];
      typing = id;
    }
    marks = marks.map((mark) => (mark.id === id ? { ...mark, caption: text } : mark));
    setEnabled();
    strokes.add(view.task, marks);
  }

  function choose(id) {
    if (id === chosen) return;
    chosen = id;
    typing = null;
    if (id) finding = markOf(id).finding;
    redraw(true);
  }

  function saving(text, isWrong) {
    find(".saving").textContent = text;
    find(".saving").classList.toggle("wrong", Boolean(isWrong));
  }

  // ---- the scene -------------------------------------------------------------------------
  /** @type {any} */
  let Konva, stage, scanLayer, markLayer, handleLayer, draftLayer, transformer;
  const nodes = new Map();
  let waiting = 0;
  let listToo = false;

  async function load() {
    try {
      ({ Konva } = await import(LIBRARY));
    } catch {
      say(T.no_library, true);
      return false;
    }
    Konva.dragDistance = 3;
    stage = new Konva.Stage({
      container: board,
      width: board.clientWidth || 1,
      height: board.clientHeight || 1,
    });
    scanLayer = new Konva.Layer({ listening: false, imageSmoothingEnabled: false });
    markLayer = new Konva.Layer({ imageSmoothingEnabled: false });
    handleLayer = new Konva.Layer();
    draftLayer = new Konva.Layer({ listening: false, imageSmoothingEnabled: false });
    stage.add(scanLayer, markLayer, handleLayer, draftLayer);
    transformer = new Konva.Transformer({
      ignoreStroke: true,
      flipEnabled: false,
      rotateAnchorOffset: 22,
      borderStroke: "#fff",
      borderDash: [4, 3],
      anchorStroke: "#000",
      anchorFill: "#fff",
      anchorSize: window.matchMedia("(pointer: coarse)").matches ? 18 : 10,
      keepRatio: false,
    });
    onLight(() => {
      scanLayer.getNativeCanvasElement().style.filter = filterNow();
      find("[data-do=invert]").setAttribute("aria-pressed", String(lightNow().invert));
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

  const pen = (mark) => ({
    stroke: foundBy(mark.finding).colour,
    strokeWidth: 1.8,
    strokeScaleEnabled: false,
    dragDistance: 3,
    shadowColor: "#000",
    shadowBlur: 3,
    shadowOpacity: 1,
    perfectDrawEnabled: false,
  });

  function drawMarks() {
    markLayer.destroyChildren();
    nodes.clear();
    const size = (mark) => {
      const b = boundsOf(mark.shape);
      return (b.right - b.left) * (b.bottom - b.top);
    };
    const texts = [];
    marks
      .map((mark, i) => ({ mark, i }))
      .sort((a, b) => size(b.mark) - size(a.mark))
      .forEach(({ mark, i }) => {
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
    box: (mark) =>
      new Konva.Rect({ ...mark.shape, ...pen(mark), fill: `${foundBy(mark.finding).colour}1c` }),
    ellipse: ({ shape, ...mark }) =>
      new Konva.Ellipse({
        x: shape.x,
        y: shape.y,
        radiusX: shape.rx,
        radiusY: shape.ry,
        rotation: shape.angle,
        ...pen(mark),
        fill: `${foundBy(mark.finding).colour}1c`,
      }),
    polygon: (mark) =>
      new Konva.Line({
        points: mark.shape.points.flat(),
        closed: true,
        lineJoin: "round",
        ...pen(mark),
        fill: `${foundBy(mark.finding).colour}1c`,
      }),
    spot: spotNode,
    brush: (mark) => {
      const mask = maskOf(mark.shape);
      const frame = frameOf(mask, mark.shape.width);
      const image = pictureOf(mask, mark.shape.width, frame, foundBy(mark.finding).colour);
      const node = new Konva.Image({
        image,
        x: frame.left,
        y: frame.top,
        opacity: 0.55,
        dragDistance: 3,
      });
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
    const group = new Konva.Group({
      x: mark.shape.x,
      y: mark.shape.y,
      scaleX: 1 / zoom.k,
      scaleY: 1 / zoom.k,
      name: "steady",
      dragDistance: 3,
    });
    group.add(
      new Konva.Circle({ radius: 8, ...ring, fill: "#0001", hitStrokeWidth: 16 }),
      new Konva.Line({ points: [-13, 0, -3, 0], ...ring }),
      new Konva.Line({ points: [3, 0, 13, 0], ...ring }),
      new Konva.Line({ points: [0, -13, 0, -3], ...ring }),
      new Konva.Line({ points: [0, 3, 0, 13], ...ring }),
    );
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
    const canvas = make("canvas");
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
      text: `${i + 1} ${foundBy(mark.finding).short}`,
      fontSize: 12,
      fontStyle: "bold",
      fontFamily: "system-ui, sans-serif",
      fill: foundBy(mark.finding).colour,
      stroke: "#000",
      strokeWidth: 3,
      fillAfterStrokeEnabled: true,
      lineJoin: "round",
      x: isSpot ? b.left : Math.max(0, b.left),
      y: b.top,
      offsetX: isSpot ? -11 : 0,
      offsetY: isSpot ? 15 : 15,
      scaleX: 1 / zoom.k,
      scaleY: 1 / zoom.k,
      name: "steady label",
      listening: false,
    });
    if (b.top * zoom.k + zoom.y < 16) node.offsetY(isSpot ? -2 : -2);
    return node;
  }

  // what a pull or a resize makes of a region
  function follow(node, mark) {
    const { shape } = mark;
    const home = node.position();
    const way = () => geometry.allowed(shape, node.x() - home.x, node.y() - home.y, view);
    node.on("dragstart", () => {
      handleLayer.find(".handle").forEach((one) => one.hide());
      markLayer.find(".label").forEach((one) => one.hide());
    });
    node.on("dragmove", () => {
      const { dx, dy } = way();
      const whole = shape.kind === "brush" ? Math.round : (value) => value;
      node.position({ x: home.x + whole(dx), y: home.y + whole(dy) });
    });
    node.on("dragend", () => {
      const { dx, dy } = way();
      if (isPinched()) redraw();
      else if (Math.abs(dx) + Math.abs(dy) > 0.005)
        change(mark.id, { shape: moved(shape, dx, dy) });
      else redraw();
    });
    node.on("transformend", () =>
      isPinched() ? redraw() : change(mark.id, { shape: resized(node, shape) }),
    );
  }

  function resized(node, shape) {
    const [across, down] = [Math.abs(node.scaleX()), Math.abs(node.scaleY())];
    if (shape.kind === "box")
      return geometry.keptBox(
        { x: node.x(), y: node.y(), width: node.width() * across, height: node.height() * down },
        view,
      );
    return geometry.keptEllipse(
      {
        kind: "ellipse",
        x: round(node.x()),
        y: round(node.y()),
        rx: node.radiusX() * across,
        ry: node.radiusY() * down,
        angle: node.rotation(),
      },
      view,
    );
  }

  function drawChoice() {
    const edits = tool === "select" && isEditable() && !isPinched();
    for (const [id, node] of nodes) drawWeight(node, id === chosen, edits);
    transformer.nodes([]);
    transformer.remove();
    handleLayer.destroyChildren();
    markLayer.listening(tool === "select" && !isPinched());
    handleLayer.listening(!isPinched());
    const mark = markOf(chosen);
    if (!mark) return;
    if (mark.shape.kind === "brush") frameBrush(mark.shape);
    if (edits) drawHandles(mark);
  }

  function drawWeight(node, isChosen, edits) {
    const width = isChosen ? 3.2 : 1.8;
    node.draggable(edits);
    if (node.getClassName() === "Group")
      node.getChildren().forEach((part) => part.strokeWidth(width));
    else if (node.getClassName() === "Image") node.opacity(isChosen ? 0.7 : 0.5);
    else node.strokeWidth(width);
  }

  function drawHandles(mark) {
    const { kind } = mark.shape;
    if (kind === "polygon") drawCorners(mark);
    if (kind !== "box" && kind !== "ellipse") return;
    transformer.rotateEnabled(kind !== "box");
    transformer.boundBoxFunc((was, now) => (now.width < 2 || now.height < 2 ? was : now));
    transformer.nodes([nodes.get(mark.id)]);
    handleLayer.add(transformer);
  }

  function frameBrush(shape) {
    const b = boundsOf(shape);
    handleLayer.add(
      new Konva.Rect({
        x: b.left,
        y: b.top,
        width: b.right - b.left,
        height: b.bottom - b.top,
        stroke: "#fff",
        strokeWidth: 1,
        strokeScaleEnabled: false,
        dash: [4, 3],
        listening: false,
        name: "handle",
      }),
    );
  }

  // a corner is pulled; one between two corners becomes a new one; a double click takes one out
  function drawCorners(mark) {
    const points = mark.shape.points;
    const coarse = window.matchMedia("(pointer: coarse)").matches ? 1.7 : 1;
    const corner = (x, y, at, isNew) => {
      const node = new Konva.Circle({
        x,
        y,
        radius: (isNew ? 4 : 6) * coarse,
        scaleX: 1 / zoom.k,
        scaleY: 1 / zoom.k,
        fill: isNew ? "#888" : "#fff",
        stroke: "#000",
        strokeWidth: 1,
        draggable: true,
        dragDistance: 0,
        name: "handle steady",
        hitStrokeWidth: 8,
      });
      const next = () => {
        const p = inside(node.position());
        return isNew
          ? [...points.slice(0, at), [p.x, p.y], ...points.slice(at)]
          : points.map((one, i) => (i === at ? [p.x, p.y] : one));
      };
      node.on("dragmove", () => {
        node.position(inside(node.position()));
        const wrong = crosses(next(), true);
        nodes.get(mark.id).setAttrs({
          points: next().flat(),
          stroke: wrong ? RED : foundBy(mark.finding).colour,
          dash: wrong ? [6, 4] : [],
        });
        say(wrong ? T.crosses : "", wrong);
      });
      node.on("dragend", () => (isPinched() ? redraw() : settleCorner(mark, next())));
      node.on("dblclick dbltap", () => {
        if (!isNew && points.length > 3)
          settleCorner(
            mark,
            points.filter((_, i) => i !== at),
          );
      });
      handleLayer.add(node);
    };
    points.forEach(([x, y], i) => {
      const [u, v] = points[(i + 1) % points.length];
      if (Math.hypot(u - x, v - y) * zoom.k > 40 && points.length < LIMITS.points)
        corner((x + u) / 2, (y + v) / 2, i + 1, true);
    });
    points.forEach(([x, y], i) => corner(x, y, i, false));
  }

  function settleCorner(mark, points) {
    if (!isRegion(points)) {
      say(T.put_back, true);
      redraw();
      return;
    }
    say("");
    change(mark.id, { shape: { ...mark.shape, points } });
  }

  // ---- drawing ---------------------------------------------------------------------------
  const DRAW = {
    box: {
      start: (p) => {
        draft = { a: p, b: p };
      },
      move: (p) => {
        draft.b = p;
      },
      end: () => endDrag(boxBetween),
    },
    ellipse: {
      start: (p) => {
        draft = { a: p, b: p };
      },
      move: (p) => {
        draft.b = p;
      },
      end: () => endDrag(ellipseBetween),
    },
    spot: {
      start: (p) => {
        draft = { spot: p };
      },
      move: (p) => {
        draft.spot = p;
      },
      end: endSpot,
    },
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
    add({
      kind: "spot",
      x: Math.min(spot.x, view.width - 0.01),
      y: Math.min(spot.y, view.height - 0.01),
    });
  }

  function startCorner(p) {
    const points = draft ? draft.points : [];
    const [first, last] = [points[0], points[points.length - 1]];
    const isNear = (point, pixels) =>
      point && apart(p, { x: point[0], y: point[1] }) * zoom.k < pixels;
    if (points.length >= 3 && (isNear(first, NEAR) || isNear(last, 4))) {
      draft.closes = true;
      return;
    }
    if (points.length >= LIMITS.points) {
      say(fill(T.too_many_points, { n: LIMITS.points }), true);
      return;
    }
    if (isNear(last, 4)) return;
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
    if (draft.closes) {
      draft.closes = false;
      closePolygon();
    }
  }

  function judge() {
    draft.wrong = crosses(draft.points, false);
    say(draft.wrong ? T.crosses : draft.points.length < 3 ? T.corners : T.close_hint, draft.wrong);
  }

  function closePolygon() {
    if (!draft || !draft.points) return;
    const { points } = draft;
    if (points.length < 3) {
      say(T.corners);
      return;
    }
    if (!isRegion(points)) {
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
    if (draft) judge();
    else say("");
    drawDraft();
  }

  function drop() {
    if (draft && draft.pulls && draft.points.length > 1) {
      takePointBack();
      return;
    }
    draft = null;
    say("");
    drawDraft();
  }

  // The brush is round and has no half pixels: a pixel is painted when its centre is within reach.
  function startPaint(p, value) {
    const mark = paintable(p, value);
    const fault = mark ? "" : noPaint(value);
    if (fault) {
      say(fault, Boolean(value));
      return;
    }
    const { width, height } = view;
    const mask = mark ? Uint8Array.from(maskOf(mark.shape)) : new Uint8Array(width * height);
    const { colour } = foundBy(mark ? mark.finding : finding);
    const canvas = tinted(mask, width, { left: 0, top: 0, right: width, bottom: height }, colour);
    const context = canvas.getContext("2d");
    context.fillStyle = colour;
    draft = { mark, mask, canvas, context, value, at: p };
    if (mark) nodes.get(mark.id)?.hide();
    paintTo(p);
  }

  /** Why no new brush's region may be begun; empty where it may. @param {number} value */
  function noPaint(value) {
    if (!value) return T.nothing_to_erase;
    return marks.length >= LIMITS.marks ? fill(T.too_many, { n: LIMITS.marks }) : "";
  }

  function paintable(p, value) {
    const mark = markOf(chosen);
    if (mark && mark.shape.kind === "brush" && (!value || mark.finding === finding)) return mark;
    if (value) return null;
    const at = pixelAt(p, view.width, view.height);
    const painted = marks.filter((one) => one.shape.kind === "brush");
    return (
      painted.findLast((one) => maskOf(one.shape)[at]) || (painted.length === 1 ? painted[0] : null)
    );
  }

  function paintTo(p) {
    if (!draft || !draft.mask) return;
    const { context, mask, value, at } = draft;
    const picture = { mask, width: view.width, height: view.height };
    paintLine(picture, at, p, Number(slider.value) / 2, value, (x, y) => {
      draft.touched = true;
      if (value) context.fillRect(x, y, 1, 1);
      else context.clearRect(x, y, 1, 1);
    });
    draft.at = p;
  }

  function endPaint() {
    if (!draft || !draft.mask) {
      draft = null;
      return;
    }
    const { mark, mask, touched } = draft;
    draft = null;
    if (!touched) {
      redraw();
      return;
    }
    if (!mask.includes(1)) {
      if (mark) remove(mark.id);
      return;
    }
    const shape = encode(mask, view.width, view.height);
    if (mark) change(mark.id, { shape });
    else add(shape);
  }

  function drawDraft() {
    if (!stage) return;
    draftLayer.destroyChildren();
    setUndo();
    const points = draft && draft.points;
    find(".closing").hidden = !points;
    find("[data-do=close]").disabled = !(points && points.length > 2 && !draft.wrong);
    if (draft)
      SKETCH.filter(([key]) => draft[key])
        .slice(0, 1)
        .forEach(([, sketch]) => sketch(draft));
    if (cursor) drawCursor();
    draftLayer.batchDraw();
  }

  const sketchPen = (wrong) => ({
    stroke: wrong ? RED : foundBy(finding).colour,
    dash: wrong ? [6, 4] : [],
    strokeWidth: 2,
    strokeScaleEnabled: false,
    shadowColor: "#000",
    shadowBlur: 3,
  });
  /** @type {[string, (draft: any) => void][]} */
  const SKETCH = [
    [
      "a",
      ({ a, b }) =>
        draftLayer.add(
          tool === "box"
            ? new Konva.Rect({ ...boxBetween(a, b), ...sketchPen() })
            : MAKE.ellipse({ finding, shape: ellipseBetween(a, b) }),
        ),
    ],
    ["spot", ({ spot }) => draftLayer.add(spotNode({ finding, shape: spot }))],
    ["mask", ({ canvas }) => draftLayer.add(new Konva.Image({ image: canvas, opacity: 0.7 }))],
    [
      "points",
      ({ points, rubber, wrong }) => {
        draftLayer.add(
          new Konva.Line({
            points: [...points, ...(rubber ? [rubber] : [])].flat(),
            ...sketchPen(wrong),
          }),
        );
        points.forEach(([x, y], i) =>
          draftLayer.add(
            new Konva.Circle({
              x,
              y,
              radius: (i ? 3.5 : 6) / zoom.k,
              fill: "#fff",
              stroke: "#000",
              strokeWidth: 1,
              strokeScaleEnabled: false,
            }),
          ),
        );
      },
    ],
  ];

  function drawCursor() {
    const [arm, width] = [
      12 / zoom.k,
      {
        stroke: "#fff",
        strokeWidth: 1.5,
        strokeScaleEnabled: false,
        shadowColor: "#000",
        shadowBlur: 2,
      },
    ];
    draftLayer.add(
      new Konva.Line({ points: [cursor.x - arm, cursor.y, cursor.x + arm, cursor.y], ...width }),
      new Konva.Line({ points: [cursor.x, cursor.y - arm, cursor.x, cursor.y + arm], ...width }),
    );
    if (tool === "brush" || tool === "erase")
      draftLayer.add(new Konva.Circle({ ...cursor, radius: Number(slider.value) / 2, ...width }));
  }

  // ---- mouse, pen and fingers ------------------------------------------------------------
  const pointers = new Map();
  /** @type {any} */
  let stroke = null; // the pointer that draws or shifts the picture
  const isPinched = () => pointers.size > 1;
  let spaceHeld = false;
  let isLighting = false;

  function placeOf(event) {
    const box = board.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }
  const toScan = (at) => ({ x: (at.x - zoom.x) / zoom.k, y: (at.y - zoom.y) / zoom.k });

  function onDown(event) {
    if (!stage || !view.task) return;
    board.focus({ preventScroll: true });
    if (isPalm(event)) return;
    const at = placeOf(event);
    pointers.set(event.pointerId, { ...at, type: event.pointerType });
    if (pointers.size > 1) {
      beginPinch();
      return;
    }
    cursor = null;
    if (!chooses(event, at)) press(event, at);
  }

  /** Whether it is the hand that holds the pen. */
  const isPalm = (event) =>
    event.pointerType === "touch" && [...pointers.values()].some((one) => one.type === "pen");

  function press(event, at) {
    board.setPointerCapture(event.pointerId);
    event.preventDefault();
    stroke = {
      id: event.pointerId,
      lights: lights(event),
      shifts: shifts(event) || tool === "select",
    };
    if (stroke.lights || stroke.shifts) return;
    DRAW[tool].start(inside(toScan(at)));
    drawDraft();
  }

  /** Whether a press changes the light: of the right button, or where that is switched on. */
  const lights = (event) => event.button === 2 || (isLighting && event.button === 0);
  const shifts = (event) => event.button === 1 || spaceHeld || !isEditable();

  /** Choose the region under a press; whether there is one. */
  function chooses(event, at) {
    if (tool !== "select" || lights(event) || shifts(event)) return false;
    const hit = stage.getIntersection(at);
    if (hit) chooseHit(hit);
    else choose(null);
    return Boolean(hit);
  }

  function chooseHit(hit) {
    const id = hit.id() || hit.getParent().id();
    if (markOf(id)) choose(id);
  }

  function beginPinch() {
    const parts = [...nodes.values()];
    for (const node of [...parts, ...handleLayer.find(".handle")]) {
      if (node.isDragging()) node.stopDrag();
    }
    if (transformer.isTransforming()) transformer.stopTransform();
    for (const node of parts) node.draggable(false); // at once: the second finger may lie on one
    markLayer.listening(false);
    handleLayer.listening(false);
    dropStroke();
    for (const id of pointers.keys()) capture(id);
  }

  function dropStroke() {
    const draws = stroke && !stroke.shifts && !stroke.lights;
    stroke = null;
    if (!draws || !draft) return;
    drop();
    redraw();
  }

  function capture(id) {
    try {
      board.setPointerCapture(id);
    } catch {
      // it is gone
    }
  }

  function onMove(event) {
    if (!stage || !view.task) return;
    const at = placeOf(event);
    sayWhere(toScan(at));
    const before = pointers.get(event.pointerId);
    if (!before) {
      hover(toScan(at));
      return;
    }
    if (pointers.size > 1) pinch(event.pointerId, before, at);
    else if (stroke) pull(event, before, at);
    pointers.set(event.pointerId, { ...before, ...at });
  }

  function sayWhere(p) {
    const isOver = p.x >= 0 && p.y >= 0 && p.x < view.width && p.y < view.height;
    find(".where").textContent = isOver ? `x ${Math.floor(p.x)} y ${Math.floor(p.y)}` : "";
  }

  function pull(event, before, at) {
    if (stroke.lights) setLight(dragged(lightNow(), at.x - before.x, before.y - at.y));
    else if (stroke.shifts) shiftBy(at.x - before.x, at.y - before.y);
    else if (draft) {
      const steps = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      for (const step of steps.length ? steps : [event])
        DRAW[tool].move(inside(toScan(placeOf(step))));
      drawDraft();
    }
  }

  function hover(p) {
    if (draft && draft.points) {
      const q = inside(p);
      draft.rubber = [q.x, q.y];
      drawDraft();
      return;
    }
    if ((tool === "brush" || tool === "erase") && isEditable() && !draft) {
      cursor = p;
      drawDraft();
    }
  }

  function onUp(event) {
    if (!pointers.delete(event.pointerId)) return;
    if (pointers.size === 1) redraw(true);
    if (!stroke || stroke.id !== event.pointerId) return;
    const draws = !stroke.shifts && !stroke.lights;
    stroke = null;
    if (draws) endStroke(event);
  }

  function endStroke(event) {
    if (event.type === "pointercancel") {
      drop();
      redraw();
      return;
    }
    if (draft) {
      DRAW[tool].move(inside(toScan(placeOf(event))));
      DRAW[tool].end();
    }
    drawDraft();
  }

  function pinch(id, before, now) {
    const other = [...pointers].filter(([one]) => one !== id)[0][1];
    const factor = apart(now, other) / Math.max(1, apart(before, other));
    const [from, to] = [middle(before, other), middle(now, other)];
    shiftBy(to.x - from.x, to.y - from.y);
    zoomBy(factor, to);
  }

  // ---- zoom ------------------------------------------------------------------------------
  const whole = () => Math.min(stage.width() / view.width, stage.height() / view.height);

  function fit() {
    if (!stage || !view.width) return;
    zoom = { k: whole(), x: 0, y: 0 };
    place();
  }

  function zoomBy(factor, at = { x: stage.width() / 2, y: stage.height() / 2 }) {
    zoom = zoomedAt(zoom, factor, at, whole(), Math.max(48, whole()));
    place();
  }

  function shiftBy(dx, dy) {
    zoom = { ...zoom, x: zoom.x + dx, y: zoom.y + dy };
    place();
  }

  function place() {
    const within = (frame, side, at) =>
      side <= frame ? (frame - side) / 2 : clamp(at, frame - side, 0);
    zoom.x = within(stage.width(), view.width * zoom.k, zoom.x);
    zoom.y = within(stage.height(), view.height * zoom.k, zoom.y);
    stage.setAttrs({ scaleX: zoom.k, scaleY: zoom.k, x: zoom.x, y: zoom.y });
    for (const layer of [markLayer, handleLayer, draftLayer])
      layer.find(".steady").forEach((node) => node.scale({ x: 1 / zoom.k, y: 1 / zoom.k }));
    board.dataset.zoom = `${zoom.k} ${zoom.x} ${zoom.y}`;
    redraw(true);
    drawDraft();
  }

  // ---- keys ------------------------------------------------------------------------------
  function arrow(dx, dy, event) {
    const step = event.shiftKey ? 10 : 1;
    if (cursor && cursor.keys) moveCursor(dx * step, dy * step);
    else if (markOf(chosen)) moveChosen(dx * step, dy * step);
    else if (event.shiftKey) setLight(dragged(lightNow(), 8 * dx, -8 * dy));
    else return false;
    return true;
  }

  function moveCursor(dx, dy) {
    const p = inside({ x: cursor.x + dx, y: cursor.y + dy });
    cursor = { ...p, keys: true };
    if (draft && draft.points) draft.rubber = [p.x, p.y];
    else if (draft) DRAW[tool].move(p);
    drawDraft();
  }

  function moveChosen(dx, dy) {
    if (!isEditable() || draft) return;
    const mark = markOf(chosen);
    const shape = moved(mark.shape, dx, dy);
    if (canonical([{ ...mark, shape }]) !== canonical([mark])) change(mark.id, { shape });
  }

  function space() {
    if (!isAtHand()) return false;
    if (!isEditable() || tool === "select") spaceHeld = true;
    else if (!cursor || !cursor.keys) showCursor();
    else drawAtCursor();
    return true;
  }

  function showCursor() {
    const centre = toScan({ x: stage.width() / 2, y: stage.height() / 2 });
    cursor = { x: Math.floor(centre.x) + 0.5, y: Math.floor(centre.y) + 0.5, keys: true };
    say(T.key_cursor);
    drawDraft();
  }

  function drawAtCursor() {
    const p = { x: cursor.x, y: cursor.y };
    const isOpen = draft && !draft.points;
    if (!isOpen) DRAW[tool].start(p);
    if (isOpen || tool === "polygon" || tool === "spot") DRAW[tool].end();
    drawDraft();
  }

  function escape() {
    if (draft) leaveDraft();
    else if (cursor && cursor.keys) {
      cursor = null;
      say("");
      drawDraft();
    } else if (chosen) choose(null);
    else return false;
    return true;
  }

  function leaveDraft() {
    draft = null;
    say("");
    drawDraft();
    redraw();
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
    delete: erase,
    backspace: erase,
    escape,
    enter: () => {
      if (!draft || !draft.points) return false;
      closePolygon();
      return true;
    },
    "+": () => zoomBy(1.4),
    "=": () => zoomBy(1.4),
    "-": () => zoomBy(1 / 1.4),
    "−": () => zoomBy(1 / 1.4),
    0: () => ACTIONS.usual(),
    "[": () => resizeBrush(-1),
    "]": () => resizeBrush(1),
    " ": space,
    arrowleft: (event) => arrow(-1, 0, event),
    arrowright: (event) => arrow(1, 0, event),
    arrowup: (event) => arrow(0, -1, event),
    arrowdown: (event) => arrow(0, 1, event),
    "?": () => (isAtHand() ? find("dialog").showModal() : false),
  };
  for (const [name, key] of TOOLS) KEYS[key.toLowerCase()] = () => setTool(name);

  function isElsewhere(event) {
    if (event.altKey || !isOpen()) return true;
    const { target } = event;
    if (target !== document.body && !element.contains(target)) return true;
    return isTyping(target) || isControls(target, event.key.toLowerCase());
  }

  const isOpen = () => isVisible() && Boolean(view.task && stage) && !find("dialog").open;

  function actionOf(event) {
    const key = event.key.toLowerCase();
    if (!event.ctrlKey && !event.metaKey) {
      return event.shiftKey && key === "i" ? ACTIONS.invert : KEYS[key];
    }
    if (key === "z") return event.shiftKey ? redo : undo;
    return key === "y" ? redo : null;
  }

  // before the other listeners of the page, which do not get what was used here
  function onKey(event) {
    if (!document.contains(room)) {
      document.removeEventListener("keydown", onKey, true);
      return;
    }
    if (isElsewhere(event)) return;
    const action = actionOf(event);
    if (!action || (event.repeat && event.key === " ") || action(event) === false) return;
    event.preventDefault();
    event.stopPropagation();
  }

  function onKeyUp(event) {
    if (event.key === " ") spaceHeld = false;
  }

  function setTool(name) {
    if (!isEditable() || name === tool) return;
    if (draft) {
      draft = null;
      redraw();
    }
    tool = name;
    cursor = null;
    say("");
    drawDraft();
    redraw(true);
  }

  // ---- beside the scan -------------------------------------------------------------------
  function build() {
    writeTexts(element, T);
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
    for (const [keys, does] of props.keys)
      find("dl").append(make("dt", "", keys), make("dd", "", does));
    connectButtons(element, ACTIONS);
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

  /** @type {Record<string, () => void>} */
  const ACTIONS = {
    undo,
    redo,
    close: closePolygon,
    leave: () => {
      draft = null;
      say("");
      drawDraft();
    },
    in: () => zoomBy(1.4),
    out: () => zoomBy(1 / 1.4),
    fit,
    light: () => {
      isLighting = !isLighting;
      find("[data-do=light]").setAttribute("aria-pressed", String(isLighting));
      board.classList.toggle("lighting", isLighting);
    },
    invert: () => setLight({ invert: !lightNow().invert }),
    usual: () => {
      setLight(USUAL);
      fit();
    },
    suggest: () => {
      const { task } = view;
      say(T.asking);
      transport.send("apply", { task });
    },
    keys: () => find("dialog").showModal(),
    "hide-keys": () => find("dialog").close(),
  };

  function setEnabled() {
    room.dataset.readonly = String(!isEditable());
    board.dataset.holds = tool;
    setUndo();
    find("[data-do=redo]").disabled = !future.length;
    all("[data-tool]").forEach((button) =>
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool)),
    );
    all(".choices input").forEach((radio) => {
      radio.checked = radio.value === finding;
    });
    find(".size").hidden = tool !== "brush" && tool !== "erase";
  }

  function setUndo() {
    find("[data-do=undo]").disabled = !past.length && !(draft && draft.points);
  }

  function drawList() {
    const focused = /** @type {any} */ (document.activeElement);
    const held = element.contains(focused) ? focused.dataset.held : null;
    const top = find(".side").scrollTop;
    find(".count").textContent = marks.length ? String(marks.length) : "";
    find(".none").hidden = marks.length > 0;
    find(".regions").replaceChildren(...marks.map(rowOf));
    find(".side").scrollTop = top;
    if (held) holdAgain(held);
  }

  /** Give the focus back to what had it before it was drawn anew. @param {string} held */
  function holdAgain(held) {
    const rows = /** @type {any[]} */ ([...element.querySelectorAll("[data-held]")]);
    const again = rows.find((node) => node.dataset.held === held);
    (again || find(".regions li.chosen .row") || board).focus({ preventScroll: true });
  }

  function rowOf(mark, i) {
    const item = make("li", mark.id === chosen ? "chosen" : "");
    const row = make("button", "row");
    row.type = "button";
    row.dataset.held = `row ${mark.id}`;
    row.setAttribute("aria-current", String(mark.id === chosen));
    row.append(
      make("strong", "", String(i + 1)),
      icon(mark.shape.kind),
      make("span", "", mark.finding),
      make("span", "words", mark.caption),
    );
    row.setAttribute(
      "aria-label",
      `${i + 1} ${T[mark.shape.kind]}: ${mark.finding} ${mark.caption}`.trim(),
    );
    row.addEventListener("click", () => choose(mark.id));
    item.style.setProperty("--colour", foundBy(mark.finding).colour);
    item.append(row);
    if (mark.id === chosen && isEditable()) item.append(editorOf(mark));
    return item;
  }

  function editorOf(mark) {
    const editor = make("div", "edit");
    const select = make("select");
    for (const one of FINDINGS)
      select.append(new Option(one.name, one.name, false, one.name === mark.finding));
    select.dataset.held = `finding ${mark.id}`;
    select.setAttribute("aria-label", T.finding);
    select.addEventListener("change", () => {
      finding = select.value;
      change(mark.id, { finding });
    });
    const words = make("input");
    words.type = "text";
    words.maxLength = LIMITS.caption;
    words.value = mark.caption;
    words.placeholder = T.caption;
    words.dataset.held = `caption ${mark.id}`;
    words.setAttribute("aria-label", T.caption);
    words.addEventListener("input", () => caption(mark.id, words.value));
    words.addEventListener("change", () => {
      typing = null;
    });
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
    if (next.scan) open(next);
    else takeAnswer(next);
    strokes.heard();
  }

  function takeAnswer(next) {
    if ("saved" in next) strokes.answered(next);
    if ("suggestion" in next && next.task === view.task) takeSuggestion(next);
  }

  function open(next) {
    const newer = strokes.newer(next.task); // is still on its way
    view = next;
    marks = newer || next.marks;
    strokes.setBase(view.task, next.marks);
    [past, future, chosen, draft, cursor, typing] = [[], [], null, null, null, null];
    if (view.readonly) tool = "select";
    else if (tool === "select") tool = "box";
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
    const before = strokes.restored(view.task);
    if (!before) return;
    commit(before, null);
    say(T.restored);
  }

  function takeSuggestion({ suggestion, note }) {
    if (!suggestion) {
      say(note || T.no_suggestion);
      return;
    }
    if (!isEditable() || wasHere(suggestion.id)) {
      say(T.suggested_before);
      return;
    }
    say(T.suggested);
    tool = "select";
    finding = suggestion.finding;
    commit([...marks, suggestion], suggestion.id);
  }

  function leaveBoard() {
    find(".where").textContent = "";
    if (!cursor || cursor.keys) return;
    cursor = null;
    drawDraft();
  }

  /** Whether a region is there, or was and can be brought back. @param {string} id */
  const wasHere = (id) => [marks, ...past].some((list) => list.some((mark) => mark.id === id));

  async function begin() {
    build();
    if (!(await load())) return;
    board.addEventListener("pointerdown", onDown);
    board.addEventListener("pointermove", onMove);
    for (const type of ["pointerup", "pointercancel"]) board.addEventListener(type, onUp);
    for (const type of ["pointerup", "pointercancel"])
      window.addEventListener(type, (event) =>
        pointers.delete(/** @type {PointerEvent} */ (event).pointerId),
      );
    board.addEventListener("pointerleave", leaveBoard);
    board.addEventListener("dblclick", (event) => {
      if (!stage.getIntersection(placeOf(event)) && (tool === "select" || !isEditable())) fit();
    });
    board.addEventListener("contextmenu", (event) => event.preventDefault());
    board.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        zoomBy(wheelFactor(event.deltaY), placeOf(event));
      },
      { passive: false },
    );
    document.addEventListener("keydown", onKey, true);
    document.addEventListener("keyup", onKeyUp, true);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) strokes.pump();
    });
    new ResizeObserver(() => {
      if (!board.clientWidth) return;
      const wasWhole = Math.abs(zoom.k - whole()) < 1e-6;
      stage.size({ width: board.clientWidth, height: board.clientHeight });
      if (wasWhole || zoom.k < whole()) fit();
      else place();
    }).observe(board);
    receive(props.value);
    watch("value", () => receive(props.value));
  }

  begin();
}
