/** One instruction for a learner: what it does in words, what it reads and writes, and what is there now. */
import { MAX_INSTRUCTION, type Disassembler } from '../../box/disassemble.ts';
import { decode, type DecodeFailure } from '../../cpu/decoder.ts';
import { explain, type Effect, type Explanation, type NamedFlag } from '../../cpu/explain/explain.ts';
import { namedFlagBits, statusFlagBits } from '../../cpu/explain/node.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import { Slot } from '../../cpu/state.ts';
import { nativeNames } from '../../kernel/natives.ts';
import { peek, peekCode } from '../source/code-bytes.ts';
import type { Regions, Sources } from '../source/index.ts';
import { withoutTag } from '../source/words.ts';
import type { DisassembledLine, InstructionDescription, ValueDescription } from '../types.ts';
import type { LookedAt } from './look.ts';
import { locationValue, nodeValue } from './node-value.ts';

export interface Describing {
  readonly sources: Sources;
  readonly regions: Regions;
  readonly disassemble: Disassembler;
}

const memoryName = /^mem\d+\[(.*)\]$/;

function describeEffect({ regions }: Describing, look: LookedAt, { at, name, bits }: Effect): ValueDescription {
  const size = Math.ceil(bits / 8);
  if (at.kind !== 'memory') {
    return { name, address: undefined, place: '', value: locationValue(look, at, undefined), size };
  }
  const address = nodeValue(look, at.address);
  return {
    name: `${size} ${size === 1 ? 'byte' : 'bytes'} at ${memoryName.exec(name)?.[1] ?? name}`,
    address,
    place: address === undefined ? '' : regions.at(address, look.task, look.savedRegisters),
    value: locationValue(look, at, address),
    size,
  };
}

function describeFlag({ slot }: LookedAt, name: NamedFlag): ValueDescription {
  const status = (statusFlagBits as Readonly<Record<string, number>>)[name];
  const bit = status ?? (namedFlagBits as Readonly<Record<string, number>>)[name]!;
  const value = (slot(status === undefined ? Slot.rflags : Slot.fsw) >> BigInt(bit)) & 1n;
  return { name: name.toLowerCase(), address: undefined, place: '', value, size: 1 };
}

function valuesOf(
  describing: Describing,
  look: LookedAt,
  effects: readonly Effect[],
  flags: readonly NamedFlag[],
): ValueDescription[] {
  return [
    ...effects.map((effect) => describeEffect(describing, look, effect)),
    ...flags.map((flag) => describeFlag(look, flag)),
  ];
}

const failures: Readonly<Record<DecodeFailure, string>> = {
  truncated: 'the rest of the instruction is not mapped',
  undefined: 'no instruction that the processor knows',
  'too-long': 'longer than 15 bytes',
};
const faultOf: Readonly<Record<DecodeFailure, string>> = { truncated: '#PF', undefined: '#UD', 'too-long': '#GP' };

const NATIVE_ID = 2;

/** What stands in the sentence's place where it says less than is known. */
function sentenceOf(
  { kernel }: LookedAt,
  address: bigint,
  bytes: Uint8Array,
  instruction: Instruction,
  explanation: Explanation,
): string {
  if (explanation.control === 'native') {
    const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(NATIVE_ID, true);
    return `the body of ${nativeNames[id] ?? `native function ${id}`}, which is no machine code, is executed`;
  }
  const probe = kernel.kprobes.probes.get(address);
  if (instruction.mnemonic === 'int3' && probe !== undefined) {
    return `${explanation.sentence}: the kprobe ${probe.label} is hit`;
  }
  return explanation.sentence;
}

/** The instruction at `address`, described with what `look` sees; undefined where nothing is mapped. */
export function describeInstruction(
  describing: Describing,
  look: LookedAt,
  address: bigint,
): InstructionDescription | undefined {
  const { kernel, task } = look;
  const { sources } = describing;
  const mapped = peek(kernel, task, address, MAX_INSTRUCTION);
  if (mapped.length === 0) return undefined;
  const place = sources.describe(address, task);
  const { length, text } = lineAt(describing, look, address, mapped);
  const instruction = decode(mapped, 0, mapped.length);
  if (typeof instruction === 'string') {
    const bytes = mapped.slice(0, length);
    const sentence = failures[instruction];
    return { ...place, bytes, text, sentence, reads: [], writes: [], mayFault: [faultOf[instruction]] };
  }
  const symbol = (at: bigint): string | undefined => withoutTag(sources.symbolText(at, task)) || undefined;
  const explanation = explain(instruction, { address, symbol });
  const { reads, writes, flags } = explanation;
  const bytes = mapped.slice(0, instruction.length);
  return {
    ...place,
    bytes,
    text,
    sentence: sentenceOf(look, address, bytes, instruction, explanation),
    reads: valuesOf(describing, look, reads, flags.read),
    writes: valuesOf(describing, look, writes, flags.written),
    mayFault: explanation.mayFault,
  };
}

/** AT&T syntax, with the name of what a branch leads to behind it. */
function lineAt(
  { sources, disassemble }: Describing,
  { task }: Pick<LookedAt, 'task'>,
  address: bigint,
  bytes: Uint8Array,
): { readonly text: string; readonly length: number } {
  const { text, length, target } = disassemble(bytes, address);
  const name = target === undefined ? '' : withoutTag(sources.symbolText(target, task));
  return { text: name === '' ? text : `${text} <${name}>`, length };
}

/** Where a probe's int3 stands, the instruction below it counts, so that the next begins where it does. */
function probedLine(
  describing: Describing,
  look: Pick<LookedAt, 'kernel' | 'task'>,
  address: bigint,
): { readonly text: string; readonly length: number } | undefined {
  if (!look.kernel.kprobes.probes.has(address)) return undefined;
  const { text, length } = lineAt(
    describing,
    look,
    address,
    peekCode(look.kernel, look.task, address, MAX_INSTRUCTION),
  );
  return { text: `int3 (kprobe on ${text})`, length };
}

/** most lines of one answer */
const MAX_LINES = 65536;

/** Up to `count` instructions from `address` on, to the first byte that is not mapped. */
export function disassembleAt(
  describing: Describing,
  look: Pick<LookedAt, 'kernel' | 'task'>,
  address: bigint,
  count: number,
): DisassembledLine[] {
  const lines: DisassembledLine[] = [];
  for (let at = address; lines.length < Math.min(count, MAX_LINES) && at <= 0xffff_ffff_ffff_ffffn;) {
    const mapped = peek(look.kernel, look.task, at, MAX_INSTRUCTION);
    if (mapped.length === 0) break;
    const { text, length } = probedLine(describing, look, at) ?? lineAt(describing, look, at, mapped);
    const symbol = describing.sources.symbolText(at, look.task);
    lines.push({ address: at, bytes: mapped.slice(0, length), text, symbol });
    at += BigInt(Math.max(1, length));
  }
  return lines;
}
