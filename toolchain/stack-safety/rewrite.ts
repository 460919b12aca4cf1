/**
 * Run-time checks: a thunk for every function whose depth is not known to be small, and every direct call and every
 * pointer to it goes to the thunk. Jumps stay, since a function that is jumped to begins where a checked one began.
 */
import { viewOf } from '../elf/bytes.ts';
import {
  R_X86_64_RELATIVE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHT_PROGBITS,
  SHT_RELA,
  SHT_SYMTAB,
  STB_GLOBAL,
  STT_FUNC,
  STV_DEFAULT,
} from '../elf/constants.ts';
import { assembleElf, readRelocations, type ElfFile, type ElfSymbol, type Section } from '../elf/index.ts';
import { alignUp, appendSegment, mappedEnd, movableSections, withSymbols } from '../entry-insertion/insert-entries.ts';
import { highestEnd } from '../entry-insertion/rex-layout.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { isPanicHandler, type CallGraph } from './call-graph.ts';
import { StackSafetyError } from './error.ts';
import { addressTaken, constantAddress, directTarget, type CodeImage, type ImageFunction } from './functions.ts';
import { CHECK_FUNCTION, UNCHECKED_DEPTH, UNCHECKED_FUNCTIONS } from './limits.ts';
import { THUNK_SECTION, THUNK_SIZE, THUNK_SLOT, THUNK_SUFFIX, thunkCode } from './thunks.ts';

/** Bytes of Elf64_Rela, and its r_addend. */
const RELA_SIZE = 24;
const ADDEND = 16;

/** Whether a call of `one` needs a check before it. */
export function needsCheck({ bounds }: CallGraph, one: ImageFunction): boolean {
  if (UNCHECKED_FUNCTIONS.has(one.symbol) || isPanicHandler(one)) return false;
  const bytes = bounds.get(one)?.bytes;
  return bytes === undefined || bytes > UNCHECKED_DEPTH;
}

/** Functions that code calls directly, or that something holds the address of. */
function reachedByCall(image: CodeImage): Set<ImageFunction> {
  const reached = new Set(addressTaken(image).keys());
  for (const { code } of image.functions) {
    for (const placed of code) {
      const target = placed.instruction.mnemonic === 'call' ? directTarget(placed) : undefined;
      const callee = target === undefined ? undefined : image.byAddress.get(target);
      if (callee !== undefined) reached.add(callee);
    }
  }
  return reached;
}

function fileOffset(elf: ElfFile, address: number): number {
  const at = BigInt(address);
  const row = elf.programHeaders.find(
    ({ virtualAddress, fileSize }) => at >= virtualAddress && at < virtualAddress + BigInt(fileSize),
  );
  if (row === undefined) throw new StackSafetyError('bad-code', `no file bytes at 0x${at.toString(16)}`);
  return row.offset + Number(at - row.virtualAddress);
}

/** Calls and leas end with their 32-bit displacement, which is relative to the next instruction. */
function redirectCode(image: CodeImage, bytes: Uint8Array, thunks: ReadonlyMap<number, number>): void {
  const view = viewOf(bytes);
  for (const { code } of image.functions) {
    for (const placed of code) {
      const { mnemonic, length } = placed.instruction;
      const target =
        mnemonic === 'call' ? directTarget(placed) : mnemonic === 'lea' ? constantAddress(placed) : undefined;
      const thunk = target === undefined ? undefined : thunks.get(target);
      if (thunk === undefined) continue;
      const next = placed.address + length;
      view.setInt32(fileOffset(image.elf, next - 4), thunk - next, true);
    }
  }
}

function redirectPointers({ elf }: CodeImage, bytes: Uint8Array, thunks: ReadonlyMap<number, number>): void {
  const view = viewOf(bytes);
  for (const section of elf.sections) {
    if (section.type !== SHT_RELA || (section.flags & SHF_ALLOC) === 0) continue;
    readRelocations(elf, section).forEach(({ type, addend }, n) => {
      const thunk = type === R_X86_64_RELATIVE ? thunks.get(Number(addend)) : undefined;
      if (thunk !== undefined) view.setBigInt64(section.offset + n * RELA_SIZE + ADDEND, BigInt(thunk), true);
    });
  }
}

/** The image with its checks. @throws {StackSafetyError} without the rex crate's check function */
export function insertChecks(graph: CallGraph): Uint8Array {
  const { image } = graph;
  const { elf } = image;
  const check = image.functions.find(({ symbol }) => symbol === CHECK_FUNCTION);
  if (check === undefined) {
    throw new StackSafetyError('missing-check', `expected the function ${CHECK_FUNCTION} of the rex crate in .symtab`);
  }
  const reached = reachedByCall(image);
  const checked = image.functions.filter((one) => reached.has(one) && needsCheck(graph, one));
  const mapped = mappedEnd(elf);
  const offset = alignUp(mapped, THUNK_SLOT);
  const address = highestEnd(elf.programHeaders) + BigInt(offset % constants.PAGE_SIZE);
  const thunks = new Map(checked.map((one, n) => [one.address, Number(address) + n * THUNK_SLOT]));
  const code = new Uint8Array(checked.length * THUNK_SLOT);
  checked.forEach((one, n) =>
    code.set(thunkCode(thunks.get(one.address)!, check.address, one.address), n * THUNK_SLOT),
  );

  const bytes = elf.bytes.slice(0, mapped);
  redirectCode(image, bytes, thunks);
  redirectPointers(image, bytes, thunks);
  const section: Section = {
    name: THUNK_SECTION,
    type: SHT_PROGBITS,
    flags: SHF_ALLOC | SHF_EXECINSTR,
    address,
    offset,
    size: code.length,
    link: 0,
    info: 0,
    addralign: THUNK_SLOT,
    entsize: 0,
  };
  const symbols = checked.map((one, n): ElfSymbol => ({
    name: one.symbol + THUNK_SUFFIX,
    value: address + BigInt(n * THUNK_SLOT),
    size: BigInt(THUNK_SIZE),
    type: STT_FUNC,
    binding: STB_GLOBAL,
    visibility: STV_DEFAULT,
    sectionIndex: elf.sections.length,
  }));
  const symtab = elf.sections.findIndex(({ type }) => type === SHT_SYMTAB);
  return assembleElf({
    header: elf.header,
    programHeaders: appendSegment(elf, offset, address, code.length),
    contents: [
      { offset: 0, data: bytes },
      { offset, data: code },
    ],
    sections: withSymbols(elf, [...movableSections(elf), section], symtab, [...elf.symbols, ...symbols]),
  });
}
