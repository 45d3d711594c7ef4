// The exported network: what it says of itself, its answer, and its Grad-CAM.
import * as ort from "./ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = new URL("./", import.meta.url).href;
ort.env.wasm.numThreads = 1; // more need headers that a plain static host does not send

const MODEL_METADATA = 14, KEY = 1, VALUE = 2;

/** Load an export of `octtutor models export NAME --format onnx`. */
export async function loadNetwork(url) {
  const reply = await fetch(url);
  if (!reply.ok) throw new Error(`The network cannot be loaded (${reply.status}).`);
  const bytes = new Uint8Array(await reply.arrayBuffer());
  const facts = readFacts(bytes);
  if (!["1", "2"].includes(facts.preprocessing.version)) // see docs/preparation.md
    throw new Error("Expected a network for scans prepared in a way that is known here. Get a newer page.");
  return new Network(await ort.InferenceSession.create(bytes), facts);
}

/** The metadata that the export carries: metadata_props.octtutor of the ONNX file. */
export function readFacts(bytes) {
  const text = new TextDecoder();
  for (const { number, data } of fieldsOf(bytes)) {
    if (number !== MODEL_METADATA) continue;
    const entry = Object.fromEntries(fieldsOf(data).map((part) => [part.number, text.decode(part.data)]));
    if (entry[KEY] === "octtutor") return JSON.parse(entry[VALUE]);
  }
  throw new Error("Expected a network exported by octtutor. Export it again.");
}

// the fields of a protobuf message; only those with bytes are kept
function fieldsOf(bytes) {
  const found = [];
  let at = 0;
  const readNumber = () => {
    let value = 0, factor = 1, byte;
    do { byte = bytes[at++]; value += (byte & 127) * factor; factor *= 128; } while (byte & 128);
    return value;
  };
  while (at < bytes.length) {
    const tag = readNumber(), kind = tag & 7;
    if (kind === 0) readNumber();
    else if (kind === 2) {
      const length = readNumber();
      found.push({ number: tag >>> 3, data: bytes.subarray(at, at + length) });
      at += length;
    } else at += kind === 1 ? 8 : 4;
  }
  return found;
}

class Network {
  constructor(session, facts) {
    this.session = session;
    this.facts = facts;
    this.layers = facts.head.layers?.map(({ kernel, bias }) => ({ kernel: toArray(kernel), bias: toArray(bias) }));
  }

  /** Answer a prepared scan, Uint8Array size × size: feature map and probabilities. */
  async answer(prepared) {
    const { size } = this.facts.preprocessing;
    const looks = this.facts.flip_average ? [prepared, mirror(prepared, size)] : [prepared];
    const { features, logits } = await this.session.run({ [this.facts.input.name]: this.toInput(looks) });
    const [, height, width, channels] = features.dims;
    const classes = this.facts.labels.length;
    const mean = Array.from({ length: classes }, (_, label) =>
      looks.reduce((sum, _, look) => sum + logits.data[look * classes + label], 0) / looks.length);
    return {
      map: { height, width, channels, data: features.data.subarray(0, height * width * channels) },
      probabilities: softmax(mean.map((logit) => logit / this.facts.temperature)),
    };
  }

  toInput(looks) {
    const { size, mean, scale } = this.facts.preprocessing;
    const values = new Float32Array(looks.length * size * size * 3);
    looks.forEach((look, n) => look.forEach((grey, i) => {
      for (let c = 0; c < 3; c++) values[(n * size * size + i) * 3 + c] = (grey - mean[c]) / scale[c];
    }));
    return new ort.Tensor("float32", values, [looks.length, size, size, 3]);
  }

  /** Grad-CAM of a class from the feature map, not negative; null where the head has none. */
  explain({ height, width, channels, data }, label) {
    if (!this.layers) return null;
    const pooled = new Float32Array(channels);
    data.forEach((value, i) => { pooled[i % channels] += value / (height * width); });
    const weights = gradient(this.layers, pooled, label);
    const raw = Float32Array.from({ length: height * width }, (_, place) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += data[place * channels + c] * weights[c];
      return Math.max(0, sum / (height * width));
    });
    return { height, width, data: raw };
  }
}

// of a class's logit at the pooled features, through dense layers with ReLUs between them
function gradient(layers, pooled, label) {
  const active = [];
  let x = pooled;
  for (const { kernel, bias } of layers.slice(0, -1)) {
    const [ins, outs] = kernel.shape;
    const y = bias.data.slice();
    for (let i = 0; i < ins; i++) for (let o = 0; o < outs; o++) y[o] += x[i] * kernel.data[i * outs + o];
    active.push(y.map((value) => (value > 0 ? 1 : 0)));
    x = y.map((value) => Math.max(0, value));
  }
  const last = layers.at(-1).kernel;
  let slope = Float32Array.from({ length: last.shape[0] }, (_, i) => last.data[i * last.shape[1] + label]);
  for (let n = layers.length - 2; n >= 0; n--) {
    const { shape: [ins, outs], data } = layers[n].kernel, through = slope.map((value, o) => value * active[n][o]);
    slope = Float32Array.from({ length: ins }, (_, i) =>
      through.reduce((sum, value, o) => sum + data[i * outs + o] * value, 0));
  }
  return slope;
}

function mirror(scan, size) {
  return scan.map((_, i) => scan[i - (i % size) + size - 1 - (i % size)]);
}

function softmax(logits) {
  const top = Math.max(...logits), parts = logits.map((logit) => Math.exp(logit - top));
  const total = parts.reduce((sum, part) => sum + part, 0);
  return parts.map((part) => part / total);
}

function toArray({ shape, float32 }) {
  const bytes = Uint8Array.from(atob(float32), (letter) => letter.charCodeAt(0));
  return { shape, data: new Float32Array(bytes.buffer) };
}
