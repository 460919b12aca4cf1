/** Who asks for run_cnt and run_time_ns of programs: descriptors of BPF_ENABLE_STATS, and a sysctl. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { writeKernelU32 } from '../mm/kernel-memory.ts';
import { lookupName } from '../symbols.ts';
import type { CommandHandler } from './command.ts';
import { giveDescriptor } from './descriptors.ts';

const BPF_STATS_RUN_TIME = 0;

/** bpf_stats_enabled_key is what the path that runs programs looks at. */
function publish(kernel: Kernel): void {
  const { users, sysctl } = kernel.bpf.statistics;
  writeKernelU32(kernel, lookupName(kernel.symbols, 'bpf_stats_enabled_key'), users + (sysctl ? 1 : 0));
}

function count(kernel: Kernel, change: number): void {
  kernel.bpf.statistics.users += change;
  publish(kernel);
}

/** The last descriptor of an open file is gone. */
export const disableStats = (kernel: Kernel): void => count(kernel, -1);

export const enableStats: CommandHandler = ({ kernel, task, attribute }) => {
  if (new DataView(attribute.buffer).getUint32(0, true) !== BPF_STATS_RUN_TIME) fail('EINVAL');
  count(kernel, 1);
  return giveDescriptor(kernel, task, 'bpf-stats', 0, disableStats);
};

/** /proc/sys/kernel/bpf_stats_enabled */
export const statisticsText = (kernel: Kernel): string => (kernel.bpf.statistics.sysctl ? '1\n' : '0\n');

/** Writing 0 or 1 to it. EINVAL for the rest. */
export function setStatistics(kernel: Kernel, text: string): void {
  const value = text.trim();
  if (value !== '0' && value !== '1') fail('EINVAL');
  kernel.bpf.statistics.sysctl = value === '1';
  publish(kernel);
}
