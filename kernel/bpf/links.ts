/** The life of perf links: while one exists, its program stays attached. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { attachProgram, holdEvent, putEvent } from '../perf/events.ts';
import { holdProgram, putProgram } from './programs.ts';
import type { BpfLink, BpfProgram, PerfEvent } from './types.ts';

/** bpf_perf_link_attach: a new link, the caller's reference. Errors as `attachProgram`. */
export function createLink(kernel: Kernel, program: BpfProgram, event: PerfEvent, cookie: bigint): BpfLink {
  const { bpf } = kernel;
  attachProgram(kernel, event, program);
  holdProgram(program);
  holdEvent(event);
  const link: BpfLink = { id: bpf.next.link++, program: program.id, event: event.id, cookie, references: 1 };
  bpf.links.set(link.id, link);
  return link;
}

/** bpf_link_put: the last reference detaches the program. */
export function putLink(kernel: Kernel, id: number): void {
  const { bpf } = kernel;
  const link = bpf.links.get(id);
  if (link === undefined || --link.references > 0) return;
  bpf.links.delete(id);
  const event = bpf.events.get(link.event);
  if (event?.program !== undefined) {
    putProgram(kernel, event.program);
    event.program = undefined;
  }
  putEvent(kernel, link.event);
  putProgram(kernel, link.program);
}

/** bpf_link_detach: a perf link cannot be detached without being closed. */
export const detachLink = (): never => fail('EOPNOTSUPP');
