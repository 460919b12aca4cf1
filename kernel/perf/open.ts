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
import { AttributeFlag, SUPPORTED_FLAGS, SUPPORTED_SAMPLES } from './constants.ts';
import { Hardware, MAX_SAMPLE_RATE, Software } from './counting.ts';
import { createCounter, createKprobeEvent, createTracepointEvent, putEvent, type EventScope } from './events.ts';
import type { EventAttributes } from './types.ts';

/** PERF_FLAG_FD_NO_GROUP, FD_OUTPUT, PID_CGROUP, FD_CLOEXEC */
const FLAGS = 0xfn;
const FLAG_PID_CGROUP = 4n;
/** attr.config of the kprobe PMU: its format/retprobe is `config:0` */
const CONFIG_RETPROBE = 1n;
const NSEC_PER_SEC = 1e9;
/** perf_swevent_start_hrtimer: the shortest period of a clock, ns */
const SHORTEST_CLOCK_PERIOD = 10_000;
/** perf_event_attr.sample_period's highest bit is reserved */
const PERIOD_LIMIT = 1n << 63n;

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
  if (kernel.symbols.repeated.has(symbol)) fail('EADDRNOTAVAIL');
}

/** perf_kprobe_event_init: config1 names the function and config2 is the offset, or config2 is the address. */
function openKprobe(kernel: Kernel, task: Task, attribute: PerfAttribute, scope: EventScope): PerfEvent {
  const config = attribute.wide('config');
  if ((config & ~CONFIG_RETPROBE) !== 0n) fail('EINVAL');
  if (config !== 0n) fail('EOPNOTSUPP');
  const symbol = probedSymbol(kernel, task, attribute.wide('config1'));
  const where = attribute.wide('config2');
  if (symbol !== '') checkSymbol(kernel, symbol);
  const target = symbol === '' ? { symbol, offset: 0n, address: where } : { symbol, offset: where, address: 0n };
  const enabled = (attribute.wide('flags') & AttributeFlag.disabled) === 0n;
  return createKprobeEvent(kernel, target, enabled, attributesOf(attribute), scope);
}

function attributesOf(attribute: PerfAttribute): EventAttributes {
  return {
    type: attribute.number('type'),
    config: attribute.wide('config'),
    sampleType: attribute.number('sample_type'),
    readFormat: attribute.number('read_format'),
    flags: attribute.wide('flags'),
    wakeup: attribute.number('wakeup_events'),
  };
}

/** EINVAL for a period or a rate out of bounds; EOPNOTSUPP for what no record of ours has. */
function checkSampling(attribute: PerfAttribute): void {
  const flags = attribute.wide('flags');
  const period = attribute.wide('sample_period');
  if (period >= PERIOD_LIMIT) fail('EINVAL');
  if ((flags & AttributeFlag.frequency) !== 0n && period > BigInt(MAX_SAMPLE_RATE)) fail('EINVAL');
  if ((flags & ~SUPPORTED_FLAGS) !== 0n) fail('EOPNOTSUPP');
  if ((attribute.number('sample_type') & ~SUPPORTED_SAMPLES) !== 0) fail('EOPNOTSUPP');
}

/** Events between samples; 0 for none. `rate`: how many there are in a second, for what is sampled by frequency. */
function periodOf(attribute: PerfAttribute, rate: number): number {
  const given = Number(attribute.wide('sample_period'));
  const byFrequency = (attribute.wide('flags') & AttributeFlag.frequency) !== 0n;
  return byFrequency && given > 0 ? Math.max(1, Math.floor(rate / given)) : given;
}

/** perf_tp_event_init: EINVAL for an id that no tracepoint has. */
const openTracepoint: EventInit = (kernel, _task, attribute, scope) => {
  const id = attribute.wide('config');
  const tracepoint = id < 65536n ? kernel.perf.tracepoints.get(Number(id)) : undefined;
  if (tracepoint === undefined) return fail('EINVAL');
  return createTracepointEvent(kernel, tracepoint, attributesOf(attribute), scope, periodOf(attribute, 1));
};

/** perf_swevent_init; ENOENT for a number that is none. */
const openSoftware: EventInit = (kernel, _task, attribute, scope) => {
  const config = attribute.wide('config');
  if (!softwareEvents.has(config)) fail('ENOENT');
  const clock = config === Software.cpuClock || config === Software.taskClock;
  const period = periodOf(attribute, clock ? NSEC_PER_SEC : 1);
  const shortest = clock && period > 0 ? Math.max(period, SHORTEST_CLOCK_PERIOD) : period;
  return createCounter(kernel, 'software', attributesOf(attribute), scope, shortest);
};

const softwareEvents: ReadonlySet<bigint> = new Set(Object.values(Software));
const hardwareEvents: ReadonlySet<bigint> = new Set(Object.values(Hardware));
const EXCLUDE_MODES = AttributeFlag.excludeUser | AttributeFlag.excludeKernel;

/**
 * Cycles and instructions, which are the same here. ENOENT for other counters, which this processor does not have;
 * EOPNOTSUPP to count one mode alone, as instructions are not told apart by mode.
 */
const openHardware: EventInit = (kernel, _task, attribute, scope) => {
  if (!hardwareEvents.has(attribute.wide('config'))) fail('ENOENT');
  if ((attribute.wide('flags') & EXCLUDE_MODES) !== 0n) fail('EOPNOTSUPP');
  const period = periodOf(attribute, NSEC_PER_SEC);
  return createCounter(kernel, 'hardware', attributesOf(attribute), scope, period);
};

type EventInit = (kernel: Kernel, task: Task, attribute: PerfAttribute, scope: EventScope) => PerfEvent;

/** By attr.type. The rest, PERF_TYPE_HW_CACHE and PERF_TYPE_RAW among it, is ENOENT: nobody counts it. */
const eventKinds: ReadonlyMap<number, EventInit> = new Map<number, EventInit>([
  [constants.PERF_TYPE_HARDWARE, openHardware],
  [constants.PERF_TYPE_SOFTWARE, openSoftware],
  [constants.PERF_TYPE_TRACEPOINT, openTracepoint],
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
  if (attribute.number('type') !== KPROBE_PMU_TYPE) checkSampling(attribute);
  const event = init(kernel, task, attribute, { pid: pid === 0 ? task.pid : pid, cpu });
  const closeOnExec = (flags & BigInt(constants.PERF_FLAG_FD_CLOEXEC)) !== 0n;
  return giveDescriptor(kernel, task, 'perf-event', event.id, putEvent, closeOnExec);
}

/**
 * Errors: EINVAL flags, pid -1 with cpu -1, an unknown cpu; E2BIG, EFAULT the attribute; EBADF group; ESRCH pid; ENOENT
 * no such kind of event or symbol; EADDRNOTAVAIL; EOPNOTSUPP for a return probe and for what samples do not have; the errors of `registerKprobe`.
 */
export const perfSyscalls: readonly SyscallRow[] = [
  syscall(
    298,
    'perf_event_open',
    ['pointer', 'int', 'int', 'fd', 'hex'],
    perfEventOpen,
    'no return probes, groups or side-band records; hardware events are cycles and instructions',
  ),
];
