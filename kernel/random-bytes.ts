/** Random bytes for user space: drivers/char/random.c. */
import { random64, type Kernel } from './kernel.ts';

/** words of 64 bits that are drawn one by one; more are drawn by a generator of their own, which is 50 times as fast */
const FEW = 32;

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

/** xoshiro128**, Blackman and Vigna 2018, with a state of 128 bits of the box's. */
function fill(words: Uint32Array, low: bigint, high: bigint): void {
  const state = new Uint32Array(BigUint64Array.of(low, high | 1n).buffer);
  let [a, b, c, d] = state as unknown as [number, number, number, number];
  for (let n = 0; n < words.length; n++) {
    words[n] = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
  }
}

/** `length` bytes from the box's seed. */
export function randomBytes(kernel: Kernel, length: number): Uint8Array {
  const words = new BigUint64Array(Math.ceil(length / 8));
  if (words.length <= FEW) for (let n = 0; n < words.length; n++) words[n] = random64(kernel);
  else fill(new Uint32Array(words.buffer), random64(kernel), random64(kernel));
  return new Uint8Array(words.buffer, 0, length);
}
