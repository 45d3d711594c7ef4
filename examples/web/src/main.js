import { paint, toScanSize } from "./maps.js";
import { loadNetwork } from "./network.js";
import { prepare, toGrey } from "./prepare.js";

const LEAST = 32, MOST = 40_000_000;
const find = (id) => document.getElementById(id);
const network = loadNetwork("model.onnx");
let asked = 0; // the newest scan wins where an older one is still being read
let reading = null; // what is shown: scan, answer, and the class that is explained

function say(text, fault = false) {
  find("status").textContent = text;
  find("status").classList.toggle("fault", fault);
}

async function read(blob, name) {
  const turn = ++asked;
  try {
    say("Reading …");
    const scan = await decode(blob);
    const net = await network;
    await paintNow(); // the network keeps the page's only thread for a moment
    const started = performance.now();
    const prepared = prepare(scan, net.facts.preprocessing);
    const answer = await net.answer(prepared.grey);
    if (turn !== asked) return;
    const label = answer.probabilities.indexOf(Math.max(...answer.probabilities));
    reading = { scan, answer, label, name, place: prepared.place };
    say(`${name}: ${net.facts.labels[label]}, ${percent(answer.probabilities[label])}. Read in ` +
      `${Math.round(performance.now() - started)} ms, here in the browser.`);
    drawScan(scan, name);
    showAnswer(net);
  } catch (error) {
    if (turn === asked) say(error.message, true);
  }
}

const paintNow = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
const percent = (chance) => `${Math.round(100 * chance)} %`;

async function decode(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  } catch {
    throw new Error("Expected a scan as PNG, JPEG, BMP or WEBP. This file cannot be opened. Export it again.");
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < LEAST || width * height > MOST)
    throw new Error(`Expected a scan of at least ${LEAST} x ${LEAST} and at most ${MOST / 1e6} million pixels. ` +
      `Received ${width} x ${height}. Use the full B-scan.`);
  const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false });
  context.drawImage(bitmap, 0, 0);
  return { width, height, grey: toGrey(context.getImageData(0, 0, width, height).data) };
}

function drawScan({ width, height, grey }, name) {
  for (const id of ["scan", "map"]) Object.assign(find(id), { width, height });
  const image = new ImageData(width, height);
  grey.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
  find("scan").getContext("2d").putImageData(image, 0, 0);
  find("scan").setAttribute("aria-label", `The scan: ${name}`);
  find("empty").hidden = true;
  find("stage").classList.add("read");
}

function showAnswer(net) {
  const rows = net.facts.labels.map((label, index) => row(net, label, index));
  find("chances").replaceChildren(...rows);
  explain(net, reading.label);
}

function row(net, label, index) {
  const chance = reading.answer.probabilities[index];
  const button = document.createElement("button");
  button.className = label.toLowerCase();
  button.dataset.label = label;
  button.dataset.chance = chance;
  const bar = span("bar");
  bar.style.width = `${100 * chance}%`;
  const track = span("track");
  track.append(bar);
  button.append(span("name", label), track, span("number", percent(chance)));
  button.addEventListener("click", () => explain(net, index));
  return button;
}

function span(name, text = "") {
  return Object.assign(document.createElement("span"), { className: name, textContent: text });
}

function explain(net, label) {
  const { scan, answer, place } = reading;
  const raw = net.explain(answer.map, label);
  reading.label = label;
  reading.map = raw && toScanSize(raw, scan.width, scan.height, place);
  for (const button of find("chances").children)
    button.setAttribute("aria-pressed", button.dataset.label === net.facts.labels[label]);
  find("note").textContent = remark(net.facts.labels[label]);
  if (reading.map?.evidence) Object.assign(find("map").dataset, reading.map.peak);
  drawMap();
}

function remark(label) {
  if (!reading.map) return "This network's head has no such map.";
  if (!reading.map.evidence) return `Nothing in the scan spoke for ${label}: the map is empty.`;
  const { x, y } = reading.map.peak;
  return `Map for ${label}: strongest ${x} px from the left and ${y} px from the top.`;
}

function drawMap() {
  if (!reading) return;
  const { width, height } = reading.scan;
  const context = find("map").getContext("2d");
  context.clearRect(0, 0, width, height);
  if (!reading.map?.evidence) return;
  const pixels = paint(reading.map.level, find("opacity").value / 100);
  context.putImageData(new ImageData(pixels, width, height), 0, 0);
}

async function offerPhantoms() {
  const phantoms = await (await fetch("phantoms.json")).json();
  find("phantoms").replaceChildren(...phantoms.map(({ file, label }, index) => {
    const button = document.createElement("button");
    const name = `Synthetic scan ${index + 1}, drawn as ${label}`;
    button.append(Object.assign(new Image(), { src: file, alt: "" }), span("name", `${index + 1}: ${label}`));
    button.setAttribute("aria-label", name);
    button.addEventListener("click", async () => read(await (await fetch(file)).blob(), name));
    return button;
  }));
}

function takeDrops() {
  const stage = find("stage");
  addEventListener("dragover", (event) => { event.preventDefault(); stage.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) stage.classList.remove("over"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("over");
    take(event.dataTransfer.files);
  });
}

function take([file]) {
  if (file) read(file, file.name);
}

find("file").addEventListener("change", (event) => {
  take(event.target.files);
  event.target.value = ""; // so that the same file can be opened again
});
find("opacity").addEventListener("input", drawMap);
takeDrops();
offerPhantoms();
network.then(
  ({ facts }) => { if (asked === 0) say(`Ready: the network ${facts.name}.`); },
  (error) => say(error.message, true),
);
