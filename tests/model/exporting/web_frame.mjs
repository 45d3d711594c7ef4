// Lays scans into a frame, and maps back on them, as examples/web does: node web_frame.mjs SRC FOLDER
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [source, folder] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(join(source, name)).href);
const { prepare } = await load("prepare.js");
const { toScanSize } = await load("maps.js");
const { facts, map, scans } = JSON.parse(readFileSync(join(folder, "scans.json"), "utf8"));
for (const { name, width, height } of scans) {
  const grey = new Uint8Array(readFileSync(join(folder, `${name}.scan`)));
  const prepared = prepare({ width, height, grey }, facts);
  const laid = toScanSize({ ...map, data: Float32Array.from(map.data) }, width, height, prepared.place);
  writeFileSync(join(folder, `${name}.fed`), prepared.grey);
  writeFileSync(join(folder, `${name}.map`), new Uint8Array(laid.level.buffer));
}
