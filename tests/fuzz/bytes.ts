/** Bytes with things wrong in them. */
import type { Random } from '../random-instructions.ts';
import { anyNumber, between, oneIn, pick } from './random.ts';

/** What was done, for a person. */
export interface Damaged {
  readonly bytes: Uint8Array;
  readonly text: readonly string[];
}

/** `offset` prefers places that decide much. */
export function damaged(random: Random, original: Uint8Array, offset: (random: Random) => number): Damaged {
  let bytes = original.slice();
  const text: string[] = [];
  for (let n = between(random, 1, 6); n > 0 && bytes.length > 0; n--) {
    const at = offset(random) % bytes.length;
    const kind = random(20);
    if (kind < 7) {
      const bit = random(8);
      bytes[at]! ^= 1 << bit;
      text.push(`bit ${bit} of 0x${at.toString(16)} flipped`);
    } else if (kind < 12) {
      const value = pick(random, [0, 1, 0x7f, 0x80, 0xff, random(256)]);
      bytes[at] = value;
      text.push(`0x${at.toString(16)}: ${value}`);
    } else if (kind < 17) {
      const size = Math.min(pick(random, [2, 4, 8]), bytes.length - at);
      const value = anyNumber(random);
      for (let k = 0; k < size; k++) bytes[at + k] = Number((value >> BigInt(k * 8)) & 0xffn);
      text.push(`0x${at.toString(16)}: ${size} bytes of 0x${value.toString(16)}`);
    } else if (kind < 19) {
      const from = random(bytes.length);
      const length = Math.min(pick(random, [1, 8, 64, 4096]), bytes.length - from, bytes.length - at);
      bytes.copyWithin(at, from, from + length);
      text.push(`0x${at.toString(16)}: ${length} bytes from 0x${from.toString(16)}`);
    } else if (oneIn(random, 2)) {
      bytes = bytes.slice(0, at);
      text.push(`cut to ${at} bytes`);
    } else {
      const length = Math.min(random(5000), bytes.length - at);
      bytes = new Uint8Array(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]));
      text.push(`${length} bytes at 0x${at.toString(16)} left out`);
    }
  }
  return { bytes, text };
}
