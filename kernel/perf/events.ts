/** Perf events of the kprobe PMU: one descriptor is one event, and carries at most one program. */
import { fail } from '../errno.ts';
import { holdProgram, putProgram } from '../bpf/programs.ts';
import type { BpfProgram, PerfEvent } from '../bpf/types.ts';
import type { Kernel } from '../kernel.ts';
import { registerKprobe, unregisterKprobe } from '../kprobe/index.ts';
import type { Kprobe } from '../kprobe/types.ts';
import { constants } from '../layout/constants.ts';

/** How perf_event_attr names a probed instruction: a symbol and an offset, or '' and an address. */
export interface ProbeTarget {
  readonly symbol: string;
  readonly offset: bigint;
  readonly address: bigint;
}

/** perf_kprobe_init: a new event, the caller's reference; its probe is armed. Errors: those of `registerKprobe`. */
export function createKprobeEvent(kernel: Kernel, target: ProbeTarget, enabled: boolean): PerfEvent {
  const { bpf } = kernel;
  const id = bpf.next.event;
  const address = registerKprobe(kernel, target, id);
  bpf.next.event++;
  const { symbol, offset } = target;
  const event: PerfEvent = {
    id,
    kind: 'kprobe',
    address,
    symbol,
    offset,
    enabled,
    program: undefined,
    references: 1,
  };
  bpf.events.set(id, event);
  return event;
}

export function holdEvent(event: PerfEvent): PerfEvent {
  event.references++;
  return event;
}

/** put_event: the last reference removes the probe and the program. */
export function putEvent(kernel: Kernel, id: number): void {
  const { bpf } = kernel;
  const event = bpf.events.get(id);
  if (event === undefined || --event.references > 0) return;
  bpf.events.delete(id);
  unregisterKprobe(kernel, event.address, id);
  if (event.program !== undefined) putProgram(kernel, event.program);
}

/** Program types by the kind of event that runs them. */
const programTypes: Readonly<Record<PerfEvent['kind'], number>> = { kprobe: constants.BPF_PROG_TYPE_KPROBE };

/**
 * perf_event_set_bpf_prog: the program runs from now on at every hit, the event being enabled or not.
 * Errors: EINVAL for a program of another type, EEXIST when the event has one.
 */
export function attachProgram(_kernel: Kernel, event: PerfEvent, program: BpfProgram): void {
  if (program.type !== programTypes[event.kind]) fail('EINVAL');
  if (event.program !== undefined) fail('EEXIST');
  event.program = holdProgram(program).id;
}

/** The programs attached to a probe's events, in the order of the events' creation. */
export function programsAt(kernel: Kernel, kprobe: Kprobe): BpfProgram[] {
  const { events, programs } = kernel.bpf;
  const attached: BpfProgram[] = [];
  for (const id of kprobe.events) {
    const program = programs.get(events.get(id)?.program ?? 0);
    if (program !== undefined) attached.push(program);
  }
  return attached;
}
