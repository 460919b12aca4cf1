import { constants } from '../../kernel/layout/constants.ts';

/** One kind of Rex program; its entry function is `__rex_entry_<rustType>` of the `rex` crate. */
export interface ProgramType {
  readonly name: string;
  /** enum bpf_prog_type: the object's `rtti` */
  readonly rtti: number;
  readonly rustType: string;
  /** section names behind `rex/`, alone or followed by `/` and what the program attaches to */
  readonly sections: readonly string[];
}

/** Adding a program type is adding a row. */
// prettier-ignore
export const programTypes: readonly ProgramType[] = [
  { name: 'BPF_PROG_TYPE_KPROBE',     rtti: constants.BPF_PROG_TYPE_KPROBE,     rustType: 'kprobe',     sections: ['kprobe', 'uprobe'] },
  { name: 'BPF_PROG_TYPE_SCHED_CLS',  rtti: constants.BPF_PROG_TYPE_SCHED_CLS,  rustType: 'sched_cls',  sections: ['classifier', 'tc'] },
  { name: 'BPF_PROG_TYPE_TRACEPOINT', rtti: constants.BPF_PROG_TYPE_TRACEPOINT, rustType: 'tracepoint', sections: ['tracepoint', 'tp'] },
  { name: 'BPF_PROG_TYPE_XDP',        rtti: constants.BPF_PROG_TYPE_XDP,        rustType: 'xdp',        sections: ['xdp'] },
  { name: 'BPF_PROG_TYPE_PERF_EVENT', rtti: constants.BPF_PROG_TYPE_PERF_EVENT, rustType: 'perf_event', sections: ['perf_event'] },
];

/** True when a program of this type may stand in `section` (`kprobe`, `kprobe/fn`; no `rex/`). */
export function acceptsSection(type: ProgramType, section: string): boolean {
  return type.sections.some((name) => section === name || section.startsWith(`${name}/`));
}

export function entryFunctionName(type: ProgramType): string {
  return `__rex_entry_${type.rustType}`;
}
