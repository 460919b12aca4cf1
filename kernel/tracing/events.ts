/** The tracepoints of the kernel: what is recorded at each, and how tracefs describes it. */
import type { SyscallRow } from '../syscalls/types.ts';
import { syscallArguments } from './syscall-arguments.ts';

export interface TraceField {
  /** as C declares it, without the semicolon */
  readonly declaration: string;
  /** bytes from the start of the record */
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

/** What the kernel knows of a tracepoint at run time. */
export interface Tracepoint {
  /** /sys/kernel/tracing/events/CATEGORY/NAME */
  readonly category: string;
  readonly name: string;
  /** never changes: fixed, or computed from the system call's number */
  readonly id: number;
  /** its struct trace_event_call in kernel data */
  readonly symbol: string;
  /** bytes of a record */
  readonly size: number;
  /** text of its format file */
  readonly format: string;
}

interface Layout {
  /** after the common ones */
  readonly fields: readonly TraceField[];
  readonly size: number;
}

type Column = readonly [declaration: string, size: number, signed: boolean];

/** bytes of struct trace_entry */
export const HEADER = 8;
const TASK_COMM_LEN = 16;

/** Fields one after the other behind the header, each at a multiple of `alignment(size)`. */
function place(columns: readonly Column[], spacing: (size: number) => number): Layout {
  const fields: TraceField[] = [];
  let end = HEADER;
  for (const [declaration, size, signed] of columns) {
    const unit = spacing(size);
    const offset = Math.ceil(end / unit) * unit;
    fields.push({ declaration, offset, size, signed });
    end = offset + size;
  }
  return { fields, size: Math.ceil(end / 8) * 8 };
}

const natural = (size: number): number => (size > 8 ? 1 : size);
const words = (): number => 8;

type Identity = Pick<Tracepoint, 'category' | 'name' | 'id' | 'symbol'>;

const line = ({ declaration, offset, size, signed }: TraceField): string =>
  `\tfield:${declaration};\toffset:${offset};\tsize:${size};\tsigned:${signed ? 1 : 0};\n`;

/** struct trace_entry */
const common: readonly TraceField[] = [
  { declaration: 'unsigned short common_type', offset: 0, size: 2, signed: false },
  { declaration: 'unsigned char common_flags', offset: 2, size: 1, signed: false },
  { declaration: 'unsigned char common_preempt_count', offset: 3, size: 1, signed: false },
  { declaration: 'int common_pid', offset: 4, size: 4, signed: true },
];

/** `print`: what follows `print fmt: ` */
function tracepoint(identity: Identity, { fields, size }: Layout, print: string): Tracepoint {
  const { name, id } = identity;
  const lines = `${common.map(line).join('')}\n${fields.map(line).join('')}`;
  return { ...identity, size, format: `name: ${name}\nID: ${id}\nformat:\n${lines}\nprint fmt: ${print}\n` };
}

function event(category: string, name: string, id: number, columns: readonly Column[], print: string): Tracepoint {
  return tracepoint({ category, name, id, symbol: `event_${name}` }, place(columns, natural), print);
}

const comm = (name: string): Column => [`char ${name}[${TASK_COMM_LEN}]`, TASK_COMM_LEN, false];
const int = (name: string): Column => [`int ${name}`, 4, true];
const pid = (name: string): Column => [`pid_t ${name}`, 4, true];
const long = (name: string): Column => [`long ${name}`, 8, true];

const switchFields = [
  comm('prev_comm'),
  pid('prev_pid'),
  int('prev_prio'),
  long('prev_state'),
  comm('next_comm'),
  pid('next_pid'),
  int('next_prio'),
];
const forkFields = [comm('parent_comm'), pid('parent_pid'), comm('child_comm'), pid('child_pid')];
const execFields: Column[] = [['__data_loc char[] filename', 4, false], pid('pid'), pid('old_pid')];
const exitFields = [comm('comm'), pid('pid'), int('prio')];
const wakeupFields = [comm('comm'), pid('pid'), int('prio'), int('target_cpu')];
const rawEnterFields: Column[] = [long('id'), ['unsigned long args[6]', 48, false]];

const quoted = (format: string, ...names: string[]): string =>
  `"${format}"${names.map((name) => `, REC->${name}`).join('')}`;

// prettier-ignore
/** include/trace/events/{syscalls,sched}.h */
export const fixedTracepoints: readonly Tracepoint[] = [
  event('raw_syscalls', 'sys_enter',          21, rawEnterFields,           '"NR %ld (%lx, %lx, %lx, %lx, %lx, %lx)", REC->id, REC->args[0], REC->args[1], REC->args[2], REC->args[3], REC->args[4], REC->args[5]'),
  event('raw_syscalls', 'sys_exit',           22, [long('id'), long('ret')], quoted('NR %ld = %ld', 'id', 'ret')),
  event('sched',        'sched_switch',       31, switchFields,             quoted('prev_comm=%s prev_pid=%d prev_prio=%d prev_state=%ld ==> next_comm=%s next_pid=%d next_prio=%d', 'prev_comm', 'prev_pid', 'prev_prio', 'prev_state', 'next_comm', 'next_pid', 'next_prio')),
  event('sched',        'sched_process_fork', 32, forkFields,               quoted('comm=%s pid=%d child_comm=%s child_pid=%d', 'parent_comm', 'parent_pid', 'child_comm', 'child_pid')),
  event('sched',        'sched_process_exec', 33, execFields,               '"filename=%s pid=%d old_pid=%d", __get_str(filename), REC->pid, REC->old_pid'),
  event('sched',        'sched_process_exit', 34, exitFields,               quoted('comm=%s pid=%d prio=%d', 'comm', 'pid', 'prio')),
  event('sched',        'sched_wakeup',       35, wakeupFields,             quoted('comm=%s pid=%d prio=%d target_cpu=%03d', 'comm', 'pid', 'prio', 'target_cpu')),
];

/** ids from here on are system calls': two a number */
const FIRST_SYSCALL_ID = 512;

const enterColumns = (row: SyscallRow): Column[] => [
  int('__syscall_nr'),
  ...syscallArguments(row).map((declaration): Column => [declaration, 8, false]),
];

/** SYSCALL_METADATA: `sys_enter_NAME` and `sys_exit_NAME` of one system call. */
export function syscallTracepoints(row: SyscallRow): readonly [enter: Tracepoint, exit: Tracepoint] {
  const id = FIRST_SYSCALL_ID + row.number * 2;
  const category = 'syscalls';
  const enter = place(enterColumns(row), words);
  const exit = place([int('__syscall_nr'), long('ret')], words);
  const names = syscallArguments(row).map((declaration) => declaration.split(/[ *]/).at(-1)!);
  const list = names.map((name) => `${name}: 0x%08lx`).join(', ');
  const values = names.map((name) => `, ((unsigned long)(REC->${name}))`).join('');
  return [
    tracepoint(
      { category, name: `sys_enter_${row.name}`, id, symbol: `event_enter__${row.name}` },
      enter,
      `"${list}"${values}`,
    ),
    tracepoint(
      { category, name: `sys_exit_${row.name}`, id: id + 1, symbol: `event_exit__${row.name}` },
      exit,
      '"0x%lx", REC->ret',
    ),
  ];
}

/** All of them for a kernel with these system calls, in the order of their ids. */
export function tracepointsOf(rows: readonly SyscallRow[]): readonly Tracepoint[] {
  return [...fixedTracepoints, ...rows.flatMap(syscallTracepoints)].toSorted((left, right) => left.id - right.id);
}
