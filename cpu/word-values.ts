/**
 * The values of the reading in words (evaluate-words.ts). A value is the number of its first 32-bit word in one array:
 * two words, a vector four. They live for one instruction, after which the array is used again from its start, so that
 * nothing is allocated.
 *
 * Files on the interpreter's hot path rebind what they import of constants and arrays to constants of their own: the engine
 * folds those into the code, while it loads and checks an import and each property of it anew every time. That was half of
 * an instruction's time (TurboFan, V8 11.3).
 */

const WORDS = 1 << 16;

/** The halves of values, the lower first. */
export const words = new Int32Array(WORDS);
const wholes = new BigUint64Array(words.buffer);
const doubles = new Float64Array(words.buffer);
const singles = new Float32Array(words.buffer);

/** A value's number, even. */
export type Place = number;

let top = 0;

/**
 * Forgets all values. An instruction that needs more than there is room for is a mistake in its definition: what lies
 * outside of the array is lost, and found here.
 */
export function beginInstruction(): void {
  if (top > WORDS) throw new RangeError(`values of an instruction: got ${top} words, expected at most ${WORDS}`);
  top = 0;
}

/** Forgets every value from `place` on. */
export function release(place: Place): void {
  top = place;
}
export const mark = (): Place => top;

/** Room for `count` words. */
export function reserve(count: 2 | 4): Place {
  const place = top;
  top = place + count;
  return place;
}

// without `reserve`, and as short as can be: the engine puts functions of up to 27 bytecodes into any other
export function put(low: number, high: number): Place {
  const place = top;
  words[place] = low;
  words[place + 1] = high;
  top = place + 2;
  return place;
}

export function putWhole(value: bigint): Place {
  const place = reserve(2);
  wholes[place >> 1] = value;
  return place;
}
export const wholeAt = (place: Place): bigint => wholes[place >> 1]!;

export function putVector(value: bigint): Place {
  const place = reserve(4);
  wholes[place >> 1] = value; // the array keeps 64 bits
  wholes[(place >> 1) + 1] = value >> 64n;
  return place;
}
export const vectorAt = (place: Place): bigint => wholes[place >> 1]! | (wholes[(place >> 1) + 1]! << 64n);

export const floatAt = (width: 32 | 64, place: Place): number =>
  width === 64 ? doubles[place >> 1]! : singles[place]!;
/** Not for NaNs, whose bits the engine may change. */
export function putFloat(width: 32 | 64, value: number): Place {
  const place = reserve(2);
  if (width === 64) doubles[place >> 1] = value;
  else {
    singles[place] = value;
    words[place + 1] = 0;
  }
  return place;
}

/** A copy of four words. */
export function copyVector(from: Place): Place {
  const place = reserve(4);
  words[place] = words[from]!;
  words[place + 1] = words[from + 1]!;
  words[place + 2] = words[from + 2]!;
  words[place + 3] = words[from + 3]!;
  return place;
}
