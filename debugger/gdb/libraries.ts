/**
 * What is loaded beside the kernel, as gdb's shared libraries: each extension image where it lies, and one program. Programs lie
 * at the same addresses in every process, and gdb has one address space: it is told of the one that is looked at.
 */
import type { Box } from '../../box/box.ts';
import type { BpfProgram } from '../../kernel/bpf/types.ts';
import type { Task } from '../../kernel/task.ts';
import { ET_DYN, PF_R, PF_X, PT_LOAD, SHF_ALLOC, SHF_EXECINSTR, STT_FUNC } from '../../toolchain/elf/constants.ts';
import { ElfError, writeElf } from '../../toolchain/elf/index.ts';
import { codeAt, createCodeFiles, type CodeFile, type CodeFiles, type DebugFiles } from '../source/index.ts';
import { withDebugSections } from './debug-file.ts';
import { xmlText } from './text.ts';

export interface Library {
  /** the path under which gdb reads it from the target */
  readonly path: string;
  /** where its first segment lies */
  readonly address: bigint;
  bytes(): Uint8Array;
}

export interface Libraries {
  /** With the program of `task`, where there is one. */
  list(task: Task | undefined): readonly Library[];
}

const firstSegment = ({ elf }: CodeFile): bigint =>
  elf?.programHeaders.find(({ type }) => type === PT_LOAD)?.virtualAddress ?? 0n;

/** What an image is called: by the first of its programs. */
function imageName({ kernel }: Box, base: BpfProgram): string {
  const programs = [...kernel.bpf.programs.values()];
  return programs.find((program) => program.base === base.id)?.name ?? base.name;
}

/** An image whose file nobody has kept: its code, and its functions by kallsyms. */
function imageElf(box: Box, { address, size }: { readonly address: bigint; readonly size: number }): Uint8Array {
  const end = address + BigInt(size);
  const symbols = box.symbols.all.filter((symbol) => symbol.address >= address && symbol.address < end);
  return writeElf({
    type: ET_DYN,
    segments: [{ flags: PF_R | PF_X, address: 0n, data: box.readMemory(address, size) ?? new Uint8Array(size) }],
    sections: [{ name: '.text', flags: SHF_ALLOC | SHF_EXECINSTR, address: 0n, size }],
    symbols: symbols.map((symbol) => ({
      name: symbol.name,
      value: symbol.address - address,
      size: BigInt(symbol.size),
      type: STT_FUNC,
      section: '.text',
    })),
  });
}

const fileName = (name: string): string => name.replaceAll(/[^\w.-]/g, '_') || 'image';

function extensionLibraries(box: Box, files: CodeFiles): Library[] {
  return [...box.kernel.bpf.programs.values()].flatMap((base): Library[] => {
    const { image } = base;
    if (image === undefined) return [];
    const name = imageName(box, base);
    const file = image.file === undefined ? undefined : files.of(image.file, name);
    return [
      {
        path: `/rex/${base.tag}/${fileName(name)}.rex`,
        address: image.address + (file === undefined ? 0n : firstSegment(file)),
        bytes: () => file?.bytes ?? imageElf(box, image),
      },
    ];
  });
}

function programBytes(file: CodeFile): Uint8Array {
  if (file.elf === undefined || file.debugFile === undefined || file.debugFile === file.bytes) return file.bytes;
  try {
    return withDebugSections(file.elf, file.debugFile);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return file.bytes;
  }
}

const EXECUTE = 4;

/** The program's own file: what its address space maps as code under its name. */
function programLibrary({ kernel }: Box, files: CodeFiles, task: Task): Library | undefined {
  const areas = kernel.addressSpaces.get(task.addressSpace ?? -1)?.areas;
  const code = areas?.find(({ protection, name }) => (protection & EXECUTE) !== 0 && name === task.executable);
  const program = code === undefined ? undefined : codeAt(kernel, files, code.start, task);
  if (program === undefined) return undefined;
  const { file, bias, name } = program;
  return { path: name, address: bias + firstSegment(file), bytes: () => programBytes(file) };
}

export function createLibraries(box: Box, debugFiles?: DebugFiles): Libraries {
  const files = createCodeFiles(debugFiles);
  return {
    list(task) {
      const program = task === undefined ? undefined : programLibrary(box, files, task);
      return [...(program === undefined ? [] : [program]), ...extensionLibraries(box, files)];
    },
  };
}

/** The document of qXfer:libraries:read. */
export function librariesDocument(libraries: readonly Library[]): string {
  const rows = libraries.map(
    ({ path, address }) =>
      `<library name="${xmlText(path)}"><segment address="0x${address.toString(16)}"/></library>\n`,
  );
  return `<?xml version="1.0"?>\n<!DOCTYPE library-list SYSTEM "library-list.dtd">\n<library-list>\n${rows.join('')}</library-list>\n`;
}
