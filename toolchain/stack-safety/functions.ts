/** The functions of a linked image, decoded, and what its relocations say about pointers to them. */
import { decode } from '../../cpu/decoder.ts';
import { OperandKind, type Instruction, type MemoryOperand } from '../../cpu/instruction.ts';
import {
  R_X86_64_RELATIVE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHN_LORESERVE,
  SHN_UNDEF,
  SHT_RELA,
  STT_FUNC,
} from '../elf/constants.ts';
import { demangle, readRelocations, readVirtual, type ElfFile, type ElfSymbol } from '../elf/index.ts';
import { StackSafetyError } from './error.ts';

export interface PlacedInstruction {
  readonly address: number;
  readonly instruction: Instruction;
}

export interface ImageFunction {
  /** as .symtab has it, and demangled */
  readonly symbol: string;
  readonly name: string;
  readonly address: number;
  /** address behind its last byte */
  readonly end: number;
  readonly code: readonly PlacedInstruction[];
}

/** A pointer that the loader writes: where, and the image address or the kernel symbol it then holds. */
export interface Pointer {
  readonly section: string;
  readonly target: number | string;
}

/** Addresses are relative to the image's base, which is 0 in the file. */
export interface CodeImage {
  readonly elf: ElfFile;
  /** by address, ascending */
  readonly functions: readonly ImageFunction[];
  readonly byAddress: ReadonlyMap<number, ImageFunction>;
  /** by the address of the slot */
  readonly pointers: ReadonlyMap<number, Pointer>;
}

export const hex = (value: number): string => `0x${value.toString(16)}`;

function isCode(elf: ElfFile, { type, value, size, sectionIndex }: ElfSymbol): boolean {
  if (type !== STT_FUNC || size === 0n || value === 0n) return false;
  if (sectionIndex === SHN_UNDEF || sectionIndex >= SHN_LORESERVE) return false;
  return ((elf.sections[sectionIndex]?.flags ?? 0) & SHF_EXECINSTR) !== 0;
}

function decodeFunction(elf: ElfFile, symbol: ElfSymbol): ImageFunction {
  const bytes = readVirtual(elf, symbol.value, Number(symbol.size));
  const address = Number(symbol.value);
  const name = demangle(symbol.name);
  const code: PlacedInstruction[] = [];
  for (let at = 0; at < bytes.length;) {
    const instruction = decode(bytes, at, bytes.length);
    if (typeof instruction === 'string') {
      throw new StackSafetyError('bad-code', `${name}: no instruction at ${hex(address + at)} (${instruction})`);
    }
    code.push({ address: address + at, instruction });
    at += instruction.length;
  }
  return { symbol: symbol.name, name, address, end: address + bytes.length, code };
}

function readPointers(elf: ElfFile): Map<number, Pointer> {
  const pointers = new Map<number, Pointer>();
  const sections = elf.sections.filter(({ flags }) => (flags & SHF_ALLOC) !== 0);
  for (const rows of sections.filter(({ type }) => type === SHT_RELA)) {
    for (const { type, offset, addend, symbolIndex } of readRelocations(elf, rows)) {
      const place = sections.find(({ address, size }) => offset >= address && offset < address + BigInt(size));
      const target = type === R_X86_64_RELATIVE ? Number(addend) : (elf.dynamicSymbols[symbolIndex]?.name ?? '');
      pointers.set(Number(offset), { section: place?.name ?? '', target });
    }
  }
  return pointers;
}

/** @throws {StackSafetyError | ElfError} */
export function readCode(elf: ElfFile): CodeImage {
  const symbols = new Map<bigint, ElfSymbol>();
  for (const symbol of elf.symbols) {
    if (!isCode(elf, symbol)) continue;
    const known = symbols.get(symbol.value);
    if (known === undefined || known.size < symbol.size) symbols.set(symbol.value, symbol);
  }
  const functions = [...symbols.values()]
    .map((symbol) => decodeFunction(elf, symbol))
    .sort((left, right) => left.address - right.address);
  for (const [n, one] of functions.entries()) {
    const next = functions[n + 1];
    if (next === undefined || one.end <= next.address) continue;
    throw new StackSafetyError('bad-code', `${one.name} ends at ${hex(one.end)}, in ${next.name}`);
  }
  return {
    elf,
    functions,
    byAddress: new Map(functions.map((one) => [one.address, one])),
    pointers: readPointers(elf),
  };
}

/** What the operand of `lea`, `call *` or `jmp *` says: its address when that is a constant. */
export function constantAddress({ address, instruction }: PlacedInstruction): number | undefined {
  const memory = instruction.operands.find(({ kind }) => kind === OperandKind.memory) as MemoryOperand | undefined;
  if (memory === undefined || !memory.ripRelative || memory.index >= 0 || memory.segment >= 0) return undefined;
  return Number(BigInt.asIntN(64, BigInt(address + instruction.length) + memory.displacement));
}

/** Where a direct call or jump goes. */
export function directTarget({ address, instruction }: PlacedInstruction): number | undefined {
  const [operand] = instruction.operands;
  if (operand?.kind !== OperandKind.immediate) return undefined;
  return address + instruction.length + Number(BigInt.asIntN(64, operand.value));
}

/** Sections whose pointers nobody changes once the image is loaded. */
const constantSections: ReadonlySet<string> = new Set(['.got', '.got.plt', '.data.rel.ro']);

export type CallTarget =
  | { readonly kind: 'function'; readonly function: ImageFunction }
  /** a kernel function: runs in the other half of the stack */
  | { readonly kind: 'kernel' }
  | { readonly kind: 'pointer' };

/** What a call, or a jump out of its function, reaches. @throws {StackSafetyError} */
export function callTarget(image: CodeImage, caller: ImageFunction, placed: PlacedInstruction): CallTarget {
  const toFunction = (address: number): CallTarget => {
    const callee = image.byAddress.get(address);
    if (callee !== undefined) return { kind: 'function', function: callee };
    throw new StackSafetyError(
      'bad-code',
      `${caller.name}: ${placed.instruction.mnemonic} at ${hex(placed.address)} to ${hex(address)}, where no function begins`,
    );
  };
  const direct = directTarget(placed);
  if (direct !== undefined) return toFunction(direct);
  const slot = constantAddress(placed);
  const pointer = slot === undefined ? undefined : image.pointers.get(slot);
  if (pointer === undefined || !constantSections.has(pointer.section)) return { kind: 'pointer' };
  return typeof pointer.target === 'string' ? { kind: 'kernel' } : toFunction(pointer.target);
}

/** Functions whose address the code or the data holds, with where it is held. */
export function addressTaken(image: CodeImage): Map<ImageFunction, Set<string>> {
  const taken = new Map<ImageFunction, Set<string>>();
  const note = (address: number | string | undefined, where: string): void => {
    const one = typeof address === 'number' ? image.byAddress.get(address) : undefined;
    if (one === undefined) return;
    const places = taken.get(one) ?? new Set<string>();
    taken.set(one, places.add(where));
  };
  for (const { section, target } of image.pointers.values()) note(target, section);
  for (const { code, name } of image.functions) {
    for (const placed of code) if (placed.instruction.mnemonic === 'lea') note(constantAddress(placed), name);
  }
  return taken;
}
