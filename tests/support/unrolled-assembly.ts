/**
 * Bodies of loops as compilers unroll them: rounds over a few registers, in which each value is used more than once. As
 * assembly text for the machines of assembly-twins.ts, an instruction a line.
 */
import type { Random } from '../native/random.ts';
import { conditions, DATA, instructions, others, registers } from './random-assembly.ts';

const long = [...registers, ...others];
const doubleOf = (name: string): string => (/^%r\d/.test(name) ? `${name}d` : name.replace('%r', '%e'));
const wordOf = (name: string): string => (/^%r\d/.test(name) ? `${name}w` : name.replace('%r', '%'));
const byteOf = (name: string): string => {
  if (/^%r\d/.test(name)) return `${name}b`;
  return name.endsWith('x') ? `%${name[2]}l` : `%${name.slice(2)}l`;
};
const vectorOf = (name: string): string => `%xmm${long.indexOf(name) & 7}`;

/** A round: by its number, over registers `a` to `d`, which differ. */
type Round = (n: number, a: string, b: string, c: string, d: string, random: Random) => string;

const rounds: readonly Round[] = [
  // xorshift
  (_, a, b) =>
    `mov ${a}, ${b}; shl $13, ${b}; xor ${b}, ${a}; mov ${a}, ${b}; shr $7, ${b}; xor ${b}, ${a}; mov ${a}, ${b}; shl $17, ${b}; xor ${b}, ${a}`,
  (_, a, b) => {
    const [x, y] = [doubleOf(a), doubleOf(b)];
    return `mov ${x}, ${y}; shl $13, ${y}; xor ${y}, ${x}; mov ${x}, ${y}; shr $17, ${y}; xor ${y}, ${x}; lea (${a},${a}), ${y}; xor ${y}, ${x}`;
  },
  // a value, turned, added to itself
  (n, a, b) =>
    `mov ${doubleOf(a)}, ${doubleOf(b)}; rol $${1 + (n % 31)}, ${doubleOf(b)}; add ${doubleOf(b)}, ${doubleOf(a)}`,
  (_, a) => `lea (${a},${a}), ${doubleOf(a)}`,
  (n, a) => `lea ${n}(${a},${a},8), ${a}`,
  // ChaCha's quarter
  (_, a, b, c, d) => {
    const [w, x, y, z] = [a, b, c, d].map(doubleOf);
    const step = (one: string, other: string, target: string, by: number): string =>
      `add ${other}, ${one}; xor ${one}, ${target}; rol $${by}, ${target}`;
    return [step(w!, x!, z!, 16), step(y!, z!, x!, 12), step(w!, x!, z!, 8), step(y!, z!, x!, 7)].join('; ');
  },
  // MD5's first function: d ^ (b & (c ^ d))
  (n, a, b, c, d) => {
    const [w, x, y, z] = [a, b, c, d].map(doubleOf);
    return `mov ${y}, %r13d; xor ${z}, %r13d; and ${x}, %r13d; xor ${z}, %r13d; lea ${0x5a827999 - n}(%r13,${a}), ${w}; add ${(n % 12) * 4}(%r14), ${w}; rol $${5 + (n % 17)}, ${w}; add ${x}, ${w}`;
  },
  // a linear congruence, a hash, Horner's rule
  (n, a) => `imul $${1664525 + 2 * n}, ${a}, ${a}; add $1013904223, ${a}`,
  (n, a, b) => `imul ${b}, ${a}; mov ${a}, ${b}; shr $${17 + (n % 30)}, ${b}; xor ${a}, ${b}`,
  (_, a, b, c) => `imul ${b}, ${a}; add ${c}, ${a}; imul ${a}, ${c}; sub ${b}, ${c}`,
  // a sum of many words
  (n, a, b, c) => `add ${b}, ${a}; adc ${c}, ${b}; adc $${n}, ${c}; sbb ${a}, ${b}`,
  (_, a, b) => `rcl $1, ${a}; rcr $1, ${b}; cmc; adc ${a}, ${b}`,
  (n, a, b) => `shld $${1 + (n % 62)}, ${b}, ${a}; shrd $${1 + (n % 31)}, ${a}, ${b}`,
  // parts of registers
  (_, a, b) => `mov ${byteOf(a)}, ${byteOf(b)}; rol $8, ${doubleOf(b)}; add ${wordOf(b)}, ${wordOf(a)}; bswap ${a}`,
  (_, a, b) => `movzbl ${byteOf(a)}, %r13d; shl $8, ${a}; or %r13, ${b}; movswl ${wordOf(b)}, ${doubleOf(a)}`,
  // choices
  (_, a, b, c) => `cmp ${a}, ${b}; cmovl ${a}, ${c}; cmovg ${b}, ${a}; setle ${byteOf(b)}`,
  (_, a, b, c) => `sub ${a}, ${b}; sbb %r13, %r13; and ${c}, %r13; add %r13, ${b}; test ${b}, ${b}; cmovs ${a}, ${b}`,
  (n, a, b) => `bt $${n & 63}, ${a}; setb %r13b; movzbl %r13b, %r13d; lea (%r13,${b},2), ${b}; popcnt ${b}, ${a}`,
  (_, a, b) => `shl %cl, ${a}; sar %cl, ${doubleOf(b)}; ror %cl, ${a}; adc ${a}, ${b}`,
  // memory
  (n, a, b) => `mov ${(n % 14) * 8}(%r14), ${b}; xor ${b}, ${a}; mov ${a}, ${((n + 5) % 14) * 8}(%r14)`,
  (n, a, b) => `add ${(n % 15) * 8}(%r14), ${a}; add ${a}, ${((n + 1) % 15) * 8}(%r14); mov ${a}, ${b}`,
  (_, a, b) => `movzbl ${byteOf(a)}, %r13d; and $63, %r13d; xor (%r14,%r13), ${b}; rol $9, ${a}`,
  (n, a, b) => `movzwl ${n % 60}(%r14), ${doubleOf(a)}; movb ${byteOf(b)}, ${(n * 3) % 60}(%r14); add ${a}, ${b}`,
  // vectors and floats
  (_, a, b) => {
    const [x, y] = [vectorOf(a), vectorOf(b)];
    return `movdqa ${x}, ${y}; pslld $7, ${y}; pxor ${y}, ${x}; paddd ${x}, ${y}; pshufd $0x39, ${x}, ${x}`;
  },
  (_, a, b, c) => {
    const [x, y, z] = [vectorOf(a), vectorOf(b), vectorOf(c)];
    return `cvtsi2sd ${doubleOf(a)}, ${x}; mulsd ${x}, ${y}; addsd ${z}, ${y}; subsd ${y}, ${z}`;
  },
  (_, a, b) => `movq ${a}, ${vectorOf(b)}; punpcklbw ${vectorOf(b)}, ${vectorOf(a)}; movq ${vectorOf(a)}, ${b}`,
];

const anything: Round = (_n, _a, _b, _c, _d, random) => random.pick(instructions)(random);

/**
 * At most `most` instructions: of one to three kinds of round, over registers that change places as compilers have them do, or
 * anything at all; now and then a branch goes over some of them.
 */
export function unrolledBody(random: Random, most: number): string[] {
  const count = random.below(4);
  const kinds = count === 0 ? [anything] : Array.from({ length: count }, () => random.pick(rounds));
  const branches = random.chance(0.3) ? 0.1 : 0;
  const names = long.toSorted(() => random.below(3) - 1);
  const used = 4 + random.below(names.length - 4);
  const lines: string[] = [];
  for (let n = 0, instructions = 0; ; n++) {
    const turn = (by: number): string => names[(n * (1 + (used % 3)) + by) % used]!;
    const round = kinds[n % kinds.length]!(n, turn(0), turn(1), turn(2), turn(3), random).split('; ');
    instructions += round.length + 1;
    if (instructions > most) return lines;
    if (random.chance(branches)) lines.push(`j${random.pick(conditions)} 1f`, ...round, '1:');
    else lines.push(...round);
  }
}

/** A loop around a body: `times` times. */
export const loopAround = (body: readonly string[], times: number): string =>
  [
    `mov $${DATA}, %r14`,
    ...long.map((name, n) => `mov $${0x1234_5678 * (n + 1)}, ${name}`),
    `mov $${times}, %r15d`,
    'again:',
    ...body,
    'dec %r15d',
    'jnz again',
  ].join('\n');
