/**
 * Steps of SHA-1 and SHA-256 on vectors of four 32-bit lanes, for the evaluating algebra: FIPS 180-4, sections 4.1, 6.1
 * and 6.2, divided as Intel's SHA extensions divide them. Lanes are numbered from the least significant.
 */
import type { HashOperation } from './algebra.ts';

type Lanes = readonly [number, number, number, number];

const lanesOf = (value: bigint): Lanes => [
  Number(value & 0xffff_ffffn),
  Number((value >> 32n) & 0xffff_ffffn),
  Number((value >> 64n) & 0xffff_ffffn),
  Number(value >> 96n),
];
const valueOf = (lanes: readonly number[]): bigint =>
  lanes.reduceRight((sum, lane) => (sum << 32n) | BigInt(lane >>> 0), 0n);

const rotateLeft = (value: number, count: number): number => (value << count) | (value >>> (32 - count));
const rotateRight = (value: number, count: number): number => rotateLeft(value, 32 - count);

type Mix = (b: number, c: number, d: number) => number;
const choose: Mix = (b, c, d) => (b & c) ^ (~b & d);
const parity: Mix = (b, c, d) => b ^ c ^ d;
const majority: Mix = (b, c, d) => (b & c) ^ (b & d) ^ (c & d);
/** SHA-1's function and constant of each twenty rounds. */
const sha1Phases: readonly (readonly [Mix, number])[] = [
  [choose, 0x5a827999],
  [parity, 0x6ed9eba1],
  [majority, 0x8f1bbcdc],
  [parity, 0xca62c1d6],
];

type Step = (first: Lanes, second: Lanes, third: Lanes) => readonly number[];

/** SHA1RNDS4: `first` is d c b a, `second` four message words, the first of them (lane 3) with e added. */
const sha1Rounds =
  (phase: number): Step =>
  (first, second) => {
    const [mix, constant] = sha1Phases[phase]!;
    let [d, c, b, a] = first;
    let e = 0;
    for (let n = 0; n < 4; n++) {
      const next = (mix(b, c, d) + rotateLeft(a, 5) + second[3 - n]! + e + constant) | 0;
      [a, b, c, d, e] = [next, a, rotateLeft(b, 30), c, d];
    }
    return [d, c, b, a];
  };

const smallSigma0 = (x: number): number => rotateRight(x, 7) ^ rotateRight(x, 18) ^ (x >>> 3);
const smallSigma1 = (x: number): number => rotateRight(x, 17) ^ rotateRight(x, 19) ^ (x >>> 10);
const bigSigma0 = (x: number): number => rotateRight(x, 2) ^ rotateRight(x, 13) ^ rotateRight(x, 22);
const bigSigma1 = (x: number): number => rotateRight(x, 6) ^ rotateRight(x, 11) ^ rotateRight(x, 25);

/** SHA256RNDS2: `first` is h g d c, `second` f e b a, `third` two message words with their constants. */
const sha256Rounds: Step = (first, second, third) => {
  let [h, g, d, c] = first;
  let [f, e, b, a] = second;
  for (let n = 0; n < 2; n++) {
    const t = (choose(e, f, g) + bigSigma1(e) + third[n]! + h) | 0;
    const next = (t + majority(a, b, c) + bigSigma0(a)) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (t + d) | 0, c, b, a, next];
  }
  return [f, e, b, a];
};

const steps: Readonly<Record<HashOperation, Step>> = {
  sha1Rounds0: sha1Rounds(0),
  sha1Rounds1: sha1Rounds(1),
  sha1Rounds2: sha1Rounds(2),
  sha1Rounds3: sha1Rounds(3),
  sha1NextE: (first, second) => [second[0], second[1], second[2], (second[3] + rotateLeft(first[3], 30)) | 0],
  sha1Message1: (first, second) => [
    first[0] ^ second[2],
    first[1] ^ second[3],
    first[2] ^ first[0],
    first[3] ^ first[1],
  ],
  sha1Message2: (first, second) => {
    const w16 = rotateLeft(first[3] ^ second[2], 1);
    const w17 = rotateLeft(first[2] ^ second[1], 1);
    const w18 = rotateLeft(first[1] ^ second[0], 1);
    return [rotateLeft(first[0] ^ w16, 1), w18, w17, w16];
  },
  sha256Rounds,
  sha256Message1: (first, second) =>
    [first[1], first[2], first[3], second[0]].map((next, n) => (first[n]! + smallSigma0(next)) | 0),
  sha256Message2: (first, second) => {
    const w16 = (first[0] + smallSigma1(second[2])) | 0;
    const w17 = (first[1] + smallSigma1(second[3])) | 0;
    return [w16, w17, (first[2] + smallSigma1(w16)) | 0, (first[3] + smallSigma1(w17)) | 0];
  },
};

/** `third` counts for `sha256Rounds` only. */
export function hash(operation: HashOperation, first: bigint, second: bigint, third: bigint): bigint {
  return valueOf(steps[operation](lanesOf(first), lanesOf(second), lanesOf(third)));
}
