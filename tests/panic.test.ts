// Rust panics in a real extension: the hook returns 0, the cleanup has run, the log says what happened, the loader dies of
// SIGSYS, and the kernel and the same process go on.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Box } from '../index.ts';
import { constants } from '../kernel/layout/constants.ts';
import { rex_cleanup_entry } from '../kernel/layout/structures.ts';
import { readKernel } from '../kernel/mm/kernel-memory.ts';
import { perCpuAddress, readPerCpu } from '../kernel/per-cpu.ts';
import { bootSample } from './support/samples.ts';
import { readRepositoryFile } from './support/user-machine.ts';

/** The loader's word for each panic, its number in the map, and what the message says. */
const panics: readonly (readonly [action: string, number: number, message: RegExp])[] = [
  ['index', 1, /^index out of bounds: the len is 12 but the index is \d+$/],
  ['unwrap', 2, /^called `Option::unwrap\(\)` on a `None` value$/],
  ['panic', 3, /^pid \d+ asked for it, call 1$/],
  ['divide', 4, /^attempt to divide by zero$/],
  ['lock', 5, /^pid \d+ panics while it holds the lock$/],
];

const texts = (box: Box): string[] => box.kernel.log.map(({ text }) => text);

function checkLog(box: Box, message: RegExp): void {
  const lines = texts(box);
  const first = lines.findIndex((line) => /^rex: panicked at samples\/panic\/main\.rs:\d+:\d+:$/.test(line));
  assert.ok(first >= 0, lines.join('\n'));
  assert.match(lines[first + 1]!, message);
  const section = (from: string, to: string): string[] => {
    const start = lines.indexOf(from, first);
    return lines.slice(start + 1, lines.indexOf(to, start)).map((line) => line.trim());
  };
  const rex = section(' <REX>', ' </REX>');
  const names = rex.map((line) =>
    line.replace(/^rex_prog_[0-9a-f]{16}::/, '').replace(/\+0x[0-9a-f]+\/0x[0-9a-f]+$/, ''),
  );
  assert.equal(names.slice(0, 3), ['dump_stack_lvl', 'rex_landingpad', '__rustc::rust_begin_unwind']);
  assert.ok(names.includes('panic::panicker') && names.includes('panicker'), names.join(' '));
  assert.is(names.at(-1), 'rex_dispatcher_func');
  const task = section(' <TASK>', ' </TASK>');
  for (const name of ['trace_call_bpf', '__x64_sys_dup', 'do_syscall_64', 'entry_SYSCALL_64_after_hwframe']) {
    assert.ok(
      task.some((line) => line.startsWith(`${name}+0x`)),
      `${name} in\n${task.join('\n')}`,
    );
  }
}

/** Nothing of a program is left on any CPU. */
function checkPerCpu({ kernel }: Box): void {
  for (const { index } of kernel.cpus) {
    assert.is(readPerCpu(kernel, index, 'rex_curr_prog'), 0n);
    assert.is(readPerCpu(kernel, index, 'rex_termination_state') & 0xffn, 0n);
    assert.is(readPerCpu(kernel, index, 'bpf_prog_active') & 0xffff_ffffn, 0n);
    const entries = perCpuAddress(kernel, index, 'rex_cleanup_entries');
    for (let n = 0; n < constants.REX_CLEANUP_ENTRIES; n++) {
      const valid = readKernel(kernel, entries + BigInt(n * rex_cleanup_entry.size), 8)!;
      assert.ok(
        valid.every((byte) => byte === 0),
        `cleanup entry ${n}`,
      );
    }
  }
}

for (const cpus of [1, 2]) {
  for (const [action, , message] of panics) {
    test(`${action}, attached by a loader, ${cpus} CPU${cpus === 1 ? '' : 's'}`, async () => {
      const { box, process } = await bootSample('panic', [action], { cpus });
      const { exitCode, stdout, stderr, reason } = box.run({ until: process });
      assert.equal([reason, exitCode, stderr.text], ['exited', 0, '']);
      assert.is(
        stdout.text,
        'userapp: dup: success\nuserapp: still running\n' +
          'loader: killed by signal 31 (Bad system call)\n' +
          'userapp: dup: success\nuserapp: still running\n',
      );
      checkLog(box, message);
      checkPerCpu(box);
      assert.is(box.kernel.bpf.maps.size, 0, "the loader's maps are gone with it");
      assert.is(box.kernel.kprobes.probes.size, 0, 'and so is its probe');
    });
  }
}

for (const [action, number, message] of panics) {
  test(`${action}, twice by one process, attached for good`, async () => {
    const box = await Box.boot();
    box.files.write('/userapp', readRepositoryFile('samples/panic/userapp'));
    const extension = box.rex.load(readRepositoryFile('samples/panic/panic.rex'));
    extension.program('panicker').attachKsyscall('dup');
    for (let call = 1n; call <= 2n; call++) {
      const process = box.spawn('/userapp');
      extension.map('pid_to_action').update(process.pid, number);
      box.kernel.log.length = 0;
      const { exitCode, stdout } = box.run({ until: process });
      assert.equal([exitCode, stdout.text], [0, 'userapp: dup: success\nuserapp: still running\n']);
      checkLog(box, number === 3 ? /^pid \d+ asked for it, call \d$/ : message);
      checkPerCpu(box);
      assert.is(extension.map('invocations').lookupNumber(0), call);
      const account = new DataView(extension.map('account').lookup(0)!.slice().buffer);
      assert.is(account.getUint32(0, true), 0, 'the lock is free again');
      assert.is(account.getInt32(4, true), number === 5 ? process.pid : 0, 'what was written before the panic stays');
    }
  });
}

test('no panic: the program runs, prints, and returns 0', async () => {
  const box = await Box.boot();
  box.files.write('/userapp', readRepositoryFile('samples/panic/userapp'));
  const extension = box.rex.load(readRepositoryFile('samples/panic/panic.rex'));
  extension.program('panicker').attachKsyscall('dup');
  const process = box.spawn('/userapp');
  extension.map('pid_to_action').update(process.pid, 0);
  assert.is(box.run({ until: process }).exitCode, 0);
  assert.match(box.tracePipe.join('\n'), /bpf_trace_printk: \[panic::panicker\] pid \d+: no panic in call 1/);
  assert.not.ok(texts(box).some((line) => line.includes('panicked')));
});

test.run();
