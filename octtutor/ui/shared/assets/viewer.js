// Zoom, pan and light of scans that are looked at alike. It stands before desk.js and read.js, which
// have `stages`, `view` and `find`, and call `watchStages`; see octtutor/ui/shared/viewer.py.
let zoom = { k: 1, x: 0, y: 0 };
let looking = {}; // what the page adds: placed(), tapped(event), isIdle()
let pressed = null;
const pointers = new Map();

function fit() {
  for (const stage of stages) {
    if (!view.width || !stage.clientWidth) continue;
    const k = Math.min(stage.clientWidth / view.width, stage.clientHeight / view.height);
    const plane = stage.querySelector(".plane");
    plane.style.width = `${Math.floor(view.width * k)}px`;
    plane.style.height = `${Math.floor(view.height * k)}px`;
  }
}

function place() {
  for (const stage of stages) {
    stage.querySelector(".plane").style.transform = `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.k})`;
    stage.classList.toggle("zoomed", zoom.k > 1);
  }
  if (looking.placed) looking.placed();
}

function zoomBy(factor, at, stage = stages[0]) {
  const box = stage.getBoundingClientRect();
  const point = at || { x: box.left + box.width / 2, y: box.top + box.height / 2 };
  const k = Math.min(12, Math.max(1, zoom.k * factor));
  const centre = { x: point.x - box.left - box.width / 2, y: point.y - box.top - box.height / 2 };
  zoom.x = centre.x - ((centre.x - zoom.x) * k) / zoom.k;
  zoom.y = centre.y - ((centre.y - zoom.y) * k) / zoom.k;
  zoom.k = k;
  keepInside();
  place();
}

function keepInside() {
  const plane = stages[0].querySelector(".plane");
  const limit = (side, room) => Math.max(0, (side * zoom.k - room) / 2);
  const [x, y] = [limit(plane.offsetWidth, stages[0].clientWidth), limit(plane.offsetHeight, stages[0].clientHeight)];
  zoom.x = Math.min(x, Math.max(-x, zoom.x));
  zoom.y = Math.min(y, Math.max(-y, zoom.y));
}

function resetView() {
  fit();
  zoom = { k: 1, x: 0, y: 0 };
  find(".brightness").value = 100;
  find(".contrast").value = 100;
  light();
  place();
}

function light() {
  for (const stage of stages) stage.querySelector(".scan").style.filter = `brightness(${find(".brightness").value}%) contrast(${find(".contrast").value}%)`;
}

function onPointer(event) {
  const stage = event.currentTarget;
  if (event.type === "pointerdown") {
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    pressed = pointers.size === 1 ? { x: event.clientX, y: event.clientY } : null;
    if (zoom.k > 1 || pointers.size > 1) stage.setPointerCapture(event.pointerId);
    return;
  }
  if (event.type !== "pointermove") {
    const moved = pressed ? Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) : Infinity;
    if (event.type === "pointerup" && moved < 6 && looking.tapped) looking.tapped(event);
    pointers.delete(event.pointerId);
    return;
  }
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = { x: event.clientX, y: event.clientY };
  if (pointers.size === 1) {
    zoom.x += now.x - before.x;
    zoom.y += now.y - before.y;
    keepInside();
    place();
  } else {
    const other = [...pointers.entries()].find(([id]) => id !== event.pointerId)[1];
    const distance = (p) => Math.hypot(p.x - other.x, p.y - other.y);
    zoomBy(distance(now) / Math.max(1, distance(before)), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }, stage);
  }
  pointers.set(event.pointerId, now);
}

function watchStages(hooks) {
  looking = hooks;
  for (const stage of stages) {
    stage.addEventListener("wheel", (event) => {
      if (looking.isIdle && looking.isIdle()) return;
      event.preventDefault();
      zoomBy(Math.exp(-event.deltaY / 400), { x: event.clientX, y: event.clientY }, stage);
    }, { passive: false });
    for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"]) stage.addEventListener(type, onPointer);
    stage.addEventListener("dblclick", (event) => stage.classList.contains("marking") || (zoom.k > 1 ? resetView() : zoomBy(2.5, { x: event.clientX, y: event.clientY }, stage)));
    new ResizeObserver(() => { fit(); keepInside(); place(); }).observe(stage);
  }
}

