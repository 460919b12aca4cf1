/** The life of links: while one exists, its program stays attached. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { charging, unchargeObject } from '../mm/objects.ts';
import { endDeviceLink } from '../net/device-links.ts';
import { attachProgram, detachProgram, holdEvent, putEvent } from '../perf/events.ts';
import { holdProgram, putProgram } from './programs.ts';
import type { BpfLink, BpfProgram, PerfEvent } from './types.ts';

/** bpf_perf_link_attach: a new link, the caller's reference. Errors as `attachProgram`. */
export function createLink(kernel: Kernel, program: BpfProgram, event: PerfEvent, cookie: bigint): BpfLink {
  const { bpf } = kernel;
  charging(kernel, 'link', () => attachProgram(kernel, event, program));
  holdProgram(program);
  holdEvent(event);
  const link: BpfLink = {
    id: bpf.next.link++,
    program: program.id,
    event: event.id,
    device: undefined,
    cookie,
    references: 1,
  };
  bpf.links.set(link.id, link);
  return link;
}

/** bpf_link_put: the last reference detaches the program. */
export function putLink(kernel: Kernel, id: number): void {
  const { bpf } = kernel;
  const link = bpf.links.get(id);
  if (link === undefined || --link.references > 0) return;
  bpf.links.delete(id);
  unchargeObject(kernel, 'link');
  if (link.device !== undefined) endDeviceLink(kernel, link);
  const event = bpf.events.get(link.event);
  if (event !== undefined) detachProgram(kernel, event);
  putEvent(kernel, link.event);
  putProgram(kernel, link.program);
}

/** bpf_link_detach: a perf link cannot be detached without being closed; a device's link stays without effect. */
export function detachLink(kernel: Kernel, id: number): number {
  const link = kernel.bpf.links.get(id);
  if (link?.device === undefined) return fail('EOPNOTSUPP');
  endDeviceLink(kernel, link);
  return 0;
}
