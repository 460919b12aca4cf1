/** The programs of programs/, and how they become ELF files. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isThere, runCommand } from './host-command.ts';

export type Kind = 'integer' | 'floating-point' | 'system';

export interface GuestProgram {
  readonly name: string;
  readonly kind: Kind;
}

export const PROGRAMS: readonly GuestProgram[] = [
  { name: 'bytes', kind: 'integer' },
  { name: 'deflate', kind: 'integer' },
  { name: 'fib', kind: 'integer' },
  { name: 'hash', kind: 'integer' },
  { name: 'libcstr', kind: 'integer' },
  { name: 'life', kind: 'integer' },
  { name: 'list', kind: 'integer' },
  { name: 'nqueens', kind: 'integer' },
  { name: 'qsort', kind: 'integer' },
  { name: 'sha256', kind: 'integer' },
  { name: 'sieve', kind: 'integer' },
  { name: 'string', kind: 'integer' },
  { name: 'vm', kind: 'integer' },
  { name: 'xorshift', kind: 'integer' },
  { name: 'fft', kind: 'floating-point' },
  { name: 'heat', kind: 'floating-point' },
  { name: 'mandel', kind: 'floating-point' },
  { name: 'matmul', kind: 'floating-point' },
  { name: 'nbody', kind: 'floating-point' },
  { name: 'syscall', kind: 'system' },
];

/** Those whose names contain one of `parts`; all of them without any. */
export const choosePrograms = (parts: readonly string[]): readonly GuestProgram[] =>
  PROGRAMS.filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)));

export interface Workshop {
  readonly compiler: string;
  /** Path of the executable of programs/NAME.c. */
  build(name: string): string;
  /** Path of the executable of a C file beside this one. */
  buildTool(name: string): string;
}

/** Runs `work` with a folder to build in, which is gone afterwards; undefined where there is no C compiler. */
export async function withWorkshop<T>(work: (workshop: Workshop) => Promise<T>): Promise<T | undefined> {
  const compiler = ['musl-gcc', 'gcc'].find(isThere);
  if (compiler === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const compile = (name: string, source: URL): string => {
    const path = join(folder, name);
    runCommand([compiler, '-O2', '-static', '-o', path, fileURLToPath(source)]);
    return path;
  };
  try {
    return await work({
      compiler,
      build: (name) => compile(name, new URL(`programs/${name}.c`, import.meta.url)),
      buildTool: (name) => compile(name, new URL(`${name}.c`, import.meta.url)),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
