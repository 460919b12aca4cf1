// C programs, static with glibc and with musl, print in the box what they print on this machine.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { writeFile } from '../kernel/fs/inodes.ts';
import { buildAll, compilers, pathOf, runNatively, type Build } from './support/native-programs.ts';
import { bootForPrograms, runProgram } from './support/user-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';

interface Program {
  readonly name: string;
  readonly cpus?: number;
  /** argv[1] in the slow tier: a factor for the work */
  readonly scale?: number;
}

const programs: readonly Program[] = [
  { name: 'hello' },
  { name: 'floats' },
  { name: 'qsort', scale: 6 },
  { name: 'malloc', scale: 6 },
  { name: 'signals' },
  { name: 'setjmp' },
  { name: 'threads', cpus: 2, scale: 6 },
];
/** with musl, as they are checked in, they are in programs.test.ts */
const withGlibc: readonly Program[] = [{ name: 'memory' }, { name: 'cow' }, { name: 'files' }, { name: 'mappings' }];
const kernels: readonly Program[] = [
  { name: 'sha256', scale: 20 },
  { name: 'aes', scale: 10 },
  { name: 'crc32c', scale: 20 },
  { name: 'deflate', scale: 10 },
  { name: 'nbody', scale: 20 },
  { name: 'matmul', scale: 5 },
  { name: 'mandelbrot', scale: 3 },
  { name: 'fft', scale: 4 },
];
const optimisations = ['-O0', '-O2', '-O3'] as const;

const cases: readonly (readonly [Program, Build])[] = compilers.flatMap((compiler) => [
  ...[...programs, ...(compiler === 'gcc' ? withGlibc : [])].map((program): [Program, Build] => [
    program,
    { program: program.name, compiler, flags: ['-O2'] },
  ]),
  ...kernels.flatMap((program) =>
    optimisations
      // the code between the libc's calls is the same for both
      .filter((level) => slow || compiler === compilers[0] || level === '-O2')
      .map((level): [Program, Build] => [
        program,
        { program: program.name, compiler, flags: [level, '-march=x86-64-v2'] },
      ]),
  ),
]);

if (compilers.length === 0) test.skip('skipped: no gcc', () => {});
const errors = await buildAll(cases.map(([, build]) => build));

for (const [{ name, cpus = 1, scale }, build] of cases) {
  const argv = slow && scale !== undefined ? [`${scale}`] : [];
  test([build.compiler, ...build.flags, name, ...argv].join(' '), () => {
    const path = pathOf(build);
    const error = errors.get(path);
    if (error !== undefined) throw new Error(error);
    const native = runNatively(path, argv);
    const kernel = bootForPrograms({ cpus });
    const budget = slow ? 2_000_000_000 : 60_000_000;
    const bytes = new Uint8Array(readFileSync(path));
    // what /proc/self/exe leads to
    writeFile(kernel, `/${name}`, bytes, 0o755);
    const result = runProgram(kernel, bytes, [name, ...argv], budget);
    assert.is(result.stderr, '');
    assert.is(result.stdout, native.stdout);
    assert.is(result.outcome, 'done');
    assert.is(result.status, native.status);
  });
}

test.run();
