// Whatever is in the registers and in kernel memory, a native function gives a result, a wait, or an oops: an extension runs
// in kernel mode and may call any of them with anything, after having overwritten anything.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { restoreSnapshot, takeSnapshot } from '../box/snapshot.ts';
import { isFault } from '../cpu/fault.ts';
import { perCpuAreaSize } from '../kernel/layout/per-cpu.ts';
import { writeKernel } from '../kernel/mm/kernel-memory.ts';
import { nativeNames } from '../kernel/natives.ts';
import { createHost } from '../kernel/host.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { createProcess } from '../kernel/process.ts';
import { makeRunnable, schedule } from '../kernel/scheduler.ts';
import { executeBytes } from './support/execute-bytes.ts';
import { bootForPrograms, readRepositoryFile } from './support/user-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 400 : 3));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const hello = readRepositoryFile('tests/programs/bin/hello');

/** A kernel with a user task on its one CPU, in kernel mode. */
function machine(): Kernel {
  const kernel = bootForPrograms({ memory: 16 << 20 });
  const task = createProcess(kernel, 'victim');
  executeBytes(kernel, task, '/hello', hello, ['hello']);
  makeRunnable(kernel, task);
  schedule(kernel, kernel.cpus[0]!);
  return kernel;
}

const kernel = machine();
const fresh = takeSnapshot(kernel);

/** Addresses that mean something, given the kernel; and numbers. */
function value(kernel: Kernel, [kind, offset]: readonly [number, bigint]): bigint {
  const task = [...kernel.tasks.values()][0];
  const bases = [
    0n,
    0x40_0000n,
    0x7fff_ffff_d000n,
    0x8000_0000_0000n,
    0xffff_8880_0000_0000n,
    0xffff_8880_0010_0000n,
    0xffff_ffff_8100_0000n,
    0xffff_ffff_8200_0000n,
    0xffff_c900_0000_1000n,
    0xffff_ffff_c000_0000n,
    kernel.perCpu[0]!.area,
    task?.address ?? 0n,
    task?.stack ?? 0n,
    0xffff_ffff_ffff_f000n,
  ];
  return BigInt.asUintN(64, (bases[kind % bases.length] ?? 0n) + offset);
}

const offset = fc.oneof(fc.bigInt(-8n, 64n), fc.bigInt(0n, 0x4000n), fc.bigInt(-(1n << 63n), (1n << 63n) - 1n));
const place = fc.tuple(fc.nat(13), offset);
const call = fc.record(
  {
    registers: fc.array(place, { minLength: 16, maxLength: 16 }),
    /** bytes written over the per-CPU area, the task's structures, its stack */
    damage: fc.array(fc.tuple(fc.nat(2), fc.nat(0x3fff), fc.uint8Array({ maxLength: 64 })), { maxLength: 3 }),
  },
  { noNullPrototype: true },
);

for (const [id, name] of nativeNames.entries()) {
  test(name, () => {
    const result = fc.check(
      fc.property(call, ({ registers, damage }) => {
        restoreSnapshot(kernel, fresh);
        const cpu = kernel.cpus[0]!;
        const task = [...kernel.tasks.values()][0]!;
        const targets = [kernel.perCpu[0]!.area, task.address, task.stack];
        for (const [target, at, bytes] of damage) {
          writeKernel(kernel, targets[target]! + BigInt(at % perCpuAreaSize), bytes);
        }
        registers.forEach((choice, n) => {
          cpu.slots[n] = value(kernel, choice);
        });
        const { rdi, rsi, rdx, r10, r8, r9 } = cpu.registers;
        task.syscall = { number: 0, args: [rdi, rsi, rdx, r10, r8, r9], overridden: false, texts: [] };
        try {
          createHost(kernel).native(cpu, id);
        } catch (error) {
          if (!isFault(error)) throw error;
        }
      }),
      { numRuns: RUNS, ...seed },
    );
    const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/natives.test.ts`;
    assert.not.ok(
      result.failed,
      `${replay}\n${String((result.errorInstance as Error | null)?.stack)}\n${fc.defaultReportMessage(result)}`,
    );
  });
}

test.run();
