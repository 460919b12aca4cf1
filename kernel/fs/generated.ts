/** The files whose text is made when they are opened: one row each, `<pid>` standing for a task. */
import type { Kernel } from '../kernel.ts';
import { setStatistics, statisticsText } from '../bpf/statistics.ts';
import { setComm } from '../process.ts';
import { availableEventsText, eventRow } from '../tracing/event-rows.ts';
import type { Task } from '../task.ts';
import { KPROBE_TARGET, kprobeTarget } from '../tracing/kprobe-target-file.ts';
import { utsname } from '../version.ts';
import { guestText, hostText } from './bytes.ts';
import { KPROBE_PMU_TYPE } from './constants.ts';
import {
  cpuinfoText,
  cpuListText,
  functionsText,
  kallsymsText,
  meminfoText,
  traceText,
  uptimeText,
  versionText,
} from './system-texts.ts';
import { mapsText, statText, statusText } from './task-texts.ts';
import { tracePipe } from './trace-pipe.ts';
import type { FileOperations } from './types.ts';

export interface SystemRow {
  readonly path: string;
  readonly mode: number;
  readonly text: (kernel: Kernel) => string;
  /** opening it with O_TRUNC; a row with neither this nor `write` cannot be opened for writing */
  readonly truncate?: (kernel: Kernel) => void;
  /** what write(2) does; EINVAL */
  readonly write?: (kernel: Kernel, text: string) => void;
  /** takes the place of reading `text` */
  readonly operations?: FileOperations;
}

export interface TaskRow {
  readonly path: string;
  readonly mode: number;
  readonly text: (kernel: Kernel, subject: Task) => string;
  readonly write?: (kernel: Kernel, subject: Task, text: string) => void;
}

function writeComm(kernel: Kernel, subject: Task, text: string): void {
  setComm(kernel, subject, hostText(text.replace(/[\n\0][^]*$/, '')));
}

function clearTrace(kernel: Kernel): void {
  kernel.bpf.trace.length = 0;
}

const pmu = '/sys/bus/event_source/devices';
const tracing = '/sys/kernel/tracing';

// prettier-ignore
export const systemRows: readonly SystemRow[] = [
  { path: '/proc/cpuinfo',                           mode: 0o444, text: cpuinfoText },
  { path: '/proc/filesystems',                       mode: 0o444, text: () => 'nodev\tramfs\nnodev\tproc\nnodev\tsysfs\nnodev\ttracefs\n' },
  { path: '/proc/kallsyms',                          mode: 0o444, text: kallsymsText },
  { path: KPROBE_TARGET,                             mode: 0o600, text: () => '', operations: kprobeTarget },
  { path: '/proc/meminfo',                           mode: 0o444, text: meminfoText },
  { path: '/proc/uptime',                            mode: 0o444, text: uptimeText },
  { path: '/proc/version',                           mode: 0o444, text: versionText },
  { path: '/proc/sys/kernel/bpf_stats_enabled',      mode: 0o644, text: (kernel) => statisticsText(kernel), write: (kernel, text) => setStatistics(kernel, text) },
  { path: '/proc/sys/kernel/hostname',               mode: 0o444, text: () => `${utsname.nodename}\n` },
  { path: '/proc/sys/kernel/kptr_restrict',          mode: 0o444, text: () => '0\n' },
  { path: '/proc/sys/kernel/osrelease',              mode: 0o444, text: () => `${utsname.release}\n` },
  { path: '/proc/sys/kernel/ostype',                 mode: 0o444, text: () => `${utsname.sysname}\n` },
  { path: '/proc/sys/kernel/perf_event_paranoid',    mode: 0o444, text: () => '-1\n' },
  { path: `${pmu}/kprobe/type`,                      mode: 0o444, text: () => `${KPROBE_PMU_TYPE}\n` },
  { path: `${pmu}/kprobe/format/retprobe`,           mode: 0o444, text: () => 'config:0\n' },
  { path: '/sys/devices/system/cpu/online',          mode: 0o444, text: cpuListText },
  { path: '/sys/devices/system/cpu/possible',        mode: 0o444, text: cpuListText },
  { path: `${tracing}/available_events`,             mode: 0o444, text: availableEventsText },
  { path: `${tracing}/available_filter_functions`,   mode: 0o444, text: functionsText },
  { path: `${tracing}/available_tracers`,            mode: 0o444, text: () => 'nop\n' },
  { path: `${tracing}/current_tracer`,               mode: 0o444, text: () => 'nop\n' },
  { path: `${tracing}/trace`,                        mode: 0o640, text: traceText, truncate: clearTrace },
  { path: `${tracing}/trace_pipe`,                   mode: 0o440, text: () => '', operations: tracePipe },
  { path: `${tracing}/tracing_on`,                   mode: 0o444, text: () => '1\n' },
];

// prettier-ignore
export const taskRows: readonly TaskRow[] = [
  { path: '/proc/<pid>/cmdline', mode: 0o444, text: (_, { executable }) => (executable === '' ? '' : `${executable}\0`) },
  { path: '/proc/<pid>/comm',    mode: 0o644, text: (_, { comm }) => `${guestText(comm)}\n`, write: writeComm },
  { path: '/proc/<pid>/maps',    mode: 0o444, text: mapsText },
  { path: '/proc/<pid>/stat',    mode: 0o444, text: statText },
  { path: '/proc/<pid>/status',  mode: 0o444, text: statusText },
];

const byPath = new Map<string, SystemRow>(systemRows.map((row) => [row.path, row]));
const taskByPath = new Map<string, TaskRow>(taskRows.map((row) => [row.path, row]));

/** The row that the `driver` of a generated inode names. */
export const systemRow = (driver: string): SystemRow | undefined => byPath.get(driver) ?? eventRow(driver);
export const taskRow = (driver: string): TaskRow | undefined => taskByPath.get(driver);
