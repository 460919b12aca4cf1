// Static musl programs, run from their ELF files alone: each checks the kernel from user space and prints what it found.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkingPrograms } from './support/checking-programs.ts';
import { bootForPrograms, install, readRepositoryFile, runProgram } from './support/user-machine.ts';

const folder = 'tests/programs/bin';

for (const [name, ...args] of checkingPrograms) {
  for (const cpus of [1, 3]) {
    test(`${name} on ${cpus} CPU${cpus === 1 ? '' : 's'}`, () => {
      const kernel = bootForPrograms({ cpus });
      install(kernel, [`${folder}/${name}`]);
      const result = runProgram(kernel, readRepositoryFile(`${folder}/${name}`), [name, ...args], 40_000_000);
      assert.is(result.stderr, '');
      assert.match(result.stdout, /ok \d+ checks\n$/);
      assert.is(result.outcome, 'done');
      assert.is(result.status, 0);
    });
  }
}

/** Programs whose output was recorded on Linux: NAME.expected. */
const recorded = [
  'qsort',
  'malloc',
  'setjmp',
  'threads',
  'sha256',
  'aes',
  'crc32c',
  'deflate',
  'nbody',
  'matmul',
  'mandelbrot',
  'fft',
] as const;

for (const name of recorded) {
  test(`${name} prints what it prints on Linux`, () => {
    const kernel = bootForPrograms();
    const result = runProgram(kernel, readRepositoryFile(`${folder}/${name}`), [name], 40_000_000);
    assert.is(result.stderr, '');
    assert.is(result.stdout, Buffer.from(readRepositoryFile(`tests/programs/${name}.expected`)).toString('latin1'));
    assert.is(result.outcome, 'done');
    assert.is(result.status, 0);
  });
}

test('hello, with and without a libc', () => {
  const kernel = bootForPrograms();
  const hello = runProgram(kernel, readRepositoryFile(`${folder}/hello`), ['hello']);
  assert.is(hello.stdout, 'hello, world: -42 0xbeef\n');
  assert.is(hello.status, 0);
  const freestanding = runProgram(kernel, readRepositoryFile(`${folder}/freestanding`), ['freestanding']);
  assert.is(freestanding.stdout, 'hello from _start\n');
});

test('a program that is run again gives the same output after the same number of instructions', () => {
  const run = (): readonly [string, number] => {
    const kernel = bootForPrograms({ cpus: 2, seed: 7 });
    install(kernel, [`${folder}/cow`]);
    const { stdout } = runProgram(kernel, readRepositoryFile(`${folder}/cow`), ['cow']);
    return [stdout, kernel.cpus.reduce((sum, cpu) => sum + cpu.retired, 0)];
  };
  assert.equal(run(), run());
});

test('memory is given back: a hundred processes leave no page behind', () => {
  const kernel = bootForPrograms();
  const bytes = readRepositoryFile(`${folder}/hello`);
  const used = (): number => kernel.pages.references.reduce((sum, count) => sum + Math.min(count, 1), 0);
  runProgram(kernel, bytes, ['hello']);
  const before = used();
  for (let n = 0; n < 100; n++) runProgram(kernel, bytes, ['hello']);
  // what remains are the zombies' stacks and structures, as nobody waits for them
  assert.ok(used() - before <= 100 * 5, `${used() - before} pages`);
});

test.run();
