import { constants } from '../../kernel/layout/constants.ts';
import { PF_W, PF_X, PT_LOAD } from '../elf/constants.ts';
import type { ProgramHeader } from '../elf/index.ts';

const PAGE = BigInt(constants.PAGE_SIZE);
const LIMIT = BigInt(constants.MAX_PROG_SZ);

const hex = (value: bigint | number) => `0x${value.toString(16)}`;

export function pageDown(address: bigint): bigint {
  return address - (address % PAGE);
}

export function pageUp(address: bigint): bigint {
  return pageDown(address + PAGE - 1n);
}

/** Where a segment placed behind all PT_LOADs starts: the next page. */
export function highestEnd(segments: readonly ProgramHeader[]): bigint {
  let highest = 0n;
  for (const { type, virtualAddress, memorySize } of segments) {
    const end = pageUp(virtualAddress + BigInt(memorySize));
    if (type === PT_LOAD && end > highest) highest = end;
  }
  return highest;
}

/** What the Rex loader (BPF_PROG_LOAD_REX_BASE) would refuse about the segments; empty when nothing. */
export function layoutProblems(segments: readonly ProgramHeader[]): string[] {
  const problems: string[] = [];
  let end = 0n;
  for (const segment of segments) {
    if (segment.type !== PT_LOAD) continue;
    const { virtualAddress, memorySize, align, flags } = segment;
    const what = `PT_LOAD at ${hex(virtualAddress)}`;
    const start = pageDown(virtualAddress);
    if (align !== constants.PAGE_SIZE) problems.push(`${what}: got p_align ${hex(align)}, expected ${hex(PAGE)}`);
    if ((flags & PF_W) !== 0 && (flags & PF_X) !== 0) problems.push(`${what}: is writable and executable`);
    if (start < end)
      problems.push(`${what}: starts on page ${hex(start)}, below the end ${hex(end)} of the one before`);
    if (start > end) problems.push(`${what}: starts on page ${hex(start)}, expected ${hex(end)}: gaps are refused`);
    end = pageUp(virtualAddress + BigInt(memorySize));
    if (end > LIMIT) problems.push(`${what}: ends at ${hex(end)}, expected at most ${hex(LIMIT)}`);
  }
  if (end === 0n) problems.push('has no PT_LOAD');
  return problems;
}
