/**
 * AES rounds on a state of 16 bytes, for the evaluating algebra: FIPS 197, section 5. Byte n of the state is row n mod 4
 * of column n / 4.
 */

/** Times x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1. */
const double = (value: number): number => ((value << 1) ^ (value & 0x80 ? 0x11b : 0)) & 0xff;

function product(left: number, right: number): number {
  let sum = 0;
  for (let power = left, rest = right; rest > 0; rest >>= 1, power = double(power)) if (rest & 1) sum ^= power;
  return sum;
}

/** The inverse in the field (0 for 0), then the affine transformation of section 5.1.1. */
function substitution(value: number): number {
  let inverse = 0;
  if (value !== 0) {
    inverse = 1;
    for (let n = 0; n < 254; n++) inverse = product(inverse, value);
  }
  let result = 0x63;
  for (let n = 0; n < 5; n++) result ^= ((inverse << n) | (inverse >> (8 - n))) & 0xff;
  return result;
}

const sbox = Uint8Array.from({ length: 256 }, (_, value) => substitution(value));
const inverseSbox = new Uint8Array(256);
sbox.forEach((to, from) => (inverseSbox[to] = from));

/** ShiftRows: where byte n of the result comes from. */
const shiftRows = Array.from({ length: 16 }, (_, n) => (n + 4 * (n % 4)) % 16);
const inverseShiftRows = Array.from({ length: 16 }, (_, n) => (n + 12 * (n % 4)) % 16);

const products = (factor: number): Uint8Array => Uint8Array.from({ length: 256 }, (_, value) => product(value, factor));
/** The first row of the matrix that MixColumns multiplies a column with, as tables. */
const mixRow = [2, 3, 1, 1].map(products);
const inverseMixRow = [14, 11, 13, 9].map(products);

function mixColumns(state: Uint8Array, row: readonly Uint8Array[]): void {
  for (let column = 0; column < 16; column += 4) {
    const before = state.slice(column, column + 4);
    for (let n = 0; n < 4; n++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum ^= row[(k + 4 - n) % 4]![before[k]!]!;
      state[column + n] = sum;
    }
  }
}

function permuted(state: Uint8Array, from: readonly number[], box: Uint8Array): Uint8Array {
  return Uint8Array.from(from, (n) => box[state[n]!]!);
}

function withKey(state: Uint8Array, key: Uint8Array): Uint8Array {
  for (let n = 0; n < 16; n++) state[n] = state[n]! ^ key[n]!;
  return state;
}

type Round = (state: Uint8Array, key: Uint8Array) => Uint8Array;

const round =
  (from: readonly number[], box: Uint8Array, row: readonly Uint8Array[] | undefined): Round =>
  (state, key) => {
    const next = permuted(state, from, box);
    if (row !== undefined) mixColumns(next, row);
    return withKey(next, key);
  };

/** AESENC, AESENCLAST, AESDEC (the equivalent inverse cipher, section 5.3.5), AESDECLAST. */
export const encrypt = round(shiftRows, sbox, mixRow);
export const encryptLast = round(shiftRows, sbox, undefined);
export const decrypt = round(inverseShiftRows, inverseSbox, inverseMixRow);
export const decryptLast = round(inverseShiftRows, inverseSbox, undefined);

/** AESIMC */
export const inverseMix: Round = (state) => {
  const next = state.slice();
  mixColumns(next, inverseMixRow);
  return next;
};

/** AESKEYGENASSIST before the round constant: SubWord of lanes 1 and 3, and RotWord of each. */
export const keyWords: Round = (state) => {
  const from = [4, 5, 6, 7, 5, 6, 7, 4, 12, 13, 14, 15, 13, 14, 15, 12];
  return permuted(state, from, sbox);
};
