/** What Rex's documentation promises, and what of it holds here: printed by `--support rex` and as docs/rex-support.md. */

export type FeatureSupport = 'works' | 'note' | 'no';

export interface RexFeature {
  readonly what: string;
  readonly support: FeatureSupport;
  /** for 'note' and 'no': what differs, and why; for 'works' where to look, if that helps */
  readonly note: string;
}

const feature =
  (support: FeatureSupport) =>
  (what: string, note = ''): RexFeature => ({ what, support, note });
const works = feature('works');
const differs = feature('note');
const missing = feature('no');

export interface FeatureGroup {
  readonly title: string;
  readonly features: readonly RexFeature[];
}

// prettier-ignore
export const rexFeatures: readonly FeatureGroup[] = [
  { title: 'Loading', features: [
    differs('ELF64 x86-64 PIE images; others are refused with EINVAL or EIO', 'built by stock rustc and rust-lld with our crate; images of the forked toolchain embed struct offsets of its own kernel build'),
    works('librex: programs by section, maps as 32-byte objects in .maps, __rex_handle_timeout mandatory, RELATIVE and GLOB_DAT relocations only'),
    works('a base object (type 33, NAME.base), then one load for each program of it'),
    differs('segments: aligned, ascending, contiguous, at most 131,072 bytes, W^X, page permissions enforced', 'W+X is refused in every segment (upstream lets some through), bss is zeroed where it is'),
    works('maps are created first, their fd in the image becomes the kernel pointer; at most 63'),
    works('kernel symbols are resolved by name at load; an unknown one refuses the load; there is no allow-list'),
    works('symbols rex_prog_TAG::PATH in /proc/kallsyms and in stack traces, demangled'),
    differs('ids, names and run statistics of programs and maps', 'through bpf(2) and the API; the per-relocation chatter of the load is left out of dmesg'),
    differs('root only, GPL, no verification', 'every process is root here'),
    works('a binary belongs to a kernel build: offsets come from one description, kernel/layout'),
  ] },
  { title: 'Execution', features: [
    works('the dispatcher: six pushes, the CPU\'s 32 KiB stack with the old rsp in its top slot, start time, rex_curr_prog'),
    works('callee-saved registers and rsp restored on return and on panic'),
    works('GS-relative per-CPU variables'),
    works('several CPUs, each with stack, state, log buffer, cleanup array and watchdog of its own'),
    works('the termination state around every wrapped helper'),
    works('statistics: run count and time of each program'),
    works('nested events of tracing programs are skipped and counted', 'a packet that a program sends meets other programs when that one has ended; upstream lets them overwrite each other'),
  ] },
  { title: 'Panics', features: [
    works('any Rust panic ends in cleanup, log, landing pad, and 0 for the kernel'),
    works('the log: text, CPU, call trace with <REX> and <TASK>, demangled'),
    works('cleanups run in ascending order and become invalid; locks and task references are given back'),
    works('SIGSYS to the loader; its links and maps go, pinned ones stay'),
    works('a message that is too long becomes "unknown rust panic"'),
    works('Drop of user types is not run; a ring-buffer reservation leaks'),
    works('a panicking XDP program gives XDP_ABORTED, tc TC_ACT_OK, tracing 0'),
  ] },
  { title: 'Stack and termination', features: [
    works('stack bounds: a static sum of frames, or checks at run time', 'by our ELF tool instead of an LLVM pass: toolchain/stack-safety'),
    works('deep recursion panics with "Stack overflow in Rex program"'),
    works('programs without recursion and indirect calls have no checks; too large frames fail the build'),
    works('the watchdog ends an endless program with "Timeout in Rex program"', 'the period is a boot option'),
    works('a timeout in a helper waits for its return; one in the panic handler is ignored'),
    works('the interrupted instruction pointer is redirected to __rex_handle_timeout, with both warnings in the log'),
    differs('a second lock of a lock that is held spins for ever', 'a CPU that waits for itself is found out and is an oops that says so'),
  ] },
  { title: 'Program types', features: [
    works('kprobes with pt_regs and override_return', 'int3 probes, at any instruction'),
    works('tracepoints of system calls, raw_syscalls and scheduling, with their record layouts'),
    differs('perf events with registers, period, address, counters, stack ids', 'cycles and instructions are instructions retired; hardware cache and raw events do not exist'),
    works('XDP: packet slice, adjust_tail, verdicts, driver and generic mode'),
    works('tc: sk_buff, header helpers, clone_redirect'),
    works('an Err becomes the return value'),
    differs('uprobe sections are kprobe programs', 'there is no attachment to user code'),
    works('attach, detach, pin, unpin; a pinned link outlives its loader'),
  ] },
  { title: 'Maps and helpers', features: [
    works('hash, array, per-CPU array, queue, stack, ring buffer, stack trace, perf event array; errnos and flags'),
    works('values lie in guest memory: a program\'s write is what user space reads'),
    works('ring buffer: headers, busy and discard bits, queries, wake-ups'),
    works('the helpers of Rex; another name refuses the load', 'npx tsx run-sample --support helpers'),
    works('bpf_probe_read_kernel: a fault is EFAULT and zeros'),
    differs('time, random numbers, node and CPU numbers', 'time is instructions, randomness a seed, one node'),
    works('bpf_spin_lock: interrupts off while held'),
    works('TaskStruct, and counted references to tasks'),
    works('trace_pipe lines, [crate::function] prefix, 1023 bytes'),
    works('perf event output from tracepoints to user rings'),
    works('unaligned headers are copied and written back'),
  ] },
  { title: 'Samples and validation', features: [
    works('upstream\'s seventeen samples; its six sanity checks'),
    works('their texts'),
    works('bmc: set, miss, hit by XDP_TX, invalidation, statistics; its map costs what it touches'),
    works('electrode with its default features'),
    works('spinlock_test: a panic under a lock, and life after it'),
    differs('benchmarks', 'what they print is guest time: a nanosecond an instruction'),
    works('syscount'),
    missing('the published measurements', 'see the papers; nothing here measures them'),
  ] },
  { title: 'Building and teaching', features: [
    works('restricted Rust: unsafe, mem::forget, ManuallyDrop, std, alloc, floats are refused at build'),
    works('entries: from macros, or inserted for program objects'),
    missing('a side-by-side table of eBPF and Rex', 'the reference is the paper'),
    differs('upstream\'s quirks', 'kernel/rex-dispatcher/LOADING.md says where the box does better on purpose'),
    works('boot messages of stacks and watchdog'),
    works('trust: whoever loads is trusted, nothing is verified'),
    works('what is simulated: time, interrupts, devices; what is real: every instruction of program, entry and exit'),
  ] },
];

const words: Readonly<Record<FeatureSupport, string>> = { works: 'works', note: 'works, with a note', no: 'not here' };

const section = ({ title, features }: FeatureGroup): string =>
  [
    `## ${title}\n`,
    '| what | here | note |',
    '|---|---|---|',
    ...features.map(({ what, support, note }) => `| ${what} | ${words[support]} | ${note} |`),
    '',
  ].join('\n');

/** The text of docs/rex-support.md. */
export const rexSupportPage = (): string =>
  `# What of Rex works here

Printed from \`command/rex-features.ts\` (\`npx tsx run-sample --support rex\` prints it too). The lists behind it, a row for
each system call, command, helper, map type and instruction: \`npx tsx run-sample --support\`.

${rexFeatures.map(section).join('\n')}`;
