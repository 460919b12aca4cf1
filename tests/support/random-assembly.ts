/** Instructions as assembly text, from a seed, for the machines of assembly-twins.ts; and smaller programs that differ still. */
import type { Random } from '../native/random.ts';
import { At, type Program } from './assembly-twins.ts';

/** A border of two pages, 64 bytes on. */
export const DATA = At.window + 4096 - 64;
/** `rbp`, `rsp` and `r15` stay; `r14` points at `DATA` */
export const registers = ['a', 'b', 'c', 'd'].map((name) => `%r${name}x`);
export const others = ['%rsi', '%rdi', '%r8', '%r9', '%r10', '%r11', '%r12'];
export const conditions = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];

const wide = (random: Random): string => random.pick([...registers, ...others]);
const narrow = (random: Random): string => random.pick(['%eax', '%ecx', '%edx', '%ebx', '%esi', '%r8d', '%r11d']);
const byte = (random: Random): string => random.pick(['%al', '%ah', '%bl', '%ch', '%dl', '%sil', '%r9b']);
const word = (random: Random): string => random.pick(['%ax', '%cx', '%di', '%r10w']);
const vector = (random: Random): string => `%xmm${random.below(6)}`;
const place = (random: Random): string => `${random.below(15) * 8}(%r14)`;
export const number = (random: Random): number => random.pick([0, 1, -1, 7, 127, -128, 0x7fffffff, random.below(1000)]);

export const instructions: readonly ((random: Random) => string)[] = [
  (r) => `add ${wide(r)}, ${wide(r)}`,
  (r) => `sub $${number(r)}, ${wide(r)}`,
  (r) => `adc ${narrow(r)}, ${narrow(r)}`,
  (r) => `sbb ${byte(r).replace('h', 'l')}, %dl`,
  (r) => `cmp ${wide(r)}, ${wide(r)}`,
  (r) => `cmp $${r.below(256) - 128}, %${r.pick(['al', 'ah', 'bl'])}`,
  (r) => `test ${narrow(r)}, ${narrow(r)}`,
  (r) => `inc ${wide(r)}`,
  (r) => `dec ${word(r)}`,
  (r) => `neg ${narrow(r)}`,
  (r) => `not ${wide(r)}`,
  (r) => `shl $${r.below(66)}, ${wide(r)}`,
  (r) => `shr %cl, ${narrow(r)}`,
  (r) => `sar %cl, ${word(r)}`,
  (r) => `rol $${r.below(9)}, ${wide(r)}`,
  (r) => `rcr $1, ${narrow(r)}`,
  (r) => `imul ${wide(r)}, ${wide(r)}`,
  (r) => `mul ${narrow(r)}`,
  (r) => `xor ${wide(r)}, ${wide(r)}`,
  (r) => `and $${number(r)}, ${narrow(r)}`,
  (r) => `or ${word(r)}, ${word(r)}`,
  (r) => `mov ${wide(r)}, ${wide(r)}`,
  (r) => `mov $${number(r)}, ${narrow(r)}`,
  (r) => `lea ${r.below(100)}(${wide(r)},${wide(r)},4), ${wide(r)}`,
  (r) => `set${r.pick(conditions)} ${r.pick(['%al', '%ah', '%bl', '%dl'])}`,
  (r) => `cmov${r.pick(conditions)} ${wide(r)}, ${wide(r)}`,
  (r) => `bt $${r.below(64)}, ${wide(r)}`,
  (r) => `bsf ${wide(r)}, ${wide(r)}`,
  (r) => `popcnt ${wide(r)}, ${wide(r)}`,
  (r) => `mov ${place(r)}, ${wide(r)}`,
  (r) => `mov ${wide(r)}, ${place(r)}`,
  (r) => `add ${narrow(r)}, ${place(r)}`,
  (r) => `sub ${place(r)}, ${wide(r)}`,
  (r) => `movzbl ${place(r)}, ${narrow(r)}`,
  (r) => `movswq ${place(r)}, ${wide(r)}`,
  (r) => `movups ${place(r)}, ${vector(r)}`,
  (r) => `movups ${vector(r)}, ${place(r)}`,
  (r) => `paddd ${vector(r)}, ${vector(r)}`,
  (r) => `pxor ${vector(r)}, ${vector(r)}`,
  (r) => `cvtsi2sd ${narrow(r)}, ${vector(r)}`,
  (r) => `addsd ${vector(r)}, ${vector(r)}`,
  (r) => `mulsd ${vector(r)}, ${vector(r)}`,
  (r) => `ucomisd ${vector(r)}, ${vector(r)}`,
  (r) => `cvttsd2si ${vector(r)}, ${wide(r)}`,
  () => 'pushf; popq 8(%r14)',
  () => 'cld',
  () => 'stc',
  () => 'cmc',
  () => 'lahf',
  () => 'sahf',
  () => 'cltq',
  () => 'cqto',
  () => 'cpuid',
  () => 'lodsb; lea (%r14), %rsi',
];

/** Lines of the program that can go without the difference going. */
export function shrink(program: Program, differs: (program: Program) => boolean): Program {
  let lines = program.text.split('\n');
  for (let again = true; again;) {
    again = false;
    for (let n = lines.length - 1; n >= 0; n--) {
      const fewer = { ...program, text: lines.toSpliced(n, 1).join('\n') };
      try {
        if (!differs(fewer)) continue;
      } catch {
        // no program any more
        continue;
      }
      lines = lines.toSpliced(n, 1);
      again = true;
    }
  }
  return { ...program, text: lines.join('\n') };
}
