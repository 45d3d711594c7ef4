// Which of the files that somebody gives are scans. Values in, values out.
import { fill } from "../shared/dom.js";

/**
 * @typedef {object} Limits
 * @property {string[]} suffixes of what can be read
 * @property {number} most_files
 * @property {number} most_bytes
 */

/** @param {string} name */
const suffixOf = (name) =>
  name.includes(".") ? name.slice(name.lastIndexOf(".")).toLowerCase() : "";

/** @param {any} file */
const placeOf = (file) => file.webkitRelativePath || file.name;

/**
 * Return the scans among files, in the order of their names, or why none can be taken.
 * @param {any[]} files as the browser gives them
 * @param {Limits} limits
 * @param {Record<string, string>} texts
 * @returns {{scans: any[], fault: string}}
 */
export function pickScans(files, limits, texts) {
  // a folder holds other files too; what has no suffix may be a DICOM
  const isScan = ({ name }) => !suffixOf(name) || limits.suffixes.includes(suffixOf(name));
  const scans = files.length > 1 ? files.filter(isScan) : [...files];
  scans.sort((a, b) => placeOf(a).localeCompare(placeOf(b), undefined, { numeric: true }));
  return { scans, fault: faultOf(scans, limits, texts) };
}

/** @param {any[]} scans @param {Limits} limits @param {Record<string, string>} texts */
function faultOf(scans, limits, texts) {
  const size = scans.reduce((sum, file) => sum + file.size, 0);
  const megabytes = (bytes) => Math.round(bytes / 1e6);
  if (!scans.length) return texts.no_file;
  if (scans.length > limits.most_files) {
    return fill(texts.too_many, { most: limits.most_files, n: scans.length });
  }
  if (size > limits.most_bytes) {
    const [limit, given] = [limits.most_bytes, size].map(megabytes);
    return fill(texts.too_large, { limit, size: given });
  }
  return "";
}
