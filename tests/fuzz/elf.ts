/** Executables, Rex images and debug files with things wrong in them, through whatever reads them. */
import { openDebugger } from '../../debugger/debugger.ts';
import { DebuggerError } from '../../debugger/error.ts';
import { packageSources } from '../../debugger/host/source-files.ts';
import { Box, BoxError, type EngineName, type Process } from '../../index.ts';
import { demangle, ElfError, readElf } from '../../toolchain/elf/index.ts';
import { checkRexImage, EntryInsertionError, insertEntries } from '../../toolchain/entry-insertion/index.ts';
import { insertChecks, makeStackSafe, StackSafetyError, verifyChecks } from '../../toolchain/stack-safety/index.ts';
import { graphOf, programOf, stackImage } from '../support/stack-image.ts';
import { readRepositoryFile } from '../support/user-machine.ts';
import type { Random } from '../random-instructions.ts';
import { damaged } from './bytes.ts';
import type { Fuzzer } from './fuzzer.ts';
import { between, oneIn, pick } from './random.ts';

const BUDGET = 30_000;
/** of a motion of the debugger */
const SLICES = 4;

type Kind = 'program' | 'image' | 'debug file' | 'tools';

// prettier-ignore
const files: Readonly<Record<Kind, readonly string[]>> = {
  program: ['tests/programs/bin/hello', 'tests/programs/bin/signals', 'tests/programs/bin/freestanding', 'samples/error_injector/loader', 'samples/error_injector/userapp'],
  image: ['samples/error_injector/error_injector.rex', 'samples/panic/panic.rex', 'samples/syscount/syscount.rex', 'samples/recursive/recursive.rex', 'samples/map_test_2/map_test_2.rex'],
  'debug file': ['samples/error_injector/loader.debug', 'samples/error_injector/userapp.debug'],
  tools: ['samples/error_injector/error_injector.rex', 'samples/panic/panic.rex', 'samples/recursive/recursive.rex', 'samples/bmc/bmc.rex', 'calls'],
};

/** Recursion, and calls by pointer: what stacks are checked for. */
const calls = stackImage(
  `small: push %rax; pop %rax; ret
  climb: push %rbp; call small; call climb; lea pointed(%rip), %rax; call *%rax; pop %rbp; ret
  pointed: push %rbx; call climb; pop %rbx; ret
  program: call climb; call *slot_pointed(%rip); ret`,
  ['pointed'],
);
const read = (path: string): Uint8Array => (path === 'calls' ? calls : readRepositoryFile(path));

export interface Elf {
  readonly kind: Kind;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly what: readonly string[];
  /** names for the demangler */
  readonly names: readonly string[];
  readonly engine: EngineName;
}

/** In the headers, in the tables of headers, in the sections however small they are. */
function offsetIn(file: Uint8Array): (random: Random) => number {
  const { header, sections } = readElf(file);
  const filled = sections.filter(({ size, offset }) => size > 0 && offset + size <= file.length);
  const table = Number(header.sectionHeaderOffset);
  return (random) => {
    const kind = random(8);
    if (kind < 2) return random(64 + 56 * 12);
    if (kind < 4 && table > 0) return table + random(sections.length * 64);
    if (kind === 4) return random(file.length);
    const { offset, size } = pick(random, filled);
    return offset + random(oneIn(random, 2) ? Math.min(size, 64) : size);
  };
}

// prettier-ignore
const pieces = [
  '_ZN', '_R', 'NvC', 'NtC', 'INv', 'B_', 'C', 's_', 'E', '17h', '4core', '3fmt', '5panic', '$LT$', '$u20$',
  '$u7fffffff$', '..', '0', '9', '99999999', 'u8gdel_5qa', 'Kj0_', 'Kca_', 'Ka_', 'Mp', 'FUKCEu', 'DG_', 'L_', 'T',
  'S', 'R', 'Q', 'P', 'O', 'h', 'X', 'Y', 'W', '_', 'Bj_', 'B0_', '.llvm.123', '\0', 'é',
];
const anyName = (random: Random): string =>
  (oneIn(random, 2) ? '_R' : '_ZN') +
  Array.from({ length: between(random, 1, 40) }, () =>
    oneIn(random, 6) ? pick(random, ['B', 'I', 'M', 'N']).repeat(random(400)) : pick(random, pieces),
  ).join('');

function make(random: Random): Elf {
  const kind = pick(random, Object.keys(files) as Kind[]);
  const path = pick(random, files[kind]);
  const file = read(path);
  const { bytes, text: what } = damaged(random, file, offsetIn(file));
  const names = Array.from({ length: 20 }, () => anyName(random));
  return { kind, path, bytes, what, names, engine: pick(random, ['interpreter', 'translator']) };
}

/** What a person would look at, and do, where the box is now. */
async function look(box: Box, process: Process, debugFiles: readonly Uint8Array[]): Promise<void> {
  const debug = await openDebugger(box, { ...packageSources, process, debugFiles: () => debugFiles });
  for (let n = 0; n < 3; n++) {
    const { rip } = debug.rest;
    debug.describe(rip);
    debug.instructionAt();
    debug.disassemble(rip, 20);
    for (const { address, source } of debug.story()) {
      debug.describe(address);
      for (const { file } of source) debug.sourceText(file);
    }
    for (const text of ['main.rs:19', 'loader.c:20', 'userapp.c:10', 'main', 'program entry', 'panic', '_start+1']) {
      const { target, options } = debug.parseStop(text);
      try {
        debug.addStop(target, options);
      } catch (error) {
        if (!(error instanceof DebuggerError)) throw error;
      }
    }
    debug.addressesOf('main.rs', 19);
    for (const motion of ['line', 'over', 'out'] as const) {
      const slices = debug.inSlices(motion);
      let left = SLICES;
      while (slices.next() === undefined && --left > 0);
      if (left === 0) slices.giveUp();
    }
    debug.continue({ budget: 2000 });
  }
}

const typed = [BoxError, ElfError, EntryInsertionError, StackSafetyError];

function refusal(error: unknown): string {
  if (!typed.some((type) => error instanceof type)) throw error;
  return 'refused';
}

async function runBox({ kind, path, bytes, engine }: Elf): Promise<string> {
  const box = await Box.boot({ memory: 16 << 20, engine, translator: { threshold: 2 } });
  if (kind === 'image') {
    try {
      const extension = box.rex.load(bytes);
      for (const name of extension.programs) extension.program(name).attachKsyscall('getpid');
    } catch (error) {
      return refusal(error);
    }
  }
  const program =
    kind === 'program'
      ? bytes
      : readRepositoryFile(kind === 'image' ? 'samples/error_injector/userapp' : path.replace('.debug', ''));
  box.files.write('/bin/program', program);
  let process: Process;
  try {
    process = box.spawn('/bin/program', ['getpid', '22']);
  } catch (error) {
    return refusal(error);
  }
  const { reason } = box.run({ budget: BUDGET, until: process });
  if (kind === 'program' && reason === 'dead')
    throw new Error(`a program without privilege ends the kernel: ${box.death}`);
  await look(box, process, [bytes]);
  const again = box.spawn('/bin/program', ['getpid', '22']);
  await look(box, again, [bytes]);
  return `runs, ${reason}`;
}

function useTools({ path, bytes, names }: Elf): string {
  for (const name of names) {
    const plain = demangle(name);
    if (plain !== undefined && plain.length > 1 << 20) throw new Error(`${name}: ${plain.length} characters`);
  }
  for (const use of [
    () => checkRexImage(bytes),
    () => readElf(bytes).symbols.map(({ name }) => demangle(name)),
    () => insertEntries(bytes),
  ]) {
    try {
      use();
    } catch (error) {
      refusal(error);
    }
  }
  try {
    const graph = graphOf(bytes);
    verifyChecks(graph, insertChecks(graph));
    if (path === 'calls') makeStackSafe({ bytes, entries: [programOf(calls, 'program')] });
    return 'made safe';
  } catch (error) {
    return refusal(error);
  }
}

const run = (input: Elf): string | Promise<string> => (input.kind === 'tools' ? useTools(input) : runBox(input));

const text = ({ kind, path, what, names, engine }: Elf): string =>
  [`${kind} ${path}, ${engine}`, ...what, ...(kind === 'tools' ? names : [])].join('\n');

export const elf: Fuzzer<Elf> = { make, text, bytes: ({ bytes }) => bytes, run };
