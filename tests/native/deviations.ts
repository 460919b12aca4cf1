/** What a real processor may do otherwise than ours, by name; every comparison counts how often each is met. */
import { decode } from '../../cpu/decoder.ts';
import { Layout, outcomeText, type Case, type Outcome } from './state.ts';

/** Two ends of one case; the texts are without the flags that it leaves undefined. */
export interface Ends {
  readonly test: Case;
  readonly ours: Outcome;
  readonly real: Outcome;
  readonly oursText: string;
  readonly realText: string;
}

export interface Deviation {
  readonly name: string;
  readonly why: string;
  readonly holds: (ends: Ends) => boolean;
}

const BREAKPOINT = 3;
/** the program ran too long */
const ENDLESS = 255;
const GP = 13;
const SS = 12;
const PF = 14;
const AC = 17;
/** MXCSR.MM */
const MISALIGNED_MASK = 0x20000n;
const MXCSR_MASK = { real: 0x2ffffn, ours: 0xffffn } as const;
const ES = 0x80n;
const LOW48 = 0xffff_ffff_ffffn;
const LOW32 = 0xffff_ffffn;

export const padded = (code: readonly number[]): Uint8Array =>
  Uint8Array.from([...code, ...Array.from({ length: 16 }, () => 0xcc)]);

/** Of the instruction that an outcome ended at, or ''. */
function mnemonicAt({ code }: Case, { rip }: Outcome): string {
  const offset = Number(rip) - Layout.codeStart;
  const i = offset < 0 || offset >= code.length ? undefined : decode(padded(code.slice(offset)), 0, 15);
  return typeof i === 'object' ? i.mnemonic : '';
}

const isFault = ({ trap }: Outcome): boolean => trap !== BREAKPOINT && trap !== ENDLESS;
/** But for what `pattern` says, the texts are alike. */
const alikeWithout = ({ oursText, realText }: Ends, pattern: RegExp): boolean =>
  oursText.replace(pattern, '') === realText.replace(pattern, '');

/** The words of memory that the two left different, by offset. */
const differentWords = ({ ours, real }: Ends): number[] =>
  [...new Set([...ours.memory.keys(), ...real.memory.keys()])].filter(
    (at) => ours.memory.get(at) !== real.memory.get(at),
  );

/** Memory differs in the image of an FXSAVE alone: in the mask of MXCSR and, while nothing is pending, in FOP, FIP and FDP. */
function isOtherImage(ends: Ends): boolean {
  const { ours, real } = ends;
  if (!/fxsave/.test(mnemonicsOf(ends.test)) || !alikeWithout(ends, / [0-9a-f]+:[0-9a-f]+/g)) return false;
  const different = differentWords(ends);
  const word = (outcome: Outcome, at: number): bigint => outcome.memory.get(at) ?? 0n;
  return different.some((last) => {
    const base = last - 24;
    if (base < 0 || base % 16 !== 0) return false;
    const masks = word(real, last) >> 32n === MXCSR_MASK.real && word(ours, last) >> 32n === MXCSR_MASK.ours;
    if (!masks || (word(real, last) & LOW32) !== (word(ours, last) & LOW32)) return false;
    // FSW of the image: what is pending may have come later
    const quiet = ((word(real, base) >> 16n) & ES) === 0n;
    return different.every((at) => {
      if (at === last) return true;
      if (!quiet || word(real, at) >> 48n !== 0n) return false;
      if (at === base) return (word(real, at) & LOW48) === (word(ours, at) & LOW48);
      return (at === base + 8 || at === base + 16) && word(real, at) === 0n;
    });
  });
}
const mnemonicsOf = ({ code }: Case): string => {
  const names: string[] = [];
  for (let at = 0; at < code.length;) {
    const i = decode(padded(code.slice(at)), 0, 15);
    if (typeof i !== 'object') break;
    names.push(i.mnemonic);
    at += i.length;
  }
  return names.join(' ');
};

/** Found by running a case again, not by looking at it. */
export const contextSwitch: Deviation = {
  name: 'a context switch',
  why: "between two instructions the host's kernel saved and restored the registers, and AMD's lose FOP, FIP and FDP then: run again, the case agrees",
  holds: () => false,
};

export const deviations: readonly Deviation[] = [
  {
    name: 'into the hole',
    why: 'an access that begins at the end of the lower half of the address space is #GP before #PF; we look at its first page first',
    holds: ({ ours, real }) =>
      (real.trap === SS || real.trap === GP) && ours.trap === PF && ours.cr2 >> 8n === 0x7f_ffff_ffffn,
  },
  {
    name: 'MXCSR.MM',
    why: "AMD's MXCSR has a bit of its own, the misaligned exception mask; to us, as to Intel's, it is reserved",
    holds: ({ test, ours, real }) =>
      (real.mxcsr & MISALIGNED_MASK) !== 0n && ours.trap === GP && /ldmxcsr|xrstor/.test(mnemonicAt(test, ours)),
  },
  {
    name: 'MMX before a fault',
    why: "AMD's processors take the x87's registers for MMX before these look at their operands; to us, what faults changes nothing",
    holds: (ends) =>
      isFault(ends.real) &&
      /^(maskmovq|cvtt?p[sd]2pi|cvtpi2p[sd])$/.test(mnemonicAt(ends.test, ends.real)) &&
      ends.real.x87[2] === 0xffn &&
      alikeWithout(ends, / f[st]w=\S+/g),
  },
  {
    name: 'enter before a fault',
    why: 'processors have pushed rbp when the new top of the stack turns out to be no memory; to us, what faults changes nothing',
    holds: (ends) =>
      isFault(ends.real) &&
      ends.real.trap === ends.ours.trap &&
      mnemonicAt(ends.test, ends.real) === 'enter' &&
      alikeWithout(ends, /( cr2=[0-9a-f]+| [0-9a-f]+:[0-9a-f]+)/g),
  },
  {
    name: 'FXSAVE pointers',
    why: "AMD's FXSAVE stores FOP, FIP and FDP as 0 while no unmasked exception is pending, Intel's and ours always; MXCSR_MASK has AMD's MM",
    holds: isOtherImage,
  },
  {
    name: 'FXSAVE outside',
    why: 'through rbp and rsp, an image neither aligned nor canonical is #SS to FXSAVE and FXRSTOR and #GP to MOVAPS; to us, always #GP',
    holds: (ends) =>
      ends.real.trap === SS &&
      ends.ours.trap === GP &&
      /^fx(save|rstor)/.test(mnemonicAt(ends.test, ends.real)) &&
      alikeWithout(ends, /^trap=1[23]/),
  },
  {
    name: 'FXSAVE misaligned',
    why: 'with alignment checks on, the manual leaves it to the processor whether an image that is not aligned is #AC or #GP; to us, always #GP',
    holds: (ends) =>
      ends.real.trap === AC &&
      ends.ours.trap === GP &&
      /^fx(save|rstor)/.test(mnemonicAt(ends.test, ends.real)) &&
      alikeWithout(ends, /^trap=1[37]/),
  },
  contextSwitch,
  {
    name: 'no end',
    why: 'a jump into the middle of something has made a program that never ends: where it is when time is up says nothing',
    holds: ({ ours, real }) => ours.trap === ENDLESS && real.trap === ENDLESS,
  },
];

/** The deviation that all of a difference is, if there is one. */
export function deviationOf(
  test: Case,
  ours: Outcome,
  real: Outcome,
  undefinedFlags: (outcome: Outcome) => bigint,
): Deviation | undefined {
  const oursText = outcomeText(test, ours, undefinedFlags(ours));
  const realText = outcomeText(test, real, undefinedFlags(real));
  return deviations.find(({ holds }) => holds({ test, ours, real, oursText, realText }));
}
