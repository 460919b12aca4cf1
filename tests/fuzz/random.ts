/** What fuzzers choose from: numbers that programs get wrong, and places in bytes. */
import type { Random } from '../random-instructions.ts';

export const pick = <Item>(random: Random, items: readonly Item[]): Item => items[random(items.length)]!;
/** True once in `count` times. */
export const oneIn = (random: Random, count: number): boolean => random(count) === 0;
/** From `least` to `most`. */
export const between = (random: Random, least: number, most: number): number => least + random(most - least + 1);

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

export const anyU32 = (random: Random): number => random(2 ** 32);
export const anyU64 = (random: Random): bigint => (BigInt(anyU32(random)) << 32n) | BigInt(anyU32(random));
export const anyBytes = (random: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => random(256));

/** Small ones, powers of two and their neighbours, negative ones, anything. */
export function anyNumber(random: Random): bigint {
  const kind = random(10);
  if (kind < 4) return BigInt(random(20));
  if (kind < 7) return u64((1n << BigInt(random(64))) + BigInt(random(3) - 1));
  if (kind < 8) return u64(-BigInt(random(130)));
  if (kind < 9) return BigInt(random(64)) * 4096n;
  return oneIn(random, 2) ? BigInt(anyU32(random)) : anyU64(random);
}

/** Bits of a word, few or many. */
export function anyFlags(random: Random, width = 32): bigint {
  let flags = 0n;
  for (let n = random(4); n > 0; n--) flags |= 1n << BigInt(random(width));
  return flags;
}
