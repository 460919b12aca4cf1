/** What tracing programs call, entered through kernel text; seccomp, /proc/kprobe_target and run statistics. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createMap } from '../kernel/bpf/maps.ts';
import { stackTraceMap } from '../kernel/bpf-maps/stack-trace.ts';
import { errno } from '../kernel/errno.ts';
import { constants } from '../kernel/layout/constants.ts';
import { bpf_perf_event_data_kern, pt_regs, task_struct } from '../kernel/layout/structures.ts';
import { writeStructure } from '../kernel/layout/write-structure.ts';
import { kernelString, readKernel, readKernelU32, readKernelU64, writeKernel } from '../kernel/mm/kernel-memory.ts';
import { createCounter } from '../kernel/perf/events.ts';
import { createProcess, reapTask } from '../kernel/process.ts';
import { runFilter, checkFilter } from '../kernel/seccomp/filter.ts';
import { attach, call, createKernelMachine, createTestProgram, type KernelMachine } from './support/kernel-machine.ts';
import { createTracingMachine } from './support/tracing-machine.ts';
import { tinyProgram } from './support/tiny-program.ts';

const text = `
	.text
	.globl caller
	.type caller, @function
caller:
	push %rbp
	mov %rsp, %rbp
	call callee
	pop %rbp
	ret
	.size caller, . - caller
	.globl callee
	.type callee, @function
callee:
	push %rbp
	mov %rsp, %rbp
	nop
	pop %rbp
	ret
	.size callee, . - callee
	.globl returns_7
	.type returns_7, @function
returns_7:
	mov $10, %ecx
1:	dec %ecx
	jnz 1b
	mov $7, %eax
	ret
	.size returns_7, . - returns_7
	.bss
	.globl scratch
scratch: .skip 8192
`;

interface Scratch {
  readonly machine: KernelMachine;
  /** puts bytes into kernel memory, one after the other */
  put(bytes: Uint8Array | string): bigint;
}

function scratch(machine: KernelMachine): Scratch {
  let next = machine.address('scratch');
  return {
    machine,
    put(value) {
      const bytes = typeof value === 'string' ? new TextEncoder().encode(`${value}\0`) : value;
      const address = next;
      assert.ok(writeKernel(machine.kernel, address, bytes));
      next += BigInt(bytes.length + 15) & ~15n;
      return address;
    },
  };
}

const words = (...values: bigint[]): Uint8Array =>
  new Uint8Array(BigUint64Array.from(values.map((value) => BigInt.asUintN(64, value))).buffer);
const signed = (value: bigint): number => Number(BigInt.asIntN(64, value));

const shared = createKernelMachine(text);

/** bpf_snprintf's result and what it stored in `room` bytes. */
function snprintf(format: string, values: readonly bigint[], room = 64): { result: number; text: string | undefined } {
  const { put } = scratch(shared);
  const to = put(new Uint8Array(128).fill(0xee));
  const result = call(shared, 'bpf_snprintf', {
    rdi: to,
    rsi: BigInt(room),
    rdx: put(format),
    rcx: values.length === 0 ? 0n : put(words(...values)),
    r8: BigInt(values.length * 8),
  });
  return { result: signed(result), text: room === 0 ? undefined : kernelString(shared.kernel, to, 128) };
}

test('bpf_snprintf formats as the kernel does', () => {
  const { address } = shared;
  const rows: readonly (readonly [format: string, values: bigint[], expected: string])[] = [
    ['plain 100%%', [], 'plain 100%'],
    ['%d %i %u', [-1n, -5n, -1n], '-1 -5 4294967295'],
    ['%ld %lld %lu', [-1n, -2n, -1n], '-1 -2 18446744073709551615'],
    ['%x %X %#x %lx', [0xabcn, 0xabcn, 0xabcn, -1n], 'abc ABC 0xabc ffffffffffffffff'],
    ['[%5d|%-5d|%05d]', [42n, 42n, -42n], '[   42|42   |-0042]'],
    ['%c%c', [0x68n, 0x69n], 'hi'],
    [
      '%ps %pS',
      [address('callee'), address('callee') + 1n],
      `callee callee+0x1/0x${shared.kernel.symbols.byName.get('callee')!.size.toString(16)}`,
    ],
    ['%px', [0x1234n], '0000000000001234'],
    ['%hhd %hu', [0x1ffn, 0x12345n], '-1 9029'],
  ];
  for (const [format, values, expected] of rows) {
    assert.equal(snprintf(format, values), { result: expected.length + 1, text: expected }, format);
  }
});

test('bpf_snprintf: what does not fit is cut, what makes no sense is an errno', () => {
  assert.equal(snprintf('%s', [0n]), { result: 7, text: '(null)' });
  assert.equal(snprintf('abcdef', [], 4), { result: 7, text: 'abc' });
  assert.is(snprintf('abcdef', [], 0).result, 7);
  assert.is(snprintf('%d %d', [1n]).result, -errno.EINVAL);
  assert.is(snprintf('%q', [1n]).result, -errno.EINVAL);
  assert.is(snprintf('\u0007', []).result, -errno.EINVAL);
  assert.is(
    snprintf(
      '%d',
      Array.from({ length: 13 }, () => 1n),
    ).result,
    -errno.EINVAL,
  );
  assert.is(snprintf('%999999999d', [1n]).result, 4097);
  assert.is(signed(call(shared, 'bpf_snprintf', { rdi: 0n, rsi: 8n, rdx: 0n, rcx: 0n, r8: 0n })), -errno.EFAULT);
});

test('bpf_trace_printk and vprintk', () => {
  const { kernel } = shared;
  const { put } = scratch(shared);
  const format = 'pid %d of %s';
  const name = put('nobody');
  const size = BigInt(format.length + 1);
  assert.is(call(shared, 'bpf_trace_printk', { rdi: put(format), rsi: size, rdx: 5n, rcx: name, r8: 0n }), 15n);
  assert.match(kernel.bpf.trace.at(-1)!, /bpf_trace_printk: pid 5 of nobody$/);
  assert.is(signed(call(shared, 'bpf_trace_printk', { rdi: put(format), rsi: 3n, rdx: 5n })), -errno.EINVAL);
  // two arguments in registers' room, the third on the stack
  const list = new Uint8Array(24);
  const view = new DataView(list.buffer);
  view.setUint32(0, 32, true);
  view.setBigUint64(8, put(words(33n)), true);
  view.setBigUint64(16, put(words(0n, 0n, 0n, 0n, 11n, 22n)), true);
  const result = call(shared, 'vprintk', { rdi: put('\u00013%d %d %d\n'), rsi: put(list) });
  assert.is(result, 9n);
  assert.is(kernel.log.at(-1)!.text, '11 22 33');
  assert.is(signed(call(shared, 'vprintk', { rdi: put('%d'), rsi: 8n })), -errno.EFAULT);
});

test("a program's reference keeps a task_struct after the task has gone", () => {
  const { kernel } = shared;
  const task = createProcess(kernel, 'held');
  const field = (name: keyof typeof task_struct.fields): bigint =>
    task.address + BigInt(task_struct.fields[name].offset);
  const get = (): bigint => call(shared, 'bpf_task_from_pid', { rdi: BigInt(task.pid) });
  assert.is(get(), task.address);
  assert.is(get(), task.address);
  assert.is(readKernelU32(kernel, field('rcu_users')), 3);
  reapTask(kernel, task);
  assert.is(get(), 0n);
  assert.is(readKernelU32(kernel, field('pid')), task.pid);
  const blocks = kernel.heap.blocks;
  call(shared, 'bpf_task_release', { rdi: task.address });
  assert.is(kernel.heap.blocks, blocks);
  call(shared, 'bpf_task_release', { rdi: task.address });
  assert.is(kernel.heap.blocks, blocks - 1);
  call(shared, 'bpf_task_release', { rdi: task.address });
  assert.match(kernel.log.at(-1)!.text, /underflow/);
  assert.is(kernel.dead, undefined);
  const current = shared.tasks[0]!;
  assert.is(call(shared, 'bpf_get_current_pid_tgid'), (BigInt(current.tgid) << 32n) | BigInt(current.pid));
});

test('bpf_get_stackid_pe: the kernel stack of the sample, skips, and what there is no stack for', () => {
  const machine = createKernelMachine(text);
  const { kernel } = machine;
  const { put } = scratch(machine);
  const map = createMap(kernel, { type: 7, keySize: 4, valueSize: 64, maxEntries: 16, flags: 0, name: 'stacks' });
  const frame = put(words(0n, 0n));
  const outer = put(words(frame, machine.address('caller') + 9n));
  const regs = (cs: number): bigint =>
    put(writeStructure(pt_regs, { ip: machine.address('callee') + 4n, bp: outer, sp: outer, cs }));
  const context = (cs: number): bigint => put(writeStructure(bpf_perf_event_data_kern, { regs: regs(cs) }));
  const get = (ctx: bigint, flags: bigint, stacks = map.address): number =>
    signed(call(machine, 'bpf_get_stackid_pe', { rdi: ctx, rsi: stacks, rdx: flags }));
  const id = get(context(0x10), 0n);
  assert.ok(id >= 0, `${id}`);
  const key = new Uint8Array(Uint32Array.of(id).buffer);
  const frames = new BigUint64Array(stackTraceMap.read!(kernel, map, key).buffer.slice(0));
  assert.equal([frames[0], frames[1]], [machine.address('callee') + 4n, machine.address('caller') + 9n]);
  assert.is(get(context(0x10), BigInt(constants.BPF_F_FAST_STACK_CMP)), id, 'the same stack, the same id');
  assert.is.not(get(context(0x10), 1n), id, 'without the innermost frame');
  assert.is(get(context(0x10), 200n), -errno.EFAULT, 'nothing left');
  assert.is(get(context(0x33), 0n), -errno.EFAULT, 'user code was interrupted');
  assert.is(get(context(0x10), BigInt(constants.BPF_F_USER_STACK)), -errno.EFAULT, 'the task has no program');
  assert.is(get(context(0x10), 1n << 20n), -errno.EINVAL);
  assert.is(get(context(0x10), 1n << 40n), -errno.EINVAL);
  assert.is(get(context(0x10), 0n, 16n), -errno.EINVAL, 'no map');
  assert.is(get(16n, 0n), -errno.EFAULT, 'no context');
});

test('bpf_perf_prog_read_value: the event of the context, or zeros and an errno', () => {
  const { kernel } = shared;
  const { put } = scratch(shared);
  const attributes = { type: 1, config: 9n, sampleType: 0, readFormat: 0, flags: 0n, wakeup: 0 };
  const event = createCounter(kernel, 'software', attributes, { pid: -1, cpu: 0 }, 0);
  event.count = 42n;
  const context = put(writeStructure(bpf_perf_event_data_kern, { event: event.address }));
  const buffer = put(new Uint8Array(32).fill(0xff));
  const read = (ctx: bigint, size: bigint): number =>
    signed(call(shared, 'bpf_perf_prog_read_value', { rdi: ctx, rsi: buffer, rdx: size }));
  assert.is(read(context, 24n), 0);
  assert.is(readKernelU64(kernel, buffer), 42n);
  assert.is(read(context, 16n), -errno.EINVAL);
  assert.is(readKernelU64(kernel, buffer), 0n);
  assert.is(read(put(words(0n, 0n, 0x1234n)), 24n), -errno.EINVAL);
});

test('bpf_perf_event_output_tp and bpf_perf_event_read_value: every refusal has its errno', () => {
  const { kernel } = shared;
  const { put } = scratch(shared);
  const map = createMap(kernel, { type: 4, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0, name: 'events' });
  const { events } = map.data as unknown as { events: Map<number, { event: number; file: number }> };
  const softwareEvent = (config: bigint, flags: bigint): number => {
    const attributes = { type: 1, config, sampleType: 0x400, readFormat: 0, flags, wakeup: 1 };
    return createCounter(kernel, 'software', attributes, { pid: -1, cpu: 0 }, 1).id;
  };
  const record = put(words(put(writeStructure(pt_regs, {})), 1n));
  const good = { rdi: record, rsi: map.address, rdx: BigInt(constants.BPF_F_CURRENT_CPU), rcx: put(words(1n)), r8: 8n };
  const output = (changed: Partial<typeof good> = {}): number =>
    signed(call(shared, 'bpf_perf_event_output_tp', { ...good, ...changed }));
  assert.is(output({ rsi: 0n }), -errno.EINVAL);
  assert.is(output({ rsi: record }), -errno.EINVAL);
  assert.is(output({ rdx: 1n << 32n }), -errno.EINVAL);
  assert.is(output({ rdx: 5n }), -errno.E2BIG);
  assert.is(output(), -errno.ENOENT);
  events.set(0, { event: softwareEvent(9n, 0n), file: 0 });
  assert.is(output(), -errno.EINVAL, 'a dummy event');
  events.set(0, { event: softwareEvent(10n, 1n), file: 0 });
  assert.is(output(), -errno.EOPNOTSUPP, 'an event that is not on this CPU');
  events.set(0, { event: softwareEvent(10n, 0n), file: 0 });
  assert.is(output(), -errno.ENOSPC, 'nobody has mapped it');
  assert.is(output({ r8: 70_000n }), -errno.E2BIG);
  assert.is(output({ r8: 1n << 63n }), -errno.E2BIG);
  assert.is(output({ rcx: 0x1000n }), -errno.EFAULT);
  assert.is(output({ rdi: 0x1000n }), -errno.EFAULT);

  const buffer = put(new Uint8Array(24));
  const read = (rdi: bigint, rsi: bigint, rcx = 24n): number =>
    signed(call(shared, 'bpf_perf_event_read_value', { rdi, rsi, rdx: buffer, rcx }));
  assert.is(read(map.address, 0n), 0);
  assert.is(read(map.address, 0n, 23n), -errno.EINVAL);
  assert.is(read(map.address, 9n), -errno.E2BIG);
  assert.is(read(map.address, 1n << 40n), -errno.EINVAL);
  assert.is(read(7n, 0n), -errno.EINVAL);
  assert.is(kernel.dead, undefined);
});

test('the helpers of the reference are all there', () => {
  const names = `ktime_get_mono_fast_ns ktime_get_boot_fast_ns bpf_ktime_get_ns bpf_ktime_get_boot_ns bpf_ktime_get_coarse_ns
    get_random_u32 bpf_snprintf vprintk rex_landingpad bpf_spin_lock bpf_spin_unlock just_return_func bpf_get_stackid_pe
    bpf_perf_prog_read_value bpf_perf_event_output_tp bpf_perf_event_read_value bpf_skb_event_output bpf_xdp_event_output
    rex_trace_printk bpf_task_from_pid bpf_task_release bpf_get_current_pid_tgid bpf_trace_printk bpf_probe_read_kernel`;
  for (const name of names.split(/\s+/)) assert.ok(shared.kernel.symbols.byName.has(name), name);
});

test('run statistics: nothing while nobody asks, counts and guest time while somebody does', () => {
  const machine = createKernelMachine(text);
  const { kernel } = machine;
  const program = createTestProgram(machine, 'returns_7');
  Object.assign(program, { statistics: { count: 0, nanoseconds: 0 } });
  attach(machine, program, 'callee');
  call(machine, 'caller');
  assert.equal(program.statistics, { count: 0, nanoseconds: 0 });
  writeKernel(kernel, machine.address('bpf_stats_enabled_key'), Uint8Array.of(1));
  call(machine, 'caller');
  call(machine, 'caller');
  assert.is(program.statistics.count, 2);
  // 23 instructions of the program, a few of the dispatcher
  assert.ok(program.statistics.nanoseconds >= 2 * 23 && program.statistics.nanoseconds < 2 * 80);
  assert.is(program.runs, 3);
});

const LOAD_NR = { code: 0x20, jt: 0, jf: 0, k: 0 };
const ALLOW = { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 };
const errorOf = (body: () => void): string => {
  try {
    body();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test('classic BPF: arithmetic, jumps, memory; and what could run away is refused', () => {
  const data = new Uint8Array(64);
  new DataView(data.buffer).setUint32(0, 32, true);
  const result = (
    ...instructions: readonly (readonly [code: number, k: number, jt?: number, jf?: number])[]
  ): number => {
    const filter = instructions.map(([code, k, jt = 0, jf = 0]) => ({ code, jt, jf, k }));
    checkFilter(filter);
    return runFilter(filter, data) >>> 0;
  };
  assert.is(result([0x20, 0], [0x16, 0]), 32);
  assert.is(result([0x20, 0], [0x04, 0xffff_ffff], [0x16, 0]), 31);
  assert.is(result([0x20, 0], [0x24, 0x1000_0001], [0x16, 0]), 32);
  assert.is(result([0x20, 0], [0x02, 3], [0x61, 3], [0x1c, 0], [0x16, 0]), 0, 'A -= X');
  assert.is(result([0x20, 0], [0x84, 0], [0x16, 0]), 0xffff_ffe0);
  assert.is(result([0x20, 0], [0x15, 32, 1, 0], [0x06, 1], [0x06, 2]), 2);
  assert.is(result([0x01, 0], [0x3c, 0], [0x06, 9]), 0, 'a division by X = 0');
  const refused = (...filter: readonly { code: number; jt: number; jf: number; k: number }[]): string =>
    errorOf(() => checkFilter(filter));
  assert.is(refused(LOAD_NR, ALLOW), 'none');
  assert.is(refused(), 'EINVAL');
  assert.is(refused(LOAD_NR), 'EINVAL');
  assert.is(refused({ ...LOAD_NR, k: 64 }, ALLOW), 'EINVAL');
  assert.is(refused({ ...LOAD_NR, k: 2 }, ALLOW), 'EINVAL');
  assert.is(refused({ code: 0x05, jt: 0, jf: 0, k: 1 }, ALLOW), 'EINVAL');
  assert.is(refused({ code: 0x15, jt: 1, jf: 0, k: 1 }, ALLOW), 'EINVAL');
  assert.is(refused({ code: 0x34, jt: 0, jf: 0, k: 0 }, ALLOW), 'EINVAL');
  assert.is(refused({ code: 0x60, jt: 0, jf: 0, k: 16 }, ALLOW), 'EINVAL');
  assert.is(refused({ code: 0x30, jt: 0, jf: 0, k: 0 }, ALLOW), 'EINVAL');
});

type Filter = readonly (readonly [code: number, jt: number, jf: number, k: number])[];

/** Installs a filter by prctl, then dup(1), getpid(), and exit with dup's result's low byte. */
const filtered = (...filter: Filter): Uint8Array =>
  tinyProgram(
    `
	mov $filter, %eax
	mov %rax, program+8
	mov $22, %edi
	mov $2, %esi
	mov $program, %edx
	mov $157, %eax
	syscall
	test %eax, %eax
	jne 1f
	mov $1, %edi
	mov $32, %eax
	syscall
	mov %eax, %edi
	neg %edi
	jmp 2f
1:	mov $200, %edi
2:	mov $231, %eax
	syscall
	.align 8
filter:
${filter.map(([code, jt, jf, k]) => `\t.short ${code}\n\t.byte ${jt}, ${jf}\n\t.long ${k}\n`).join('')}
	.set program, buffer+64
`.replaceAll('mov %rax, program+8', `mov %rax, program+8\n\tmovw $${filter.length}, program`),
  );

test('seccomp: a filter allows, refuses with an errno, or kills; a kprobe sees its arguments', () => {
  const run = (...filter: Filter): number => {
    const machine = createTracingMachine();
    const task = machine.task(filtered(...filter));
    assert.is(machine.run(task), 'done');
    return task.exitStatus;
  };
  assert.is(run([0x06, 0, 0, 0x7fff_0000]), ((256 - 3) & 0xff) << 8, 'dup is 3');
  const dupIs = (verdict: number): Filter => [
    [0x20, 0, 0, 0],
    [0x15, 0, 1, 32],
    [0x06, 0, 0, verdict],
    [0x06, 0, 0, 0x7fff_0000],
  ];
  assert.is(run(...dupIs(0x5_0000 + 22)), 22 << 8);
  assert.is(run(...dupIs(0x8000_0000)), 31);
  assert.is(run(...dupIs(0)), 31);
  assert.is(run(...dupIs(0x3_0000)), 31, 'SIGSYS');
  assert.is(run([0x30, 0, 0, 0]), 200 << 8, 'refused');

  const machine = createTracingMachine(`
	.text
	.globl see
see:	mov pt_regs_di(%rdi), %rax
	mov pt_regs_si(%rdi), %rcx
	cmp $32, %rax
	jne 1f
	mov %rax, seen(%rip)
	mov seccomp_data_nr(%rcx), %eax
	mov %rax, seen+8(%rip)
	mov seccomp_data_args(%rcx), %rax
	mov %rax, seen+16(%rip)
	mov seccomp_data_arch(%rcx), %eax
	mov %rax, seen+24(%rip)
1:	ret
	.bss
	.globl seen
seen:	.skip 32
`);
  const { kernel } = machine;
  machine.probe('__seccomp_filter', machine.program('see', constants.BPF_PROG_TYPE_KPROBE));
  assert.is(machine.run(machine.task(filtered([0x06, 0, 0, 0x7fff_0000]))), 'done');
  const seen = new BigUint64Array(readKernel(kernel, kernel.symbols.byName.get('seen')!.address, 32)!.buffer);
  assert.equal([...seen], [32n, 32n, 1n, 0xc000_003en]);
});

test('/proc/kprobe_target calls kernel text that can be probed and overridden', () => {
  const machine = createTracingMachine(`
	.text
	.globl override
override:
	movq $77, pt_regs_ax(%rdi)
	lea just_return_func(%rip), %rax
	mov %rax, pt_regs_ip(%rdi)
	xor %eax, %eax
	ret
	.globl nothing
nothing:
	ret
`);
  const program = (request: number): Uint8Array =>
    tinyProgram(`
	mov $path, %edi
	mov $2, %esi
	mov $2, %eax
	syscall
	mov %eax, %edi
	mov $${request}, %esi
	mov $41, %edx
	mov $16, %eax
	syscall
	mov %eax, %edi
	mov $231, %eax
	syscall
path:	.asciz "/proc/kprobe_target"
`);
  const run = (request: number): number => {
    const task = machine.task(program(request));
    assert.is(machine.run(task), 'done');
    return ((task.exitStatus >> 8) << 24) >> 24;
  };
  assert.equal([run(1313), run(1314), run(1315)], [41, 41, -38]);
  const counts = machine.program('nothing', constants.BPF_PROG_TYPE_KPROBE);
  machine.probe('task_pid_vnr', counts);
  assert.is(run(1314), 41);
  assert.is(counts.runs, 1);
  machine.probe('kprobe_target_func', machine.program('override', constants.BPF_PROG_TYPE_KPROBE));
  assert.equal([run(1313), run(1314)], [77, 41]);
});

test.run();
