// The clock of a case: what it shows. Values in, values out.

/**
 * @param {object} time
 * @param {number} time.now milliseconds, of the same clock as the others
 * @param {string} time.phase
 * @param {number} time.startedAt
 * @param {number | null} time.endsAt where the time of a case is limited
 * @param {number} [time.elapsed] milliseconds that an answer took
 * @returns {{seconds: number, isTimed: boolean, isOver: boolean}}
 */
export function clockOf({ now, phase, startedAt, endsAt, elapsed }) {
  if (phase !== "ask") {
    return { seconds: Math.floor((elapsed || 0) / 1000), isTimed: false, isOver: false };
  }
  if (endsAt === null) {
    return { seconds: Math.floor((now - startedAt) / 1000), isTimed: false, isOver: false };
  }
  const left = endsAt - now;
  return { seconds: Math.max(0, Math.ceil(left / 1000)), isTimed: true, isOver: left < 0 };
}

/** Minutes and seconds; what runs down has a minus. @param {number} seconds @param {boolean} isTimed */
export function clockText(seconds, isTimed) {
  const two = (number) => String(number).padStart(2, "0");
  return `${isTimed ? "−" : ""}${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
}
