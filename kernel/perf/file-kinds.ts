/** What can be done with a perf event's descriptor: ioctl(2) as perf_ioctl, one row a request. */
import { programOf } from '../bpf/descriptors.ts';
import type { PerfEvent } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import type { FileKind, FileOperations } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import type { Task } from '../task.ts';
import { attachProgram, putEvent } from './events.ts';

type Request = (kernel: Kernel, task: Task, event: PerfEvent, argument: bigint) => void;

const setEnabled =
  (enabled: boolean): Request =>
  (_kernel, _task, event) => {
    event.enabled = enabled;
  };

const requests: ReadonlyMap<number, Request> = new Map([
  [constants.PERF_EVENT_IOC_ENABLE, setEnabled(true)],
  [constants.PERF_EVENT_IOC_DISABLE, setEnabled(false)],
  [
    constants.PERF_EVENT_IOC_SET_BPF,
    (kernel, task, event, argument) =>
      attachProgram(kernel, event, programOf(kernel, task, Number(BigInt.asIntN(32, argument)))),
  ],
] as const satisfies readonly (readonly [number, Request])[]);

/** SET_BPF: EBADF, EINVAL, EEXIST. Other requests: ENOTTY. */
export const perfFileKinds: Readonly<Partial<Record<FileKind, FileOperations>>> = {
  'perf-event': {
    ioctl(kernel, task, file, request, argument) {
      const perform = requests.get(request) ?? fail('ENOTTY');
      perform(kernel, task, kernel.bpf.events.get(file.object) ?? fail('EBADF'), argument);
      return 0;
    },
    release: (kernel, file) => putEvent(kernel, file.object),
  },
};
