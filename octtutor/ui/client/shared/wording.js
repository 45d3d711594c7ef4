// Shares and names in words.

/**
 * Return a share in whole percent; what is not certain is not called so.
 * @param {number} share 0 to 1
 */
export function percent(share) {
  if (share > 0 && share < 0.005) return "<1 %";
  if (share < 1 && share > 0.995) return ">99 %";
  return `${Math.round(100 * share)} %`;
}

/**
 * Return a diagnosis with its full name, where that says more.
 * @param {string} label
 * @param {string} [name]
 */
export const titleOf = (label, name) =>
  name && name.toLowerCase() !== label.toLowerCase() ? `${label} (${name})` : label;
