/** Clauses that say the same of both halves of a ymm register, or of 256 bits of memory, told once. */

/** `mem128[rsi+8]` as `mem128[rsi+0x18]`. */
function sixteenAbove(address: string): string {
  const [, base, sign, offset] = /^(.*?)(?:([+-])(0x[0-9a-f]+|\d))?$/.exec(address)!;
  const moved = (sign === undefined ? 0 : Number(`${offset}`) * (sign === '-' ? -1 : 1)) + 16;
  const size = Math.abs(moved);
  return moved === 0 ? base! : `${base}${moved < 0 ? '-' : '+'}${size < 10 ? size : `0x${size.toString(16)}`}`;
}

/** Whole registers: what has a range of bits behind it is the same for both halves. */
const wholeRegister = /\bxmm(\d+)\b(?!\[)/g;

/** What a clause on lower halves would be for the upper ones. */
const ofUpperHalf = (clause: string): string =>
  clause
    .replace(wholeRegister, 'ymm$1[255:128]')
    .replace(/mem128\[([^\]]*)\]/g, (_, address: string) => `mem128[${sixteenAbove(address)}]`);

/** A clause on lower halves, as one on both. */
function ofBoth(clause: string): string {
  const whole = clause
    .replace(wholeRegister, 'ymm$1')
    .replaceAll('mem128[', 'mem256[')
    .replace(/(\d+) lanes of/, (_, count: string) => `${2 * Number(count)} lanes of`);
  // what has the same rule for each lane, or is bitwise, is the same of the whole
  const bitwise = !/[([]|lanes/.test(whole.replace(/mem256\[[^\]]*\]/g, ''));
  return bitwise || /\d lanes of/.test(whole) ? whole : `in each half: ${whole}`;
}

/** `clauses` with those of two halves next to each other as one. */
export function joinedHalves(clauses: readonly string[]): string[] {
  const result: string[] = [];
  for (let at = 0; at < clauses.length; at++) {
    const [one, two] = [clauses[at]!, clauses[at + 1] ?? ''];
    const low = /^(xmm|mem128\[)/.test(one) && ofUpperHalf(one) === two ? one : undefined;
    const stored = two.startsWith('mem128[') && ofUpperHalf(two) === one ? two : undefined;
    const lower = low ?? stored;
    result.push(lower === undefined ? one : ofBoth(lower));
    if (lower !== undefined) at++;
  }
  return result;
}
