/**
 * What the reading in words borrows from the reading in BigInts: rare operations, one row each. A signature has a letter for
 * each argument and one for the result: `v` a value, `x` a vector, `.` what both readings have alike.
 */
import type { Algebra } from './algebra.ts';
import type { evaluate } from './evaluate.ts';
import { putVector, putWhole, vectorAt, wholeAt, type Place } from './word-values.ts';

type Whole = Algebra<bigint, boolean, bigint>;
type Evaluate = ReturnType<typeof evaluate>;
type InWords = Algebra<Place, boolean, Place>;

const signatures = {
  extractBits: 'vv:v',
  depositBits: 'vv:v',
  crc32c: 'vv.:v',
  readRflags: ':v',
  writeRflags: 'v:.',
  raise: '..:.',
  requireKernelElseUndefined: ':.',
  readSystem: '.:v',
  writeSystem: '.v:.',
  readSegment: '.:v',
  loadSegment: '.v:.',
  loadTaskRegister: 'v:.',
  readMsr: 'v:v',
  writeMsr: 'vv:.',
  timestamp: ':v',
  invalidatePage: 'v:.',
  loadCodeSegment: 'v:.',
  readDebug: '.:v',
  writeDebug: '.v:.',
  random: ':v',
  halt: ':.',
  undefinedInstruction: ':.',
  requireWideVectors: ':.',
  readHalf: '..:x',
  writeHalf: '..x:.',
  carrylessMultiply: 'vv:x',
  hash: '.xxx:x',
  compareStrings: '.xvxv:v',
  approximate: '.v:v',
  beginX87: '.:.',
  beginMmx: ':.',
  endMmx: '.:.',
  readX87: '.:x',
  writeX87: '.x:.',
  freeX87: '.:.',
  isEmptyX87: '.:.',
  rotateX87: '.:.',
  stackFaultX87: '..:.',
  settleX87: '.:.',
  extended: '.xx:x',
  extendedUnary: '.x:x',
  compareExtended: 'xx.:.',
  extendedFromFloat: '.v.:x',
  extendedToFloat: '.x:v',
  extendedFromInteger: '.v:x',
  extendedToInteger: '.x.:v',
  extendedFromDecimal: 'x:x',
  extendedToDecimal: 'x:x',
} as const satisfies Partial<Record<keyof Whole, string>>;

export type BorrowedName = keyof typeof signatures;
export type Borrowed = Pick<InWords, BorrowedName>;

interface Asker {
  readonly whole: Record<string, (...args: readonly unknown[]) => unknown>;
}

const toWhole = (letter: string | undefined, value: unknown): unknown =>
  letter === 'v' ? wholeAt(value as Place) : letter === 'x' ? vectorAt(value as Place) : value;
const toWords = (letter: string | undefined, value: unknown): unknown =>
  letter === 'v' ? putWhole(value as bigint) : letter === 'x' ? putVector(value as bigint) : value;

/** The borrowed operations, which ask the reading in BigInts that `whole` is. */
class Borrower {
  readonly whole: Evaluate;

  constructor(whole: Evaluate) {
    this.whole = whole;
  }
}
for (const [name, signature] of Object.entries(signatures)) {
  const [inputs, output] = signature.split(':') as [string, string];
  const alike = function (this: Asker, first: unknown, second: unknown): unknown {
    return this.whole[name]!(first, second);
  };
  const converted = function (this: Asker, ...args: unknown[]): unknown {
    return toWords(output, this.whole[name]!(...args.map((value, n) => toWhole(inputs[n], value))));
  };
  const borrowed = /^\.{0,2}:\.$/.test(signature) ? alike : converted;
  Object.defineProperty(Borrower.prototype, name, { value: borrowed });
}

/** `Borrower`, of which the compiler is told what the loop has added. */
export const BorrowedOperations = Borrower as unknown as new (whole: Evaluate) => Borrower & Borrowed;
