/** What perf event and tracepoint programs see, and what tracing programs read out of kernel memory. */
import { structure, type Structure } from './structure.ts';

/** include/linux/perf_event.h: the context of a perf event program. */
export const bpf_perf_event_data_kern = structure(24, [
  ['regs', 'pointer'],
  ['data', 'pointer'],
  ['event', 'pointer'],
]);

/** include/linux/perf_event.h, in its order. */
export const perf_sample_data = structure(128, [
  ['sample_flags', 'u64'],
  ['period', 'u64'],
  ['dyn_size', 'u64'],
  ['type', 'u64'],
  ['pid', 'u32'],
  ['tid', 'u32'],
  ['time', 'u64'],
  ['id', 'u64'],
  ['cpu', 'u32'],
  ['reserved', 'u32'],
  ['ip', 'u64'],
  ['callchain', 'pointer'],
  ['raw', 'pointer'],
  ['stream_id', 'u64'],
  ['cgroup', 'u64'],
  ['addr', 'u64'],
  ['phys_addr', 'u64'],
]);

/** include/uapi/linux/bpf.h */
export const bpf_perf_event_value = structure(24, [
  ['counter', 'u64'],
  ['enabled', 'u64'],
  ['running', 'u64'],
]);

/** include/uapi/linux/seccomp.h */
export const seccomp_data = structure(64, [
  ['nr', 'i32'],
  ['arch', 'u32'],
  ['instruction_pointer', 'u64'],
  ['args', 'u64[6]'],
]);

/** A tracepoint that Rex programs can stand on. */
export interface TracepointContext {
  /** the Rust type of the program's context */
  readonly context: string;
  /** folder below events/ of tracefs */
  readonly category: string;
  /** folder below the category's */
  readonly event: string;
  /** the raw record; the kernel replaces its first 8 bytes by a `struct pt_regs *` before programs run */
  readonly record: Structure;
}

const openFields = [
  ['filename_ptr', 'i64'],
  ['flags', 'i64'],
  ['mode', 'i64'],
] as const;
const enterOpen = structure(40, [['unused', 'u64'], ['syscall_nr', 'i64'], ...openFields]);
const enterOpenat = structure(48, [['unused', 'u64'], ['syscall_nr', 'i64'], ['dfd', 'i64'], ...openFields]);
const exitOpen = structure(24, [
  ['unused', 'u64'],
  ['syscall_nr', 'i64'],
  ['ret', 'i64'],
]);
const enterDup = structure(24, [
  ['unused', 'u64'],
  ['syscall_nr', 'i64'],
  ['fildes', 'u64'],
]);
const rawEnter = structure(64, [
  ['unused', 'u64'],
  ['id', 'i64'],
  ['args', 'u64[6]'],
]);
const rawExit = structure(24, [
  ['unused', 'u64'],
  ['id', 'i64'],
  ['ret', 'i64'],
]);

/** Adding a tracepoint type is adding a row: the Rust context and the attribute's section follow from it. */
// prettier-ignore
export const tracepointContexts: readonly TracepointContext[] = [
  { context: 'SyscallsEnterOpenCtx',   category: 'syscalls',     event: 'sys_enter_open',   record: enterOpen },
  { context: 'SyscallsEnterOpenatCtx', category: 'syscalls',     event: 'sys_enter_openat', record: enterOpenat },
  { context: 'SyscallsExitOpenCtx',    category: 'syscalls',     event: 'sys_exit_open',    record: exitOpen },
  { context: 'SyscallsExitOpenatCtx',  category: 'syscalls',     event: 'sys_exit_openat',  record: exitOpen },
  { context: 'SyscallsEnterDupCtx',    category: 'syscalls',     event: 'sys_enter_dup',    record: enterDup },
  { context: 'RawSyscallsEnterCtx',    category: 'raw_syscalls', event: 'sys_enter',        record: rawEnter },
  { context: 'RawSyscallsExitCtx',     category: 'raw_syscalls', event: 'sys_exit',         record: rawExit },
];

export const tracingStructures = {
  bpf_perf_event_data_kern,
  perf_sample_data,
  bpf_perf_event_value,
  seccomp_data,
} satisfies Record<string, Structure>;
