/** The longer texts of /proc and tracefs. */
import type { Cpu } from '../../cpu/cpu.ts';
import { featureBits, hasAvx, modelOf, switchable, vendorOf } from '../../cpu/cpuid.ts';
import type { Feature } from '../../cpu/opcodes/row.ts';
import type { Kernel } from '../kernel.ts';
import { freePages } from '../mm/physical.ts';
import { utsname } from '../version.ts';
import { NSEC_PER_SEC } from '../time.ts';

export const versionText = (): string =>
  `${utsname.sysname} version ${utsname.release} (box@${utsname.nodename}) (clang) ${utsname.version}\n`;

/** Kernel and program symbols by address, then the per-CPU templates. */
export function kallsymsText({ symbols }: Kernel): string {
  const absolute = [...symbols.byName.values()].filter(({ kind }) => kind === 'A');
  return [...absolute, ...symbols.sorted]
    .map(({ name, address, kind }) => {
      const module = kind === 't' ? '\t[bpf]' : '';
      return `${address.toString(16).padStart(16, '0')} ${kind} ${name}${module}\n`;
    })
    .join('');
}

export function meminfoText(kernel: Kernel): string {
  const rows: readonly (readonly [string, number])[] = [
    ['MemTotal', kernel.memory.size],
    ['MemFree', freePages(kernel) * 4096],
    ['MemAvailable', freePages(kernel) * 4096],
    ['Buffers', 0],
    ['Cached', kernel.fileSystem.cachedPages * 4096],
    ['SwapTotal', 0],
    ['SwapFree', 0],
  ];
  return rows
    .map(([name, bytes]) => `${`${name}:`.padEnd(16)}${String(Math.floor(bytes / 1024)).padStart(8)} kB\n`)
    .join('');
}

/** Linux's names of features, where they are not the manual's in small letters: arch/x86/include/asm/cpufeatures.h */
const flagNames: Readonly<Partial<Record<Feature, string>>> = {
  SSE3: 'pni',
  'SSE4.1': 'sse4_1',
  'SSE4.2': 'sse4_2',
  CLFSH: 'clflush',
  LAHF64: 'lahf_lm',
  LZCNT: 'abm',
  PREFETCHW: '3dnowprefetch',
  SHA: 'sha_ni',
};
/** As cpu/cpuid.ts tells it. */
function flagsText(cpu: Cpu): string {
  const features = (Object.keys(featureBits) as Feature[]).filter((name) => hasAvx(cpu) || !switchable.has(name));
  return [
    'de',
    'pae',
    'nx',
    'lm',
    'smep',
    'erms',
    ...features.map((name) => flagNames[name] ?? name.toLowerCase()),
  ].join(' ');
}

export function cpuinfoText({ cpus }: Kernel): string {
  return cpus
    .map((cpu) =>
      [
        ['processor', cpu.index],
        ['vendor_id', vendorOf(cpu)],
        ['cpu family', modelOf(cpu).family],
        ['model', modelOf(cpu).model],
        ['model name', 'kernel-in-a-box x86-64'],
        ['stepping', 0],
        ['cpu MHz', '1000.000'],
        ['cpu cores', cpus.length],
        ['flags', flagsText(cpu)],
        ['address sizes', '40 bits physical, 48 bits virtual'],
      ]
        .map(([name, value]) => `${name}${String(name).length < 8 ? '\t\t' : '\t'}: ${value}\n`)
        .join(''),
    )
    .map((text) => `${text}\n`)
    .join('');
}

/** ns as seconds with two digits after the point */
const seconds = (time: bigint): string => `${time / NSEC_PER_SEC}.${`${(time / 10_000_000n) % 100n}`.padStart(2, '0')}`;

/** Seconds since boot, and seconds idle, which nobody counts. */
export const uptimeText = (kernel: Kernel): string => `${seconds(kernel.roundStart)} 0.00\n`;

/** Numbers of the CPUs, as /sys/devices/system/cpu lists them. */
export const cpuListText = ({ cpus }: Kernel): string => (cpus.length === 1 ? '0\n' : `0-${cpus.length - 1}\n`);

/** kernel/trace/trace.c's header of `trace`. */
export function traceText({ bpf, cpus }: Kernel): string {
  const count = bpf.trace.length;
  return `# tracer: nop
#
# entries-in-buffer/entries-written: ${count}/${count}   #P:${cpus.length}
#
#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
${bpf.trace.map((line) => `${line}\n`).join('')}`;
}

/** Names of the functions that a kprobe can be put on. */
export const functionsText = ({ symbols }: Kernel): string =>
  symbols.sorted
    .filter(({ kind }) => kind === 'T')
    .map(({ name }) => `${name}\n`)
    .join('');
