/** What explanations say of registers, memory and flags against iced-x86's InstructionInfo, for every row. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  Decoder,
  DecoderOptions,
  InstructionInfoFactory,
  MemorySizeExt,
  OpAccess,
  Register,
  RegisterExt,
  type Instruction as Iced,
  type UsedMemory,
  type UsedRegister,
} from 'iced-x86';
import { compiledRows, decode, MAX_INSTRUCTION_LENGTH } from '../cpu/decoder.ts';
import { explain, type Effect, type Explanation } from '../cpu/explain/explain.ts';
import type { NamedFlag } from '../cpu/explain/node.ts';
import { Slot } from '../cpu/state.ts';
import { disassembly } from './native/disassemble.ts';
import { encodeRow } from './native/encode.ts';
import { createRandom } from './native/random.ts';
import { createEvaluator } from './support/compute-explanation.ts';
import { createExplainedMachine } from './support/explained-machine.ts';

/** CASES: how many a row; SEED: where the sequence starts. */
const CASES = Number(process.env['CASES'] ?? 12);
const SEED = Number(process.env['SEED'] ?? 1);
const ADDRESS = 0x40_1000n;

interface View {
  /** full registers: rax, xmm0 */
  readonly registersRead: readonly string[];
  readonly registersWritten: readonly string[];
  /** `address:bits` */
  readonly memoryRead: readonly string[];
  readonly memoryWritten: readonly string[];
  readonly flagsRead: readonly string[];
  readonly flagsWritten: readonly string[];
}
type Aspect = keyof View;

const machine = createExplainedMachine();
const { cpu } = machine;

const names = Object.entries(Register).filter((entry): entry is [string, Register] => typeof entry[1] === 'number');
const nameOf = new Map(names.map(([name, register]) => [register, name.toLowerCase()]));
const general = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');

/** Our register of an iced register, if it is a general one or a vector. */
function fullName(register: Register): string | undefined {
  const name = nameOf.get(RegisterExt.fullRegister(register))!.replace('zmm', 'xmm').replace('ymm', 'xmm');
  return general.includes(name) || /^x?mm\d/.test(name) ? name : undefined;
}

const reads: ReadonlySet<OpAccess> = new Set([
  OpAccess.Read,
  OpAccess.CondRead,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);
const writes: ReadonlySet<OpAccess> = new Set([
  OpAccess.Write,
  OpAccess.CondWrite,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);

function registerValue(register: Register): bigint {
  if (register === Register.None) return 0n;
  const base = nameOf.get(RegisterExt.fullRegister(register))!;
  // the displacement of an operand relative to rip is its address; the lanes of vectors of indices are 0 here
  if (base === 'rip' || base.startsWith('zmm')) return 0n;
  return BigInt.asUintN(RegisterExt.size(register) * 8, cpu.slots[general.indexOf(base)]!);
}

const isNarrow = (register: Register): boolean => register !== Register.None && RegisterExt.size(register) === 4;

function addressOf(memory: UsedMemory): bigint {
  const { base, index, scale, displacement, segment } = memory;
  const effective = registerValue(base) + registerValue(index) * BigInt(scale) + displacement;
  const segmentBase =
    segment === Register.FS ? cpu.slots[Slot.fsBase]! : segment === Register.GS ? cpu.slots[Slot.gsBase]! : 0n;
  return BigInt.asUintN(64, BigInt.asUintN(isNarrow(base) || isNarrow(index) ? 32 : 64, effective) + segmentBase);
}

const flagNames: readonly [string, number][] = [
  ['OF', 0],
  ['SF', 1],
  ['ZF', 2],
  ['AF', 3],
  ['CF', 4],
  ['PF', 5],
  ['DF', 6],
  ['IF', 7],
  ['AC', 8],
  ['C0', 10],
  ['C1', 11],
  ['C2', 12],
  ['C3', 13],
];
const flagsOf = (bits: number): string[] =>
  flagNames.filter(([, at]) => ((bits >> at) & 1) === 1).map(([name]) => name);

const sorted = (list: Iterable<string>): string[] => [...new Set(list)].sort();

/** Neighbouring accesses as one: `address:bytes`. */
function ranges(accesses: readonly (readonly [address: bigint, bytes: number])[]): string[] {
  const joined: [bigint, number][] = [];
  for (const [address, bytes] of [...accesses].sort(([one], [two]) => (one < two ? -1 : one > two ? 1 : 0))) {
    const last = joined.at(-1);
    if (last !== undefined && last[0] + BigInt(last[1]) === address) last[1] += bytes;
    else if (last?.[0] !== address || last[1] !== bytes) joined.push([address, bytes]);
  }
  return joined.map(([address, bytes]) => `${address.toString(16)}:${bytes}`);
}

const factory = new InstructionInfoFactory();

/** iced's view; `maybe` has flags that the instruction leaves undefined. */
function icedView(bytes: Uint8Array): { readonly view: View; readonly maybe: readonly string[] } | undefined {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  decoder.ip = ADDRESS;
  const i: Iced = decoder.decode();
  decoder.free();
  if (i.isInvalid) return undefined;
  const info = factory.info(i);
  const registers = info.usedRegisters() as UsedRegister[];
  const memory = info.usedMemory() as UsedMemory[];
  const registersWith = (kinds: ReadonlySet<OpAccess>): string[] =>
    sorted(
      registers
        .filter(({ access }) => kinds.has(access))
        .map(({ register }) => fullName(register))
        .filter((name) => name !== undefined),
    );
  const memoryWith = (kinds: ReadonlySet<OpAccess>): string[] =>
    ranges(
      memory
        .filter(({ access }) => kinds.has(access))
        .map((one) => [addressOf(one), MemorySizeExt.size(one.memorySize)]),
    );
  const view: View = {
    registersRead: registersWith(reads),
    registersWritten: registersWith(writes),
    memoryRead: memoryWith(reads),
    memoryWritten: memoryWith(writes),
    flagsRead: sorted(flagsOf(i.rflagsRead)),
    flagsWritten: sorted(flagsOf(i.rflagsWritten | i.rflagsCleared | i.rflagsSet)),
  };
  const maybe = flagsOf(i.rflagsUndefined);
  for (const one of [...registers, ...memory, info, i]) one.free();
  return { view, maybe };
}

function ourView(explanation: Explanation): View {
  const valueOf = createEvaluator(machine);
  const registers = (effects: readonly Effect[]): string[] =>
    sorted(
      effects.flatMap(({ at }) =>
        at.kind === 'register'
          ? [general[at.index]!]
          : at.kind === 'xmm'
            ? [`xmm${at.index}`]
            : at.kind === 'mmx'
              ? [`mm${at.index}`]
              : [],
      ),
    );
  const memory = (effects: readonly Effect[]): string[] =>
    ranges(
      effects.flatMap(({ at }): [bigint, number][] =>
        at.kind === 'memory' ? [[valueOf(at.address) as bigint, at.width / 8]] : [],
      ),
    );
  const known = new Set(flagNames.map(([name]) => name));
  const flags = (list: readonly NamedFlag[]): string[] => sorted(list.filter((name) => known.has(name)));
  return {
    registersRead: registers(explanation.reads),
    registersWritten: registers(explanation.writes),
    memoryRead: memory(explanation.reads),
    memoryWritten: memory(explanation.writes),
    flagsRead: flags(explanation.flags.read),
    flagsWritten: flags(explanation.flags.written),
  };
}

interface Difference {
  readonly aspect: Aspect;
  readonly more: readonly string[];
  readonly less: readonly string[];
}

function differencesOf(
  ours: View,
  { view, maybe }: { readonly view: View; readonly maybe: readonly string[] },
): Difference[] {
  return (Object.keys(view) as Aspect[]).flatMap((aspect) => {
    const allowed = aspect === 'flagsWritten' ? [...view[aspect], ...maybe] : view[aspect];
    const more = ours[aspect].filter((name) => !allowed.includes(name));
    const less = view[aspect].filter((name) => !ours[aspect].includes(name));
    return more.length + less.length === 0 ? [] : [{ aspect, more, less }];
  });
}

interface Deviation {
  readonly why: string;
  readonly aspects: RegExp;
  readonly mnemonics: RegExp;
  /** what is allowed to be there in addition, and to be missing */
  readonly more?: RegExp;
  readonly less?: RegExp;
}

const ANY = /./;
/** Where we differ from iced-x86 on purpose. Missing reads are the business of explain.test.ts: it perturbs what is not read. */
const deviations: readonly Deviation[] = [
  {
    why: 'the rest of the register is kept, not read',
    aspects: /registersRead/,
    mnemonics:
      /^v?(cvtsd2ss|cvtss2sd|cvtsi2s[sd]|cvtpi2ps|mov(hlps|lhps|hp[sd]|lp[sd]|ss|sd)|pinsr[bwdq]|insertps|(round|sqrt|rcp|rsqrt)s[sd])$/,
    less: /^xmm/,
  },
  {
    why: 'of the same operand twice, the result is known',
    aspects: /registersRead|flagsRead/,
    mnemonics: /^v?(cmp|cmpxchg|sbb|andn|p?andnp?[sd]?|pcmp(gt|eq)[bwdq]|psadbw|psubu?s?[bwdq]|f?cmovn?[a-z]+)$/,
    less: ANY,
  },
  {
    why: 'an immediate leaves nothing of the operand',
    aspects: /registersRead/,
    mnemonics:
      /^v?(perm2[fi]128|pblendd|and|or|test|imul|sh[lr]|sh[lr]d|rc[lr]|ps[lr]l[wdq]|ps[lr]ldq|palignr|p?blend[pw][sd]?|dpp[sd]|pclmulqdq|insertps)$/,
    less: ANY,
  },
  { why: 'processors look at the last byte first', aspects: /memoryRead/, mnemonics: /^(fldenv|frstor)$/, more: /:1$/ },
  { why: 'of the x87 they are st0 to st7', aspects: /registers/, mnemonics: /^f(nsave|rstor)$/, less: /^mm/ },
  { why: 'bswap of 16 bits gives 0', aspects: /registersRead/, mnemonics: /^bswap$/, less: ANY },
  { why: 'there are no devices', aspects: /registersRead/, mnemonics: /^(in|out)(sb?)?$/, less: /^r[ad]x$/ },
  { why: 'there are no caches', aspects: /registersRead/, mnemonics: /^(prefetch|cl|nop)/, less: ANY },
  {
    why: 'a bit offset in a register reaches beyond the operand',
    aspects: /memory/,
    mnemonics: /^bt[src]?$/,
    more: ANY,
    less: ANY,
  },
  {
    why: 'iced does not know how much a loop accesses',
    aspects: /memory/,
    mnemonics: /^(movs|cmps|stos|lods|scas|ins|outs)/,
    more: ANY,
    less: /:0$/,
  },
  { why: 'the lower halves are kept, not read', aspects: /registersRead/, mnemonics: /^vzeroupper$/, less: /^xmm/ },
  {
    why: 'iced leaves out what is in the saved image',
    aspects: ANY,
    mnemonics: /^(f?x(save|rstor)|xgetbv)/,
    more: ANY,
    less: /:(512|0)$/,
  },
  {
    why: 'iced leaves out the delivery of interrupts',
    aspects: /registersWritten|flagsWritten/,
    mnemonics: /^int[13]?$/,
    more: ANY,
  },
  { why: 'processors read a selector of 16 bits', aspects: /memoryRead/, mnemonics: /^pop$/, more: /:2$/, less: /:8$/ },
  { why: 'AC is a flag like the others', aspects: /flags/, mnemonics: /^(popf|iret)$/, more: /^AC$/ },
  { why: 'processors set OF after a whole turn', aspects: /flags/, mnemonics: /^rc[lr]$/, more: /^[CO]F$/ },
  {
    why: 'FSW keeps its condition bits by being read',
    aspects: /flagsRead/,
    mnemonics: /^(fldcw|fnclex|fwait|wait)$/,
    more: /^C[0-3]$/,
  },
  { why: 'with REX.B, processors do exchange', aspects: /registers/, mnemonics: /^xchg$/, more: /^(rax|r8)$/ },
];

/** The deviation that speaks of all of a difference. */
function excuse(mnemonic: string, { aspect, more, less }: Difference): Deviation | undefined {
  return deviations.find(
    (one) =>
      one.aspects.test(aspect) &&
      one.mnemonics.test(mnemonic) &&
      more.every((name) => one.more?.test(name) ?? false) &&
      less.every((name) => one.less?.test(name) ?? false),
  );
}

test('effects are those that iced-x86 knows', () => {
  const random = createRandom(SEED);
  const failures = new Map<string, string>();
  const used = new Set<Deviation>();
  let compared = 0;
  for (const row of compiledRows) {
    for (let n = 0; n < CASES; n++) {
      const bytes = new Uint8Array(MAX_INSTRUCTION_LENGTH);
      bytes.set(encodeRow(row, random, { redundant: false, displacement: () => random.next() }).slice(0, 15));
      const instruction = decode(bytes, 0, bytes.length);
      if (typeof instruction !== 'object') continue;
      for (let m = 0; m < 16; m++) cpu.slots[m] = random.wide();
      cpu.slots[Slot.fsBase] = random.wide();
      cpu.slots[Slot.gsBase] = random.wide();
      const iced = icedView(bytes);
      if (iced === undefined) continue;
      const { mnemonic } = instruction;
      compared++;
      for (const difference of differencesOf(ourView(explain(instruction, { address: ADDRESS })), iced)) {
        const deviation = excuse(mnemonic, difference);
        if (deviation !== undefined) {
          used.add(deviation);
          continue;
        }
        const { aspect, more, less } = difference;
        const text = `${disassembly(bytes)} (${Buffer.from(bytes.subarray(0, instruction.length)).toString('hex')})`;
        failures.set(`${mnemonic} ${aspect}`, `${aspect}: more [${more.join(' ')}] less [${less.join(' ')}] ${text}`);
      }
    }
  }
  if (failures.size > 0) {
    throw new Error(`SEED=${SEED}: ${failures.size} kinds\n${[...failures.values()].join('\n')}`);
  }
  assert.ok(compared > compiledRows.length * CASES * 0.7, `${compared} compared`);
  const unused = deviations.filter((deviation) => !used.has(deviation)).map(({ why }) => why);
  if (CASES >= 12) assert.equal(unused, [], 'deviations that nothing needs');
});

test.run();
