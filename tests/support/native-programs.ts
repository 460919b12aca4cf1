/** Builds C programs of tests/programs with this machine's compilers and runs them on this machine's Linux. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = `${root}node_modules/.cache/real-programs`;

export interface Build {
  /** of tests/programs, without `.c` */
  readonly program: string;
  readonly compiler: Compiler;
  readonly flags: readonly string[];
}

export type Compiler = 'gcc' | 'musl-gcc';

const commonFlags = ['-std=gnu11', '-static', '-w'];

/** Its version, or '' where it is not here or has no static libc. */
const versionOf = (compiler: string): string => {
  const trial = spawnSync(compiler, [...commonFlags, '-x', 'c', '-o', '/dev/null', '-'], {
    input: 'int main(void) { return 0; }',
  });
  return trial.status === 0 ? spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout : '';
};
const versions = { gcc: versionOf('gcc'), 'musl-gcc': versionOf('musl-gcc') } as const;

/** Those that are here, on a machine that can run what they make. */
export const compilers: readonly Compiler[] = (['gcc', 'musl-gcc'] as const).filter(
  (name) => process.platform === 'linux' && process.arch === 'x64' && versions[name] !== '',
);

const sourceOf = (program: string): string => `tests/programs/${program}.c`;

/** Absolute; the name says what it was made from. */
export function pathOf({ program, compiler, flags }: Build): string {
  const hash = createHash('sha256').update(JSON.stringify([versions[compiler], commonFlags, flags]));
  for (const source of [sourceOf(program), 'tests/programs/check.h']) hash.update(readFileSync(root + source));
  return `${cache}/${program}-${compiler}-${hash.digest('hex').slice(0, 16)}`;
}

/** Compiles unless it has been; the compiler's own words where it fails. */
function build(wanted: Build): Promise<string | undefined> {
  const path = pathOf(wanted);
  if (existsSync(path)) return Promise.resolve(undefined);
  mkdirSync(cache, { recursive: true });
  const temporary = `${path}.${process.pid}`;
  const child = spawn(
    wanted.compiler,
    [...commonFlags, ...wanted.flags, '-o', temporary, sourceOf(wanted.program), '-lpthread', '-lm'],
    { cwd: root, stdio: ['ignore', 'ignore', 'pipe'], timeout: 120_000 },
  );
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => {
      if (code === 0) renameSync(temporary, path);
      resolve(code === 0 ? undefined : `${wanted.compiler} ${wanted.flags.join(' ')} ${wanted.program}.c: ${words}`);
    });
  });
}

/** Compiles all, as many at a time as there are processors; the errors, by path. */
export async function buildAll(builds: readonly Build[]): Promise<ReadonlyMap<string, string>> {
  const waiting = [...builds];
  const errors = new Map<string, string>();
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      // each worker is one compiler at a time
      // oxlint-disable-next-line no-await-in-loop
      const error = await build(next);
      if (error !== undefined) errors.set(pathOf(next), error);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return errors;
}

/** glibc chooses by processor: with FMA its libm rounds otherwise, and the box has x86-64-v2 and no more. */
const environment = { GLIBC_TUNABLES: 'glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F' };

export interface NativeResult {
  /** Latin-1 */
  readonly stdout: string;
  /** wait status */
  readonly status: number;
}

export function runNatively(path: string, argv: readonly string[]): NativeResult {
  const { stdout, status, signal, error } = spawnSync(path, argv, {
    encoding: 'latin1',
    env: environment,
    timeout: 60_000,
    maxBuffer: 1 << 26,
  });
  if (error !== undefined || status === null) throw new Error(`${path}: ${error?.message ?? signal} on this machine`);
  return { stdout, status: status << 8 };
}
