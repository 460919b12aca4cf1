/**
 * What is loaded beside the kernel, as gdb's shared libraries: each extension image where it lies, and one program. Programs lie
 * at the same addresses in every process, and gdb has one address space: it is told of the one that is looked at.
 */
import type { Box } from '../../box/box.ts';
import { areasOf } from '../../kernel/mm/areas.ts';
import { keptFile } from '../../kernel/rex-dispatcher/kept-file.ts';
import type { Task } from '../../kernel/task.ts';
import { ET_DYN, PF_R, PF_X, PT_LOAD, SHF_ALLOC, SHF_EXECINSTR, STT_FUNC } from '../../toolchain/elf/constants.ts';
import { writeElf } from '../../toolchain/elf/index.ts';
import { printable } from '../../lib/printable.ts';
import { codeAt, createCodeFiles, type CodeFile, type CodeFiles, type DebugFiles } from '../source/index.ts';
import { gdbFile } from './gdb-file.ts';
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

/** A base is called `panic.rex.base`, as far as 15 characters go; its name stays while programs come and go. */
const fileName = (name: string): string => `${name.split('.')[0]!.replaceAll(/[^\w-]/g, '_') || 'image'}.rex`;

function extensionLibraries(box: Box, files: CodeFiles): Library[] {
  return [...box.kernel.bpf.programs.values()].flatMap((base): Library[] => {
    const { image } = base;
    if (image === undefined) return [];
    const kept = keptFile(box.kernel, image);
    const file = kept && files.of(kept, base.name);
    return [
      {
        path: `/rex/${base.tag}/${fileName(base.name)}`,
        address: image.address + (file === undefined ? 0n : firstSegment(file)),
        bytes: () => (file === undefined ? imageElf(box, image) : gdbFile(file)),
      },
    ];
  });
}

const EXECUTE = 4;

/** The program's own file: what its address space maps as code under its name. */
function programLibrary({ kernel }: Box, files: CodeFiles, task: Task): Library | undefined {
  const code = areasOf(kernel, task).find(
    ({ protection, name }) => (protection & EXECUTE) !== 0 && name === task.executable,
  );
  const program = code === undefined ? undefined : codeAt(kernel, files, code.start, task);
  if (program === undefined) return undefined;
  const { file, bias, name } = program;
  // gdb prints it
  return { path: printable(name), address: bias + firstSegment(file), bytes: () => gdbFile(file) };
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
