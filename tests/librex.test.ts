/** librex's functions, from C programs in the box that load an extension with a program of every section. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { Box } from '../index.ts';
import { rustcVersion } from '../toolchain/build/cargo.ts';
import { readManifest } from '../toolchain/build/manifest.ts';
import { repositoryRoot } from '../toolchain/build/repository.ts';
import { compileLoaders, compileStreams } from './programs/loaders/build.ts';
import { readRepositoryFile } from './support/user-machine.ts';

const built = (name: string): Uint8Array => readRepositoryFile(`tests/programs/loaders/bin/${name}`);

async function boxWith(name: string, cpus = 1): Promise<Box> {
  const box = await Box.boot({ cpus, memory: 32 << 20, recordSyscalls: false });
  box.files.write('/streams.rex', built('streams.rex'));
  box.files.write(`/bin/${name}`, built(name));
  return box;
}

for (const name of ['streams', 'devices', 'objects']) {
  for (const cpus of [1, 2]) {
    test(`${name} on ${cpus} CPUs`, async () => {
      const box = await boxWith(name, cpus);
      const result = box.run({ until: box.spawn(`/bin/${name}`), budget: 100_000_000 });
      assert.is(result.stderr.text, '');
      assert.match(result.stdout.text, /^ok \d+ checks\n$/);
      assert.is(result.exitCode, 0);
      // what the program held goes with it
      box.run();
      const { maps, programs, links, events } = box.kernel.bpf;
      assert.equal([maps.size, programs.size, links.size, events.size], [0, 0, 0, 0]);
    });
  }
}

/* Loaders in the ways of writing that are about: what they include, declare and print. */

/** Runs until the program ends or everything waits; then it gets `signal`. */
async function runLoader(name: string, args: readonly string[] = [], signal?: string, cpus = 1) {
  const box = await boxWith(name, cpus);
  const userapp = readRepositoryFile('samples/error_injector/userapp');
  box.files.write('/bin/userapp', userapp);
  const process = box.spawn(`/bin/${name}`, args);
  let result = box.run({ until: process, budget: 60_000_000, quiet: signal !== undefined });
  const first = result;
  if (signal !== undefined) {
    assert.is(result.reason, 'quiet', `${result.stdout.text}${result.stderr.text}`);
    box.signal(process, signal);
    result = box.run({ until: process, budget: 60_000_000 });
  }
  return { box, result, stdout: first === result ? result.stdout.text : first.stdout.text + result.stdout.text };
}

test('cpu-events: a program on an event of each CPU, by frequency and by period', async () => {
  const { result, stdout } = await runLoader('cpu-events', [], undefined, 2);
  assert.is(result.stderr.text, '');
  const lines = ['cpu clock on every cpu: sampled', 'cpu clock of the task: sampled', 'cycles of the task: sampled'];
  assert.equal(stdout.split('\n').slice(0, 3), lines);
  assert.is(result.exitCode, 0);
});

test('xdp-entry: XDP and a pin, until a signal takes both away', async () => {
  const { box, result, stdout } = await runLoader('xdp-entry', ['1'], 'SIGTERM');
  assert.is(
    stdout,
    'Main BPF program attached to XDP on interface 1\ntx_prog: on_packet, pinned well\n0 frames on 1 CPUs\n',
  );
  assert.is(result.exitCode, 0);
  box.run();
  assert.is(box.kernel.bpf.programs.size, 0);
});

test('inject: a probe on a system call, a child, and its end', async () => {
  const { result } = await runLoader('inject', ['dup']);
  assert.is(result.stderr.text, '');
  assert.is(result.exitCode, 0);
});

test('pin-and-leave: the program runs after its loader', async () => {
  const { box, result, stdout } = await runLoader('pin-and-leave');
  assert.is(result.exitCode, 0, result.stderr.text);
  assert.match(stdout, /^kprobe\/__x64_sys_getpid: on_getpid$/m);
  box.run();
  assert.equal([box.kernel.bpf.links.size, box.kernel.bpf.programs.size > 0], [1, true]);
});

test('syscall-filter: a probe on the way through seccomp', async () => {
  const { result } = await runLoader('syscall-filter');
  assert.is(result.exitCode, 0, result.stderr.text);
});

test('echo-trace: steps of the load on stderr, then trace_pipe until the end', async () => {
  const { result } = await runLoader('echo-trace', [], 'SIGTERM');
  assert.is(result.signal, 'SIGTERM');
});

test('count-calls: options, every program, and SIGINT', async () => {
  const { result, stdout } = await runLoader('count-calls', ['--interval', '600', '-n', '3'], 'SIGINT');
  assert.match(stdout, /^Attached program: to_rings$/m);
  assert.is(result.exitCode, 0);
});

const compiler = spawnSync('musl-gcc', ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0];
const { c: reference, rust } = await readManifest(repositoryRoot, 'hello');
if (compiler === undefined) {
  process.stdout.write('librex: skipped: no musl-gcc\n');
} else {
  test('the loaders compile without a warning, to the bytes in bin (else: npx tsx tests/programs/loaders/build.ts)', async () => {
    for (const { path, bytes } of await compileLoaders()) {
      if (`${compiler}\n` === reference?.compiler)
        assert.equal(Buffer.compare(bytes, readRepositoryFile(path)), 0, path);
    }
  });
}

const rustc = await rustcVersion(repositoryRoot);
if (process.env['TEST_TIER'] === 'slow' && rustc !== undefined && rustc === rust?.compiler) {
  test('streams.rex follows from streams.rs (else: npx tsx tests/programs/loaders/build.ts)', async () => {
    const { path, bytes } = await compileStreams();
    assert.equal(Buffer.compare(bytes, readRepositoryFile(path)), 0, path);
  });
}

test.run();
