/** Code as a list of instructions that can be moved: taken apart from bytes, put together again. */
import {
  Decoder,
  DecoderOptions,
  FlowControl,
  Instruction as Iced,
  InstructionInfoFactory,
  Mnemonic,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
} from 'iced-x86';
import { Layout } from './state.ts';

export interface Item {
  readonly bytes: readonly number[];
  readonly mnemonic: string;
  /** bits of rflags that it looks at, leaves undefined, and gives a value whatever its operands are */
  readonly reads: number;
  readonly leaves: number;
  readonly defines: number;
  /** whether the instruction behind it may be next */
  readonly falls: boolean;
  /** where a direct branch goes, or what a lea of code takes: an index of the program, its length for everything outside */
  readonly target: number | undefined;
  /** what a RIP-relative operand means */
  readonly address: bigint | undefined;
  /** bytes of the displacement that depends on where the instruction is */
  readonly field: { readonly offset: number; readonly size: number } | undefined;
  /** general registers, bit n for number n, that it may read and write */
  readonly uses: number;
  readonly changes: number;
}

// RflagsBits: OF SF ZF AF CF PF from bit 0
const positions = [11, 7, 6, 4, 0, 2];
const rflags = (bits: number): number =>
  positions.reduce((sum, position, n) => sum | (((bits >> n) & 1) << position), 0);

const mnemonics: string[] = [];
for (const [name, number] of Object.entries(Mnemonic))
  if (typeof number === 'number') mnemonics[number] = name.toLowerCase();

/** With a count of zero these leave all flags as they were. */
const byCount = new Set(['rol', 'ror', 'rcl', 'rcr', 'shl', 'sal', 'shr', 'sar', 'shld', 'shrd']);
function keepsFlags(i: Iced): boolean {
  if (i.isStringInstruction) return i.hasRepPrefix || i.hasRepnePrefix;
  return byCount.has(mnemonics[i.mnemonic]!) && i.opKind(i.opCount - 1) === OpKind.Register;
}

const written: readonly OpAccess[] = [OpAccess.Write, OpAccess.CondWrite, OpAccess.ReadWrite, OpAccess.ReadCondWrite];
const read: readonly OpAccess[] = [OpAccess.Read, OpAccess.CondRead, OpAccess.ReadWrite, OpAccess.ReadCondWrite];

let factory: InstructionInfoFactory | undefined;
function registers(i: Iced): { readonly uses: number; readonly changes: number } {
  factory ??= new InstructionInfoFactory();
  const info = factory.info(i);
  let uses = 0;
  let changes = 0;
  for (const used of info.usedRegisters()) {
    const index = RegisterExt.fullRegister(used.register) - Register.RAX;
    if (index >= 0 && index < 16) {
      if (read.includes(used.access)) uses |= 1 << index;
      if (written.includes(used.access)) changes |= 1 << index;
    }
    used.free();
  }
  info.free();
  return { uses, changes };
}

/** Bytes that begin no instruction; iced-x86 counts what follows some of them. */
export const noInstruction: readonly number[] = [0x06, 0x0e, 0x16, 0x1e, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0xd6];

const scratch = new Iced();

const isCode = (address: bigint): boolean =>
  address >= BigInt(Layout.codeStart) && address < BigInt(Layout.codeBase + Layout.page);

interface Taken {
  readonly item: Item;
  readonly destination: bigint | undefined;
}

/** The instruction at the start of `bytes`, which are at `address`; one that does not exist ends the program. */
function take(bytes: Uint8Array, address: bigint): Taken {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  try {
    decoder.ip = address;
    decoder.decodeOut(scratch);
    const i = scratch;
    const length = noInstruction.includes(bytes[0]!) ? 1 : Math.max(1, Math.min(i.length, bytes.length));
    const common = { bytes: [...bytes.subarray(0, length)], target: undefined, address: undefined, field: undefined };
    const nothing = { reads: 0, leaves: 0, defines: 0, uses: 0, changes: 0 };
    if (i.isInvalid)
      return { item: { ...common, ...nothing, mnemonic: 'invalid', falls: false }, destination: undefined };
    const near = [OpKind.NearBranch16, OpKind.NearBranch32, OpKind.NearBranch64];
    const branches = i.opCount > 0 && near.includes(i.opKind(0));
    const relative = i.isIpRelMemoryOperand;
    const at = decoder.getConstantOffsets(i);
    const field = branches
      ? { offset: at.immediateOffset, size: at.immediateSize }
      : relative
        ? { offset: at.displacementOffset, size: 4 }
        : undefined;
    const inCode = relative && i.mnemonic === Mnemonic.Lea && isCode(i.ipRelMemoryAddress);
    const destination = branches ? i.nearBranchTarget : inCode ? i.ipRelMemoryAddress : undefined;
    const falls = i.flowControl === FlowControl.Next || i.flowControl === FlowControl.ConditionalBranch;
    const leaves = rflags(i.rflagsUndefined);
    const item: Item = {
      ...common,
      ...registers(i),
      mnemonic: mnemonics[i.mnemonic]!,
      reads: rflags(i.rflagsRead),
      leaves,
      defines: keepsFlags(i) ? 0 : rflags(i.rflagsWritten | i.rflagsCleared | i.rflagsSet) & ~leaves,
      falls,
      address: relative && !inCode ? i.ipRelMemoryAddress : undefined,
      field,
    };
    at.free();
    return { item, destination };
  } finally {
    decoder.free();
  }
}

/** One instruction, as if at the start of the code; its branch, if it is one, goes to `target`. */
export function itemOf(code: readonly number[], target?: number): Item {
  const { item } = take(Uint8Array.from(code), BigInt(Layout.codeStart));
  return item.field !== undefined && item.address === undefined ? { ...item, target } : item;
}

/** lea register, [where the item at `target` is] */
export function itemOfAddress(register: number, target: number): Item {
  const code = [0x48 | ((register >> 3) << 2), 0x8d, 0x05 | ((register & 7) << 3), 0, 0, 0, 0];
  return { ...take(Uint8Array.from(code), BigInt(Layout.codeStart)).item, address: undefined, target };
}

/** The instructions of `code`, one behind the other. */
export function lift(code: readonly number[]): Item[] {
  const bytes = Uint8Array.from(code);
  const taken: Taken[] = [];
  const indices = new Map<bigint, number>();
  for (let at = 0; at < bytes.length;) {
    const address = BigInt(Layout.codeStart + at);
    indices.set(address, taken.length);
    const one = take(bytes.subarray(at), address);
    taken.push(one);
    at += one.item.bytes.length;
  }
  return taken.map(({ item, destination }) =>
    destination === undefined ? item : { ...item, target: indices.get(destination) ?? taken.length },
  );
}

/** Where the items are, in bytes from the start of the code; one more for the end. */
export function offsetsOf(items: readonly Item[]): number[] {
  const offsets = [0];
  for (const { bytes } of items) offsets.push(offsets.at(-1)! + bytes.length);
  return offsets;
}

/** The bytes, or the index of a branch whose displacement is too short. */
export function assemble(items: readonly Item[]): number[] | { readonly tooFar: number } {
  const offsets = offsetsOf(items);
  const code: number[] = [];
  for (const [n, { bytes, field, target, address }] of items.entries()) {
    code.push(...bytes);
    if (field === undefined) continue;
    const destination = target === undefined ? Number(address! - BigInt(Layout.codeStart)) : offsets[target]!;
    const distance = destination - offsets[n + 1]!;
    if (field.size === 1 && (distance < -128 || distance > 127)) return { tooFar: n };
    for (let byte = 0; byte < field.size; byte++)
      code[offsets[n]! + field.offset + byte] = (distance >> (8 * byte)) & 0xff;
  }
  return code;
}

/** `items` with `added` in front of number `at`; branches to that one go to the new one. */
export function insert(items: readonly Item[], at: number, added: Item): Item[] {
  const moved = items.map((item) =>
    item.target !== undefined && item.target > at ? { ...item, target: item.target + 1 } : item,
  );
  return [...moved.slice(0, at), added, ...moved.slice(at)];
}

/** `items` without `count` of them from `at` on; branches to those go to what is behind. */
export function remove(items: readonly Item[], at: number, count: number): Item[] {
  const shifted = (target: number): number => (target >= at + count ? target - count : Math.min(target, at));
  return [...items.slice(0, at), ...items.slice(at + count)].map((item) =>
    item.target === undefined ? item : { ...item, target: shifted(item.target) },
  );
}

/** `items` with the backward branch at `at` replaced by running what it repeats `times` times. */
export function unroll(items: readonly Item[], at: number, times: number): Item[] {
  const start = items[at]!.target!;
  const length = at - start;
  const behind = (target: number): number => target + length * times - (length + 1);
  const outside = (item: Item): Item =>
    item.target === undefined || item.target <= start
      ? item
      : { ...item, target: item.target > at ? behind(item.target) : item.target };
  const copy = (round: number): Item[] =>
    items.slice(start, at).map((item) => {
      if (item.target === undefined || item.target < start) return item;
      return { ...item, target: item.target > at ? behind(item.target) : item.target + round * length };
    });
  return [
    ...items.slice(0, start).map(outside),
    ...Array.from({ length: times }, (_, round) => copy(round)).flat(),
    ...items.slice(at + 1).map(outside),
  ];
}
