/** perf_event_open(2): kernel/events/core.c. */
import { giveDescriptor } from '../bpf/descriptors.ts';
import type { PerfEvent } from '../bpf/types.ts';
import { Errno, fail } from '../errno.ts';
import { KPROBE_PMU_TYPE } from '../fs/constants.ts';
import { fileOf } from '../fs/files.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { stringFromUser } from '../mm/user-memory.ts';
import { syscall, type SyscallCall, type SyscallRow } from '../syscalls/types.ts';
import type { Task } from '../task.ts';
import { readPerfAttribute, type PerfAttribute } from './attribute.ts';
import { createKprobeEvent, putEvent } from './events.ts';

/** PERF_FLAG_FD_NO_GROUP, FD_OUTPUT, PID_CGROUP, FD_CLOEXEC */
const FLAGS = 0xfn;
const FLAG_PID_CGROUP = 4n;
/** attr.config of the kprobe PMU: its format/retprobe is `config:0` */
const CONFIG_RETPROBE = 1n;
/** perf_event_attr.disabled */
const ATTRIBUTE_DISABLED = 1n;

/** attr.kprobe_func; '' for a null pointer and for an empty string. Errors: EFAULT, E2BIG for 512 bytes and more. */
function probedSymbol(kernel: Kernel, task: Task, address: bigint): string {
  if (address === 0n) return '';
  try {
    return stringFromUser(kernel, task, address, constants.KSYM_NAME_LEN);
  } catch (error) {
    if (error instanceof Errno && error.code === 'ENAMETOOLONG') fail('E2BIG');
    throw error;
  }
}

/** number_of_same_symbols: ENOENT for none, EADDRNOTAVAIL for a name that does not say which. */
function checkSymbol(kernel: Kernel, symbol: string): void {
  if (!kernel.symbols.byName.has(symbol)) fail('ENOENT');
  if (kernel.symbols.sorted.filter(({ name }) => name === symbol).length > 1) fail('EADDRNOTAVAIL');
}

/** perf_kprobe_event_init: config1 names the function and config2 is the offset, or config2 is the address. */
function openKprobe(kernel: Kernel, task: Task, attribute: PerfAttribute): PerfEvent {
  const config = attribute.wide('config');
  if ((config & ~CONFIG_RETPROBE) !== 0n) fail('EINVAL');
  if (config !== 0n) fail('EOPNOTSUPP');
  const symbol = probedSymbol(kernel, task, attribute.wide('config1'));
  const where = attribute.wide('config2');
  if (symbol !== '') checkSymbol(kernel, symbol);
  const target = symbol === '' ? { symbol, offset: 0n, address: where } : { symbol, offset: where, address: 0n };
  return createKprobeEvent(kernel, target, (attribute.wide('flags') & ATTRIBUTE_DISABLED) === 0n);
}

type EventInit = (kernel: Kernel, task: Task, attribute: PerfAttribute) => PerfEvent;

/** By attr.type; PERF_TYPE_TRACEPOINT has no ids that exist. The rest is ENOENT. */
const eventKinds: ReadonlyMap<number, EventInit> = new Map<number, EventInit>([
  [2, () => fail('EINVAL')],
  [KPROBE_PMU_TYPE, openKprobe],
]);

function perfEventOpen({ kernel, task, args }: SyscallCall): number {
  const [address, pidRegister, cpuRegister, groupRegister, flags] = args;
  const [pid, cpu, group] = [pidRegister, cpuRegister, groupRegister].map((register) =>
    Number(BigInt.asIntN(32, register)),
  ) as [number, number, number];
  if ((flags & ~FLAGS) !== 0n) fail('EINVAL');
  const attribute = readPerfAttribute(kernel, task, address);
  if ((flags & FLAG_PID_CGROUP) !== 0n) fail('EINVAL');
  if (group !== -1) {
    if (fileOf(kernel, task, group).kind !== 'perf-event') fail('EBADF');
    fail('EINVAL');
  }
  if (pid !== -1 && pid !== 0 && !kernel.tasks.has(pid)) fail('ESRCH');
  // a task's event may be on any CPU, and only that
  if (cpu < -1 || cpu >= kernel.cpus.length || (cpu === -1 && pid === -1)) fail('EINVAL');
  const init = eventKinds.get(attribute.number('type')) ?? fail('ENOENT');
  const event = init(kernel, task, attribute);
  const closeOnExec = (flags & BigInt(constants.PERF_FLAG_FD_CLOEXEC)) !== 0n;
  return giveDescriptor(kernel, task, 'perf-event', event.id, putEvent, closeOnExec);
}

/**
 * Errors: EINVAL flags, pid -1 with cpu -1, an unknown cpu; E2BIG, EFAULT the attribute; EBADF group; ESRCH pid; ENOENT
 * no such kind of event or symbol; EADDRNOTAVAIL; EOPNOTSUPP for a return probe; the errors of `registerKprobe`.
 */
export const perfSyscalls: readonly SyscallRow[] = [
  syscall(
    298,
    'perf_event_open',
    ['pointer', 'int', 'int', 'fd', 'hex'],
    perfEventOpen,
    'kprobes only: no return probes, groups, samples or counters',
  ),
];
