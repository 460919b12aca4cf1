/** Edit distance of two short words, neighbours exchanged counting once; `limit + 1` when lengths alone say it is more. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? beforePrevious[j - 2]! + 1 : limit + 1;
      row.push(
        Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1), exchanged),
      );
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}

/** `; did you mean X?`, or nothing when no candidate is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const limit = name.length > 3 ? 2 : 1;
  if (name.length > 32) return '';
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of candidates) {
    const d = distance(name.toLowerCase(), candidate, limit);
    if (d < least) [least, best] = [d, candidate];
  }
  return best === undefined ? '' : `; did you mean ${best}?`;
}
