/** Permutations of bytes in words. */

const groups = [8, 4, 2, 1] as const;

/** The picks as lanes of `bytes`, where they are; -1 for zero. */
function lanesOf(picks: readonly number[], bytes: number): number[] | undefined {
  const lanes: number[] = [];
  for (let at = 0; at < picks.length; at += bytes) {
    const first = picks[at]!;
    const together = picks.slice(at, at + bytes).every((pick, n) => pick === (first < 0 ? first : first + n));
    if (!together || (first > 0 && first % bytes !== 0)) return undefined;
    lanes.push(first < 0 ? -1 : first / bytes);
  }
  return lanes;
}

/** The distance in bytes of a shift to the left (negative: to the right) that fills with zeros. */
function shiftOf(picks: readonly number[]): number | undefined {
  const at = picks.findIndex((pick) => pick >= 0);
  const distance = at - picks[at]!;
  const matches = picks.every((pick, n) => {
    const from = n - distance;
    return pick === (from >= 0 && from < 16 ? from : -1);
  });
  return matches ? distance : undefined;
}

/** Lanes of the two sources in turn, from lane `start`. */
function alternation(lanes: readonly number[]): number | undefined {
  const count = lanes.length;
  const start = lanes[0]!;
  const matches = lanes.every((lane, n) => lane === start + (n >> 1) + (n & 1) * count);
  return matches ? start : undefined;
}

/** `picks` as the algebra's `shuffleBytes` has them, of the sources with these names. */
export function shuffleText(sources: readonly [string, string], picks: readonly number[], notes: Set<string>): string {
  const [left, right] = sources;
  const shift = shiftOf(picks);
  if (shift !== undefined) {
    return `${left} ${shift > 0 ? '<<' : '>>'} ${Math.abs(shift) * 8}`;
  }
  const bytes = groups.find((size) => lanesOf(picks, size) !== undefined)!;
  const lanes = lanesOf(picks, bytes)!;
  const width = bytes * 8;
  const start = alternation(lanes);
  if (start !== undefined && lanes.length > 2) {
    notes.add(`lanes of ${width} bits, in turn`);
    return `${start === 0 ? 'low' : 'high'} halves of ${left} and ${right}`;
  }
  notes.add(`lanes of ${width} bits, the lowest first`);
  if (lanes.every((lane) => lane < lanes.length)) {
    return `lanes ${lanes.map((lane) => (lane < 0 ? 'zero' : lane)).join(' ')} of ${left}`;
  }
  const range = (lane: number): string => `[${(lane + 1) * width - 1}:${lane * width}]`;
  const name = (lane: number): string =>
    lane < 0 ? '0' : lane < lanes.length ? left + range(lane) : right + range(lane - lanes.length);
  return `[${lanes.map(name).join(', ')}]`;
}
