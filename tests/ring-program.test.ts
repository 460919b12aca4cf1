// C programs and their kernel objects: epoll, bpffs, batches, and a ring buffer consumed through mmap and epoll while
// records are put in from another CPU.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { helperNatives } from '../kernel/bpf/helpers.ts';
import { readFile } from '../kernel/fs/inodes.ts';
import { resolve } from '../kernel/fs/paths.ts';
import { createHost } from '../kernel/host.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { kmalloc } from '../kernel/mm/heap.ts';
import { writeKernel } from '../kernel/mm/kernel-memory.ts';
import { createProcess } from '../kernel/process.ts';
import { runKernel } from '../kernel/run.ts';
import { makeRunnable } from '../kernel/scheduler.ts';
import { executeBytes } from './support/execute-bytes.ts';
import { bootForPrograms, install, readRepositoryFile, runProgram } from './support/user-machine.ts';

const folder = 'tests/programs/bin';
const BUDGET = 40_000_000;

for (const name of ['epoll', 'ringbuf']) {
  for (const cpus of [1, 3]) {
    test(`${name} on ${cpus} CPU${cpus === 1 ? '' : 's'}`, () => {
      const kernel = bootForPrograms({ cpus });
      install(kernel, [`${folder}/${name}`]);
      const result = runProgram(kernel, readRepositoryFile(`${folder}/${name}`), [name], BUDGET);
      assert.is(result.stderr, '');
      assert.match(result.stdout, /ok \d+ checks\n$/);
      assert.is(result.status, 0);
      assert.is(kernel.bpf.maps.size, 0, 'every map is gone with the program and its names');
      assert.is(kernel.sharedMemory.size, 0);
      assert.is(kernel.fileSystem.epolls.size + kernel.fileSystem.eventCounters.size, 0);
    });
  }
}

test('map-errnos prints what it prints on Linux 6.18: every map type, operation and flag', () => {
  const kernel = bootForPrograms({ cpus: 2 });
  install(kernel, [`${folder}/map-errnos`]);
  const result = runProgram(kernel, readRepositoryFile(`${folder}/map-errnos`), ['map-errnos'], BUDGET);
  const expected = Buffer.from(readRepositoryFile('tests/programs/map-errnos.expected')).toString('latin1');
  assert.is(result.stdout, expected);
  assert.is(result.stderr, '');
  assert.is(result.status, 0);
});

/** A helper as a program on CPU 0 calls it; its registers are as before. */
function helper(kernel: Kernel, name: string, ...args: readonly bigint[]): bigint {
  const cpu = kernel.cpus[0]!;
  const saved = cpu.slots.slice();
  const [rdi = 0n, rsi = 0n, rdx = 0n, rcx = 0n] = args;
  Object.assign(cpu.registers, { rdi, rsi, rdx, rcx });
  const result = helperNatives[name]!(kernel, cpu);
  cpu.slots.set(saved);
  return BigInt.asUintN(64, BigInt((result ?? 0) as bigint | number));
}

for (const cpus of [1, 2]) {
  test(`a program asleep in epoll_wait reads records as they come, ${cpus} CPUs`, () => {
    const kernel = bootForPrograms({ cpus });
    const task = createProcess(kernel, 'test');
    executeBytes(kernel, task, '/ringbuf', readRepositoryFile(`${folder}/ringbuf`), ['ringbuf', '5']);
    makeRunnable(kernel, task);
    const host = createHost(kernel);
    const output = (): string =>
      Buffer.concat(kernel.events.flatMap((event) => (event.type === 'write' ? [event.bytes] : []))).toString();
    const untilAsleep = (): void => {
      const done = (): boolean => task.state === 'zombie' || task.channels.some((name) => name.startsWith('epoll:'));
      runKernel(kernel, host, BUDGET, done);
    };
    untilAsleep();
    assert.is(output(), 'ready\n');
    const map = [...kernel.bpf.maps.values()].at(-1)!;
    const scratch = kmalloc(kernel, 4096);
    const put = (text: string): void => {
      writeKernel(kernel, scratch, Buffer.from(text));
      assert.is(helper(kernel, 'bpf_ringbuf_output', map.address, scratch, BigInt(text.length), 0n), 0n);
    };
    put('one');
    untilAsleep();
    assert.is(output(), 'ready\n3: one\n');

    const first = helper(kernel, 'bpf_ringbuf_reserve', map.address, 6n, 0n);
    put('behind a busy record');
    runKernel(kernel, host, 100_000, () => false);
    assert.is(output(), 'ready\n3: one\n');
    writeKernel(kernel, first, Buffer.from('second'));
    helper(kernel, 'bpf_ringbuf_submit', first, 0n);
    untilAsleep();
    assert.is(output(), 'ready\n3: one\n6: second\n20: behind a busy record\n');

    helper(kernel, 'bpf_ringbuf_discard', helper(kernel, 'bpf_ringbuf_reserve', map.address, 100n, 0n), 0n);
    untilAsleep();
    // over the ring's end: seen whole, as the data is mapped twice
    put('x'.repeat(4000));
    untilAsleep();
    assert.ok(output().includes(`discarded 100\n4000: ${'x'.repeat(4000)}\n`), output());
    assert.match(output(), /ok \d+ checks\n$/);
    assert.is(task.exitStatus, 0);
    assert.is(kernel.bpf.maps.size, 0);
  });
}

test('a name in bpffs is not a file of bytes', () => {
  const kernel = bootForPrograms();
  install(kernel, [`${folder}/ringbuf`]);
  const task = createProcess(kernel, 'test');
  executeBytes(kernel, task, '/ringbuf', readRepositoryFile(`${folder}/ringbuf`), ['ringbuf', '1']);
  makeRunnable(kernel, task);
  const asleep = (): boolean => task.channels.some((name) => name.startsWith('epoll:'));
  runKernel(kernel, createHost(kernel), BUDGET, asleep);
  assert.is(resolve(kernel, '/sys/fs/bpf/ring').inode?.type, 'pinned');
  assert.is(readFile(kernel, '/sys/fs/bpf/ring'), undefined);
});

test.run();
