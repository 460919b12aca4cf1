/** Links of programs to devices: bpf_xdp_link_attach and tcx_link_attach. While one exists its program stays attached. */
import { holdProgram } from '../bpf/programs.ts';
import type { BpfLink, BpfProgram } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import { charging } from '../mm/objects.ts';
import type { Kernel } from '../kernel.ts';
import { addFilter, removeTcxLink } from './tc.ts';
import { attachXdp, detachXdpLink } from './xdp.ts';

type Hook = NonNullable<BpfLink['device']>['hook'];

/** enum bpf_attach_type */
export const deviceAttachType: Readonly<Record<Hook, number>> = { xdp: 37, ingress: 46, egress: 47 };

export function deviceHook(attachType: number): Hook | undefined {
  return (Object.keys(deviceAttachType) as Hook[]).find((hook) => deviceAttachType[hook] === attachType);
}

/** A new link, the caller's reference. `flags`: XDP_FLAGS_*, for TCX 0. ENODEV; see `attachXdp` and `addFilter`. */
export function createDeviceLink(
  kernel: Kernel,
  program: BpfProgram,
  hook: Hook,
  ifindex: number,
  flags: number,
): BpfLink {
  const { bpf } = kernel;
  const device = kernel.net.devices.get(ifindex) ?? fail('ENODEV');
  const id = bpf.next.link;
  charging(kernel, 'link', () => {
    if (hook === 'xdp') return attachXdp(kernel, device, { program, flags, link: id });
    // no order of programs but that of their links
    if (flags !== 0) fail('EINVAL');
    addFilter(kernel, device, hook, { program, link: id, directAction: true });
  });
  bpf.next.link++;
  holdProgram(program);
  const link: BpfLink = { id, program: program.id, event: 0, device: { hook, ifindex }, cookie: 0n, references: 1 };
  bpf.links.set(id, link);
  return link;
}

/** The program runs no more; the link keeps its reference to it. */
export function endDeviceLink(kernel: Kernel, link: BpfLink): void {
  if (link.device === undefined || link.device.ifindex === 0) return;
  if (link.device.hook === 'xdp') detachXdpLink(kernel, link.id);
  else removeTcxLink(kernel, link.id);
  link.device.ifindex = 0;
}
