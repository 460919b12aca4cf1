/**
 * The x87 in AT&T's spelling: suffixes that say what is in memory (s l t for floats of 32, 64 and 80 bits, s l q or ll for
 * integers of 16, 32 and 64), operands that may be left out, and waiting forms, which are FWAIT and the instruction.
 */
import type { Spelling } from './spellings.ts';

type Suffixes = readonly (readonly [suffix: string, bits: number])[];
const floats: Suffixes = [
  ['s', 32],
  ['l', 64],
];
const floatsAndExtended: Suffixes = [...floats, ['t', 80]];
const integers: Suffixes = [
  ['s', 16],
  ['l', 32],
];
const longIntegers: Suffixes = [...integers, ['q', 64], ['ll', 64]];

const memory: readonly (readonly [mnemonic: string, suffixes: Suffixes])[] = [
  ...['fadd', 'fmul', 'fsub', 'fsubr', 'fdiv', 'fdivr', 'fcom', 'fcomp'].flatMap((name): [string, Suffixes][] => [
    [name, floats],
    [name.replace('f', 'fi'), integers],
  ]),
  ['fld', floatsAndExtended],
  ['fst', floats],
  ['fstp', floatsAndExtended],
  ['fild', longIntegers],
  ['fist', integers],
  ['fistp', longIntegers],
  ['fisttp', longIntegers],
];

/**
 * Intel's name of AT&T's operation with a destination other than st(0): System V's assembler exchanged the two subtractions
 * and the two divisions there, and all others have followed.
 */
const exchanged: Readonly<Record<string, string>> = { fsub: 'fsubr', fsubr: 'fsub', fdiv: 'fdivr', fdivr: 'fdiv' };

const arithmetic = ['fadd', 'fmul', 'fsub', 'fsubr', 'fdiv', 'fdivr'].flatMap((name): [string, Spelling[]][] => {
  const toRegister = exchanged[name] ?? name;
  const popping: Spelling = { mnemonic: `${toRegister}p` };
  return [
    [
      name,
      [
        { mnemonic: name, toStackRegister: false },
        { mnemonic: toRegister, toStackRegister: true },
        { mnemonic: name, toStackRegister: false, operandCount: 1, stackBefore: [0] },
        { ...popping, operandCount: 0, stackBefore: [1, 0] },
      ],
    ],
    [
      `${name}p`,
      [popping, { ...popping, operandCount: 1, stackAfter: [0] }, { ...popping, operandCount: 0, stackBefore: [1, 0] }],
    ],
  ];
});

/** With st(0), and with st(1) where nothing is said. */
const withTop = ['fcom', 'fcomp', 'fucom', 'fucomp', 'fcomi', 'fcomip', 'fucomi', 'fucomip', 'fxch'].map(
  (mnemonic): [string, Spelling[]] => [
    mnemonic,
    [{ mnemonic }, { mnemonic, operandCount: 1, stackBefore: [0] }, { mnemonic, operandCount: 0, stackBefore: [0, 1] }],
  ],
);
const aliases: readonly (readonly [alias: string, mnemonic: string])[] = [
  ['fcompi', 'fcomip'],
  ['fucompi', 'fucomip'],
];

const waiting = ['finit', 'fclex', 'fstcw', 'fstsw', 'fsave', 'fstenv'].map((name): [string, Spelling[]] => [
  name,
  [{ mnemonic: name.replace('f', 'fn'), waits: true }],
]);

/** These stand instead of what row mnemonics and suffixes would give. */
export const x87Spellings: readonly (readonly [name: string, spellings: readonly Spelling[]])[] = [
  ...arithmetic,
  ...withTop,
  ...aliases.map(([alias, mnemonic]): [string, Spelling[]] => [alias, withTop.find(([name]) => name === mnemonic)![1]]),
  ...waiting,
  ...memory.flatMap(([mnemonic, suffixes]) =>
    suffixes.map(([suffix, memoryBits]): [string, Spelling[]] => [mnemonic + suffix, [{ mnemonic, memoryBits }]]),
  ),
  ['fwait', [{ mnemonic: 'wait' }]],
];
