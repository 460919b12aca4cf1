/** What is implemented, printed from the tables that implement it. */
import { switchable } from '../cpu/cpuid.ts';
import { opcodeRows } from '../cpu/opcodes/index.ts';
import { bpfCommands } from '../kernel/bpf/commands.ts';
import { helpers } from '../kernel/bpf/helpers.ts';
import { mapTypes } from '../kernel/bpf-maps/index.ts';
import { syscallTable } from '../kernel/syscalls/index.ts';
import { didYouMean } from '../toolchain/assembler/did-you-mean.ts';
import { samplePrograms } from './programs.ts';
import { rexFeatures } from './rex-features.ts';
import { UsageError } from './options.ts';
import { printTable } from './table.ts';

type Row = readonly string[];

/** Mnemonics by the number of their encodings, and what turns them on. */
function instructionRows(): Row[] {
  const encodings = new Map<string, number>();
  for (const { mnemonic } of opcodeRows) encodings.set(mnemonic, (encodings.get(mnemonic) ?? 0) + 1);
  const switched = new Set(opcodeRows.filter(({ feature }) => switchable.has(feature)).map(({ mnemonic }) => mnemonic));
  return [...encodings]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, n]) => [name, `${n}`, switched.has(name) ? 'with --avx' : '']);
}

interface Table {
  readonly title: string;
  readonly head: Row;
  rows(): readonly Row[];
}

const tables: Readonly<Record<string, Table>> = {
  syscalls: {
    title: 'system calls',
    head: ['number', 'name', 'support', 'note'],
    rows: () => syscallTable.map(({ number, name, support, note }) => [`${number}`, name, support, note]),
  },
  bpf: {
    title: 'commands of bpf(2)',
    head: ['number', 'name', 'support', 'note'],
    rows: () => bpfCommands.map(({ number, name, support, note }) => [`${number}`, `BPF_${name}`, support, note]),
  },
  helpers: {
    title: 'kernel functions that a Rex program can call',
    head: ['name', 'support', 'prototype', 'note'],
    rows: () => helpers.map(({ name, prototype, support, note }) => [name, support, prototype, note]),
  },
  maps: {
    title: 'map types',
    head: ['number', 'name', 'note'],
    rows: () => mapTypes.map(({ number, name, note }) => [`${number}`, name, note]),
  },
  rex: {
    title: 'what Rex promises',
    head: ['support', 'what', 'note'],
    rows: () => rexFeatures.flatMap(({ features }) => features.map(({ support, what, note }) => [support, what, note])),
  },
  programs: {
    title: 'programs of the samples, and what bounds their stacks',
    head: ['sample', 'program', 'section', 'type', 'stack'],
    rows: () =>
      samplePrograms().map(({ sample, program, section, type, stack }) => [sample, program, section, type, stack]),
  },
  instructions: { title: 'instructions', head: ['mnemonic', 'encodings', 'note'], rows: instructionRows },
};

const print = ({ title, head, rows }: Table): string => printTable(title, head, rows());

/** One table, or all of them. @throws {UsageError} */
export function supportTables(name: string | undefined): string {
  const names = Object.keys(tables);
  if (name === undefined) return names.map((each) => print(tables[each]!)).join('\n');
  const table = Object.hasOwn(tables, name) ? tables[name] : undefined;
  if (table !== undefined) return print(table);
  throw new UsageError(
    `--support: got ${JSON.stringify(name)}, expected ${names.join(', ')}${didYouMean(name, names)}`,
  );
}
