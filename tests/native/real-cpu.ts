/** Cases on the processor under us, by harness.c. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { edges, startOf, type Case, type Outcome } from './state.ts';

/** Why there is no real processor to compare with, or undefined. */
export function missingPart(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `needs x86-64 Linux, this is ${process.arch} ${process.platform}`;
  const flags = readFileSync('/proc/cpuinfo', 'utf8').split(/\s+/);
  const lacking = ['avx2', 'xsavec', 'sha_ni', 'adx'].filter((name) => !flags.includes(name));
  if (lacking.length > 0) return `this processor has no ${lacking.join(', ')}`;
  return spawnSync('gcc', ['--version']).status === 0 ? undefined : 'no gcc';
}

const hex = (values: readonly (bigint | number)[]): string => values.map((value) => value.toString(16)).join(' ');

/** Numbers before the changes of memory. */
const WORDS = 105;

function parseOutcome(line: string): Outcome {
  const words = line.trim().split(' ');
  const changes = words.slice(WORDS).map((word) => word.split(':'));
  const numbers = words.slice(0, WORDS).map((word) => BigInt(`0x${word}`));
  return {
    trap: Number(numbers[0]),
    error: Number(numbers[1]),
    cr2: numbers[2]!,
    rip: numbers[3]!,
    gpr: numbers.slice(4, 20),
    rflags: numbers[20]!,
    mxcsr: numbers[21]!,
    xmm: numbers.slice(22, 54),
    x87: numbers.slice(54, 73),
    ymm: numbers.slice(73, 105),
    memory: new Map(changes.map(([offset, after]) => [Number.parseInt(offset!, 16), BigInt(`0x${after}`)])),
  };
}

let program: string | undefined;
/** The harness, built once a process. */
function harness(): string {
  if (program !== undefined) return program;
  const directory = mkdtempSync(join(tmpdir(), 'native-'));
  process.once('exit', () => rmSync(directory, { recursive: true }));
  const path = join(directory, 'harness');
  const source = new URL('harness.c', import.meta.url).pathname;
  const built = spawnSync('gcc', ['-O2', '-fno-stack-protector', '-mno-red-zone', '-o', path, source], {
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`harness.c: ${built.stderr}`);
  program = path;
  return path;
}

/** One outcome a case, in order. */
export function runOnRealCpu(cases: readonly Case[]): Outcome[] {
  const lines = cases.map((test) => {
    const start = startOf(test);
    return `case ${Buffer.from(test.code).toString('hex')} ${hex([...start.gpr, start.rflags, start.mxcsr, test.seed >>> 0, ...start.xmm, ...start.x87, ...start.ymm])}\n`;
  });
  const input = `edge ${hex(edges)}\n${lines.join('')}`;
  const run = spawnSync(harness(), { input, encoding: 'utf8', maxBuffer: 2 ** 30 });
  const outputs = run.stdout.split('\n').slice(0, -1);
  if (run.status !== 0 || outputs.length !== cases.length) {
    throw new Error(`the harness ended with ${run.status ?? run.signal} in case ${outputs.length} of ${cases.length}`);
  }
  return outputs.map(parseOutcome);
}
