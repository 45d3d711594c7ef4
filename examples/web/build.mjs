// Gathers the page into one folder that any static host can serve:
//   node build.mjs [--model FILE.onnx] [--deck FOLDER] [--out FOLDER]
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const { values: given } = parseArgs({
  options: {
    model: { type: "string", default: join(here, "model", "model.onnx") },
    deck: { type: "string", default: join(here, "..", "..", "octtutor", "phantom", "deck") },
    out: { type: "string", default: join(here, "dist") },
  },
});
const RUNTIME = ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];
const PER_CLASS = 2;

function need(path, how) {
  if (!existsSync(path)) {
    console.error(`Expected ${path}. It is missing: ${how}`);
    process.exit(1);
  }
  return path;
}

function choosePhantoms(deck) {
  const [, ...lines] = readFileSync(need(join(deck, "cases.csv"), "give --deck."), "utf8").trim().split("\n");
  const seen = {};
  return lines
    .map((line) => line.split(","))
    .filter(([, label]) => (seen[label] = (seen[label] ?? 0) + 1) <= PER_CLASS)
    .map(([file, label], index) => ({ from: file, file: `phantom-${index + 1}.png`, label }));
}

const runtime = join(here, "node_modules", "onnxruntime-web", "dist");
const sources = RUNTIME.map((name) => need(join(runtime, name), "run npm ci."));
const model = need(given.model, "run npm run model, or give --model.");
const phantoms = choosePhantoms(given.deck);

rmSync(given.out, { recursive: true, force: true });
mkdirSync(given.out, { recursive: true });
cpSync(join(here, "src"), given.out, { recursive: true });
sources.forEach((source, index) => copyFileSync(source, join(given.out, RUNTIME[index])));
copyFileSync(model, join(given.out, "model.onnx"));
for (const { from, file } of phantoms) copyFileSync(join(given.deck, from), join(given.out, file));
const listed = phantoms.map(({ file, label }) => ({ file, label }));
writeFileSync(join(given.out, "phantoms.json"), JSON.stringify(listed));
console.log(`Built: ${given.out}. Serve it with any static host.`);
