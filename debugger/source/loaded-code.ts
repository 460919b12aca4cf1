/** Which ELF file the code at an address came from, and where it has been moved: extension images and programs. */
import type { Kernel } from '../../kernel/kernel.ts';
import type { AddressSpace, Vma } from '../../kernel/mm/types.ts';
import { findArea } from '../../kernel/mm/areas.ts';
import { allRanges, rangeBelow } from '../../kernel/mm/ranges.ts';
import { keptFile } from '../../kernel/rex-dispatcher/kept-file.ts';
import type { Task } from '../../kernel/task.ts';
import { ET_EXEC, PT_LOAD } from '../../toolchain/elf/constants.ts';
import type { CodeFile, CodeFiles } from './code-files.ts';
import { contentOf } from './file-content.ts';

export const KERNEL_HALF = 0x8000_0000_0000_0000n;

export interface LoadedCode {
  /** the program's path, or the extension's name */
  readonly name: string;
  readonly file: CodeFile;
  /** an address is the file's own plus this */
  readonly bias: bigint;
}

/** What a base's image is called: by the first of its programs. */
function extensionName(kernel: Kernel, base: number): string {
  for (const program of kernel.bpf.programs.values()) if (program.base === base) return program.name;
  return kernel.bpf.programs.get(base)?.name ?? '';
}

const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

function* extensions(kernel: Kernel, files: CodeFiles, address?: bigint): Generator<LoadedCode> {
  for (const { id, image } of kernel.bpf.programs.values()) {
    const file = image && keptFile(kernel, image);
    if (image === undefined || file === undefined) continue;
    if (address !== undefined && (address < image.address || address >= image.address + BigInt(image.size))) continue;
    const name = extensionName(kernel, id);
    yield { name, file: files.of(file, name), bias: image.address };
  }
}

/** PF_X 1, PF_W 2, PF_R 4 as PROT_EXEC 4, PROT_WRITE 2, PROT_READ 1 */
const protectionOf = (flags: number): number => ((flags & 1) << 2) | (flags & 2) | ((flags & 4) >> 2);

/** What a mapping of a file has been moved by; undefined where it is no loaded segment. */
function biasOf({ elf }: CodeFile, { start, file, protection }: Vma): bigint | undefined {
  if (elf?.header.type === ET_EXEC) return 0n;
  const offset = file!.offset;
  const biases = (elf?.programHeaders ?? []).flatMap((row) => {
    const skew = Number(row.virtualAddress & 0xfffn);
    const first = row.offset - skew;
    if (row.type !== PT_LOAD || offset < first || offset >= row.offset + Math.max(1, row.fileSize)) return [];
    const bias = start - (row.virtualAddress - BigInt(skew) + BigInt(offset - first));
    return [{ bias, alike: protectionOf(row.flags) === protection }];
  });
  // a page of the file where two segments meet is mapped twice
  return (biases.find(({ alike }) => alike) ?? biases[0])?.bias;
}

function inArea(kernel: Kernel, files: CodeFiles, area: Vma | undefined): LoadedCode | undefined {
  if (area?.file === undefined) return undefined;
  const file = files.of(contentOf(kernel, area.file.inode), lastPart(area.name));
  const bias = biasOf(file, area);
  return bias === undefined ? undefined : { name: area.name, file, bias };
}

/** The file of which a segment reaches to `address` in the zeroed memory behind its bytes. */
function inZeros(
  kernel: Kernel,
  files: CodeFiles,
  space: AddressSpace,
  zeros: Vma,
  address: bigint,
): LoadedCode | undefined {
  const before = rangeBelow(space.areas, zeros.start);
  if (zeros.file !== undefined || before?.end !== zeros.start) return undefined;
  const code = inArea(kernel, files, before);
  const own = address - (code?.bias ?? 0n);
  const reaches = code?.file.elf?.programHeaders.some(
    ({ type, virtualAddress, memorySize }) =>
      type === PT_LOAD && own >= virtualAddress && own < virtualAddress + BigInt(memorySize),
  );
  return reaches === true ? code : undefined;
}

export const spaceOfTask = (kernel: Kernel, task: Task | undefined): AddressSpace | undefined =>
  kernel.addressSpaces.get(task?.addressSpace ?? -1);

/** The file of the code at `address`; a user address is `task`'s. */
export function codeAt(
  kernel: Kernel,
  files: CodeFiles,
  address: bigint,
  task: Task | undefined,
): LoadedCode | undefined {
  if (address >= KERNEL_HALF) return extensions(kernel, files, address).next().value as LoadedCode | undefined;
  const space = spaceOfTask(kernel, task);
  const area = space === undefined ? undefined : findArea(space, address);
  if (space === undefined || area === undefined) return undefined;
  return inArea(kernel, files, area) ?? inZeros(kernel, files, space, area, address);
}

/** Everything that is loaded now, each file once a place. */
export function allCode(kernel: Kernel, files: CodeFiles): LoadedCode[] {
  const found = new Map<string, LoadedCode>();
  const numbers = new Map<CodeFile, number>();
  const add = (code: LoadedCode | undefined): void => {
    if (code === undefined) return;
    if (!numbers.has(code.file)) numbers.set(code.file, numbers.size);
    found.set(`${numbers.get(code.file)} ${code.bias}`, code);
  };
  for (const code of extensions(kernel, files)) add(code);
  for (const { areas } of kernel.addressSpaces.values()) {
    for (const area of allRanges(areas)) if ((area.protection & EXECUTE) !== 0) add(inArea(kernel, files, area));
  }
  return [...found.values()];
}

const EXECUTE = 4;
