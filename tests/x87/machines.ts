/** x87 cases on our processor and, by tests/native/x87.c, on the one under us. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCpu, type Cpu } from '../../cpu/cpu.ts';
import { evaluate } from '../../cpu/evaluate.ts';
import { isFault } from '../../cpu/fault.ts';
import { createMemory } from '../../cpu/memory.ts';
import { flushTlb, Pte } from '../../cpu/paging.ts';
import { Slot } from '../../cpu/state.ts';
import { readX87, writeX87 } from '../../cpu/x87.ts';
import { instructionOf, MEMORY_WORDS, stateOf, type X87Case, type X87Outcome } from './cases.ts';

/** Physical and linear, in one large page. */
const DATA = 0x10000;
const RAX = 0;
const RDI = 7;

let cpu: Cpu | undefined;

/** In kernel mode, with the first 2 MiB mapped. */
export function x87Cpu(): Cpu {
  const memory = createMemory(1 << 24);
  const made = createCpu(memory, 0);
  [0x2003n, 0x3003n, 0x83n].forEach((entry, n) => {
    memory.view.setBigUint64(0x1000 * (n + 1), entry | Pte.present, true);
  });
  made.slots[Slot.cr3] = 0x1000n;
  made.slots[Slot.cr0] = 0x8005_0033n;
  made.slots[Slot.cr4] = 0x6a0n;
  made.slots[Slot.efer] = 0xd01n;
  flushTlb(made);
  return made;
}

export function runOnOurs(test: X87Case): X87Outcome {
  cpu ??= x87Cpu();
  const { slots, memory } = cpu;
  const start = stateOf(test);
  const i = instructionOf(test);
  cpu.registers.rflags = start.rflags;
  slots[RAX] = start.rax;
  slots[RDI] = BigInt(DATA);
  slots[Slot.rip] = BigInt(0x8000 + i.length);
  slots[Slot.fcw] = BigInt(start.fcw);
  slots[Slot.fsw] = BigInt(start.fsw);
  for (let n = 0; n < 8; n++) writeX87(cpu, n, start.st[n]!);
  slots[Slot.ftw] = BigInt(start.ftw);
  for (let n = 0; n < MEMORY_WORDS; n++) memory.view.setBigUint64(DATA + n * 8, start.memory[n]!, true);
  let trap = 0;
  try {
    i.semantics(evaluate(cpu), i);
  } catch (error) {
    if (!isFault(error)) throw error;
    trap = error.vector;
  }
  const outcome = cpu;
  return {
    trap,
    fcw: Number(slots[Slot.fcw]),
    fsw: Number(slots[Slot.fsw]),
    ftw: Number(slots[Slot.ftw]),
    rflags: cpu.registers.rflags,
    rax: slots[RAX]!,
    st: Array.from({ length: 8 }, (_, n) => readX87(outcome, n)),
    memory: Array.from({ length: MEMORY_WORDS }, (_, n) => memory.view.getBigUint64(DATA + n * 8, true)),
  };
}

/** Why there is no real processor to compare with, or undefined. */
export function missingPart(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `needs x86-64 Linux, this is ${process.arch} ${process.platform}`;
  }
  return spawnSync('gcc', ['--version']).status === 0 ? undefined : 'no gcc';
}

const hex = (values: readonly (bigint | number)[]): string => values.map((value) => value.toString(16)).join(' ');
const halves = (value: bigint): readonly bigint[] => [value >> 64n, BigInt.asUintN(64, value)];

function inputLine(test: X87Case): string {
  const { fcw, fsw, ftw, rflags, rax, st, memory } = stateOf(test);
  const code = Buffer.from(test.code).toString('hex');
  return `${code} ${hex([fcw, fsw, ftw, rflags, rax, ...st.flatMap(halves), ...memory])}\n`;
}

function parseOutput(line: string): X87Outcome {
  const words = line.split(' ').map((word) => BigInt(`0x${word}`));
  const [trap, fcw, fsw, ftw] = words.slice(0, 4).map(Number) as [number, number, number, number];
  const st = Array.from({ length: 8 }, (_, n) => (words[6 + 2 * n]! << 64n) | words[7 + 2 * n]!);
  return { trap, fcw, fsw, ftw, rflags: words[4]!, rax: words[5]!, st, memory: words.slice(22) };
}

/** One outcome a case, in order. */
export function runOnReal(cases: readonly X87Case[]): X87Outcome[] {
  const directory = mkdtempSync(join(tmpdir(), 'x87-'));
  try {
    const program = join(directory, 'x87');
    const source = new URL('../native/x87.c', import.meta.url).pathname;
    const built = spawnSync('gcc', ['-O2', '-o', program, source], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`x87.c: ${built.stderr}`);
    const run = spawnSync(program, { input: cases.map(inputLine).join(''), encoding: 'utf8', maxBuffer: 2 ** 30 });
    const lines = run.stdout.split('\n').slice(0, -1);
    if (run.status !== 0 || lines.length !== cases.length) {
      throw new Error(`x87.c ended with ${run.status ?? run.signal} in case ${lines.length} of ${cases.length}`);
    }
    return lines.map(parseOutput);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
