import type { PerfEvent } from '../perf/types.ts';
import type { MapData } from '../bpf-maps/types.ts';
import type { KeptFile } from '../rex-dispatcher/kept-file.ts';
import type { TcHook } from '../net/types.ts';

export type { PerfEvent } from '../perf/types.ts';

export interface BpfMap {
  readonly id: number;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
  /** guest address of its struct bpf_map: what programs hold */
  readonly address: bigint;
  /** descriptors, programs, pins */
  references: number;
  /** BPF_MAP_FREEZE: no system call changes it any more */
  frozen: boolean;
  /** the map type's own data; values live in guest memory */
  readonly data: MapData;
}

export interface BpfProgram {
  readonly id: number;
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  readonly name: string;
  readonly gplCompatible: boolean;
  /** guest time of the load, ns */
  readonly loadedAt: bigint;
  /** guest address of its struct bpf_prog */
  readonly address: bigint;
  /** guest address of its first instruction; a stub that returns 0 for a base */
  readonly function: bigint;
  /** base program's id, for the programs of a Rex object */
  readonly base: number | undefined;
  /** a base's image in guest memory, and the key of the file it came from: see `keepFile` */
  readonly image: { readonly address: bigint; readonly size: number; readonly file: number | undefined } | undefined;
  /** prog_tag as hexadecimal digits */
  readonly tag: string;
  /** a base's used maps */
  readonly maps: readonly number[];
  readonly loaderPid: number;
  /** guest address of __rex_handle_timeout; 0n for a base */
  readonly timeoutHandler: bigint;
  references: number;
  runs: number;
  misses: number;
  /** run_cnt and run_time_ns: what ran while somebody asked for statistics */
  readonly statistics: { count: number; nanoseconds: number };
}

export interface BpfLink {
  readonly id: number;
  readonly program: number;
  /** perf event's id; 0 for a link to a device */
  readonly event: number;
  /** XDP and TCX: where the program is attached; 0 once that has been ended */
  readonly device: { readonly hook: 'xdp' | TcHook; ifindex: number } | undefined;
  readonly cookie: bigint;
  references: number;
}

export interface BpfState {
  readonly maps: Map<number, BpfMap>;
  /** map ids by the address of their struct bpf_map */
  readonly mapIds: Map<bigint, number>;
  readonly programs: Map<number, BpfProgram>;
  readonly links: Map<number, BpfLink>;
  readonly events: Map<number, PerfEvent>;
  readonly next: { map: number; program: number; link: number; event: number };
  /** the files that images were loaded from, by a hash of their bytes */
  readonly keptFiles: Map<number, KeptFile>;
  /** who asks for run_cnt and run_time_ns: open descriptors of BPF_ENABLE_STATS, kernel.bpf_stats_enabled */
  readonly statistics: { users: number; sysctl: boolean };
  /** task_structs that programs hold, by address; `gone`: the task has been reaped */
  readonly taskReferences: Map<bigint, { count: number; gone: boolean }>;
  /** programs without references that a CPU was still executing: freed later */
  readonly dying: number[];
  /** per CPU: the interrupt flag as bpf_spin_lock found it (irqsave_flags) */
  readonly savedInterruptFlag: boolean[];
  /** entries of the trace buffer without their last newline, oldest first, bounded; trace_pipe consumes them */
  readonly trace: string[];
}
