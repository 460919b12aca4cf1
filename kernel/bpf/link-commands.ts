/** BPF_LINK_CREATE and BPF_LINK_DETACH for perf events. */
import { fail } from '../errno.ts';
import { fileOf } from '../fs/files.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { readStructure } from '../layout/read-structure.ts';
import { bpf_attr_link_create } from '../layout/structures.ts';
import type { Task } from '../task.ts';
import type { CommandHandler } from './command.ts';
import { createDeviceLink, deviceHook } from '../net/device-links.ts';
import { giveDescriptor, objectOf, programOf } from './descriptors.ts';
import { createLink, detachLink, putLink } from './links.ts';
import type { PerfEvent } from './types.ts';

/** perf_get_event: EBADF also for a descriptor of another kind */
function eventOf(kernel: Kernel, task: Task, descriptor: number): PerfEvent {
  const file = fileOf(kernel, task, descriptor);
  const event = file.kind === 'perf-event' ? kernel.bpf.events.get(file.object) : undefined;
  return event ?? fail('EBADF');
}

const perfProgramTypes: ReadonlySet<number> = new Set([
  constants.BPF_PROG_TYPE_KPROBE,
  constants.BPF_PROG_TYPE_TRACEPOINT,
  constants.BPF_PROG_TYPE_PERF_EVENT,
]);

export const linkCreate: CommandHandler = ({ kernel, task, attribute }) => {
  const create = readStructure(attribute, bpf_attr_link_create);
  const program = programOf(kernel, task, create.number('prog_fd') | 0);
  const hook = deviceHook(create.number('attach_type'));
  if (hook !== undefined) {
    const made = createDeviceLink(kernel, program, hook, create.number('target_fd'), create.number('flags'));
    return giveDescriptor(kernel, task, 'bpf_link', made.id, putLink);
  }
  if (!perfProgramTypes.has(program.type) || create.number('attach_type') !== constants.BPF_PERF_EVENT) fail('EINVAL');
  if (create.number('flags') !== 0) fail('EINVAL');
  const event = eventOf(kernel, task, create.number('target_fd') | 0);
  const link = createLink(kernel, program, event, create.wide('bpf_cookie'));
  return giveDescriptor(kernel, task, 'bpf_link', link.id, putLink);
};

export const linkDetach: CommandHandler = ({ kernel, task, attribute }) => {
  return detachLink(kernel, objectOf(kernel, task, new DataView(attribute.buffer).getInt32(0, true), 'bpf_link'));
};
