import { constants } from '../../kernel/layout/constants.ts';
import {
  EM_X86_64,
  ET_DYN,
  ET_EXEC,
  PT_LOAD,
  PT_TLS,
  R_X86_64_GLOB_DAT,
  R_X86_64_JUMP_SLOT,
  R_X86_64_RELATIVE,
  SHF_ALLOC,
  SHN_UNDEF,
  SHT_REL,
  SHT_RELA,
  STT_FUNC,
} from '../elf/constants.ts';
import { ElfError, readElf, readRelocations, type ElfFile, type Relocation } from '../elf/index.ts';
import { highestEnd, layoutProblems } from './rex-layout.ts';

export interface CheckOptions {
  /** the names the kernel exports; with it, every imported name must be one of them */
  readonly kernelSymbols?: ReadonlySet<string>;
}

const TIMEOUT_HANDLER = '__rex_handle_timeout';

/** How many problems of one kind are listed. */
const MAX_LISTED = 20;

const hex = (value: bigint | number) => `0x${value.toString(16)}`;

/**
 * What the Rex loader or librex would refuse about an image, a sentence each; empty when nothing. Never throws:
 * a malformed file is one problem.
 */
export function checkRexImage(bytes: Uint8Array, options: CheckOptions = {}): string[] {
  try {
    const elf = readElf(bytes);
    return [
      ...headerProblems(elf),
      ...layoutProblems(elf.programHeaders).slice(0, MAX_LISTED),
      ...relocationProblems(elf, options).slice(0, MAX_LISTED),
      ...symbolProblems(elf),
    ];
  } catch (error) {
    if (error instanceof ElfError) return [error.message];
    throw error;
  }
}

function headerProblems(elf: ElfFile): string[] {
  const problems: string[] = [];
  const { type, machine } = elf.header;
  if (machine !== EM_X86_64) problems.push(`e_machine: got ${machine}, expected ${EM_X86_64} (EM_X86_64)`);
  if (type !== ET_DYN && type !== ET_EXEC) problems.push(`e_type: got ${type}, expected ${ET_DYN} (ET_DYN)`);
  if (elf.programHeaders.some((segment) => segment.type === PT_TLS)) problems.push('has thread-local storage (PT_TLS)');
  return problems;
}

function relocationProblems(elf: ElfFile, options: CheckOptions): string[] {
  const problems: string[] = [];
  const end = highestEnd(elf.programHeaders);
  const names = elf.dynamicSymbols;
  let left = elf.bytes.length;
  for (const section of elf.sections) {
    if ((section.flags & SHF_ALLOC) === 0) continue;
    if (section.type === SHT_REL) problems.push(`section '${section.name}' is SHT_REL, expected SHT_RELA`);
    if (section.type !== SHT_RELA) continue;
    left -= section.size;
    if (left < 0) problems.push(`section '${section.name}' overlaps another relocation section`);
    if (problems.length >= MAX_LISTED || left < 0) break;
    for (const relocation of readRelocations(elf, section)) {
      const problem = relocationProblem(relocation, end, names[relocation.symbolIndex]?.name, options);
      if (problem !== undefined) problems.push(`'${section.name}' at ${hex(relocation.offset)}: ${problem}`);
      if (problems.length >= MAX_LISTED) break;
    }
  }
  return problems;
}

function relocationProblem(
  relocation: Relocation,
  end: bigint,
  symbol: string | undefined,
  options: CheckOptions,
): string | undefined {
  const { type, offset, symbolIndex, addend } = relocation;
  if (offset + 8n > end) return `lies outside the image, which ends at ${hex(end)}`;
  if (type === R_X86_64_RELATIVE) {
    return addend < 0n || addend > end
      ? `addend ${addend} lies outside the image, which ends at ${hex(end)}`
      : undefined;
  }
  if (type !== R_X86_64_GLOB_DAT && type !== R_X86_64_JUMP_SLOT) {
    return `got relocation type ${type}, expected R_X86_64_RELATIVE, GLOB_DAT or JUMP_SLOT`;
  }
  if (symbolIndex === 0 || symbol === undefined || symbol === '') {
    return `got symbol index ${symbolIndex}, expected a named symbol of .dynsym`;
  }
  if (new TextEncoder().encode(symbol).length >= constants.KSYM_NAME_LEN) {
    return `symbol name of ${symbol.length} characters, expected fewer than ${constants.KSYM_NAME_LEN} bytes`;
  }
  if (options.kernelSymbols?.has(symbol) === false) return `unknown kernel symbol '${symbol}'`;
  return undefined;
}

function symbolProblems(elf: ElfFile): string[] {
  const handler = elf.symbols.find(
    ({ name, type, sectionIndex }) => name === TIMEOUT_HANDLER && type === STT_FUNC && sectionIndex !== SHN_UNDEF,
  );
  if (handler === undefined) return [`expected the function '${TIMEOUT_HANDLER}' of the rex crate in .symtab`];
  const mapped = elf.programHeaders.some(
    ({ type, virtualAddress, memorySize }) =>
      type === PT_LOAD && handler.value >= virtualAddress && handler.value < virtualAddress + BigInt(memorySize),
  );
  return mapped ? [] : [`'${TIMEOUT_HANDLER}' at ${hex(handler.value)} lies in no PT_LOAD`];
}
