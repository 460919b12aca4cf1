/** What can be done with a perf event's descriptor: reading, mapping, waiting, and ioctl(2) as perf_ioctl, one row a request. */
import { programOf } from '../bpf/descriptors.ts';
import type { PerfEvent } from '../bpf/types.ts';
import { fail } from '../errno.ts';
import { Poll, POLL_READABLE } from '../fs/constants.ts';
import { fileOf } from '../fs/files.ts';
import type { FileKind, FileOperations, MmapOperations, OpenFile } from '../fs/types.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { readUserU64, writeUserU64 } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import { resetCounter, setPeriod } from './counting.ts';
import { attachProgram, putEvent, setEnabled } from './events.ts';
import { readValues } from './output.ts';
import { isReadable, mapRing, ringChannel, unmapRing } from './ring-buffer.ts';

type Request = (kernel: Kernel, task: Task, event: PerfEvent, argument: bigint) => void;

const descriptorOf = (argument: bigint): number => Number(BigInt.asIntN(32, argument));

/** The other event of the same task or CPU whose ring takes this one's records from now on; -1: none. */
const setOutput: Request = (kernel, task, event, argument) => {
  let ring: number | undefined;
  if (descriptorOf(argument) !== -1) {
    const file = fileOf(kernel, task, descriptorOf(argument));
    const other = file.kind === 'perf-event' ? kernel.bpf.events.get(file.object) : undefined;
    if (other === undefined) return fail('EBADF');
    if (other === event || other.cpu !== event.cpu || (event.cpu === -1 && other.pid !== event.pid)) fail('EINVAL');
    ring = other.ring;
  }
  // an event with mappings of its own keeps its ring
  if (event.ring !== undefined && (kernel.perf.rings.get(event.ring)?.event ?? 0) === event.id) fail('EINVAL');
  event.ring = ring;
};

const changePeriod: Request = (kernel, task, event, argument) => {
  const period = readUserU64(kernel, task, argument);
  if (event.period === 0 || period === 0n || period >> 63n !== 0n) fail('EINVAL');
  setPeriod(kernel, event, Number(period));
};

const pauseOutput: Request = (kernel, _task, event, argument) => {
  const ring = event.ring === undefined ? undefined : kernel.perf.rings.get(event.ring);
  if (ring === undefined) return fail('EINVAL');
  ring.paused = argument !== 0n;
};

const setProgram: Request = (kernel, task, event, argument) =>
  attachProgram(kernel, event, programOf(kernel, task, descriptorOf(argument)));

// prettier-ignore
const requests: ReadonlyMap<number, Request> = new Map([
  [constants.PERF_EVENT_IOC_ENABLE,       (kernel, _task, event) => setEnabled(kernel, event, true)],
  [constants.PERF_EVENT_IOC_DISABLE,      (kernel, _task, event) => setEnabled(kernel, event, false)],
  [constants.PERF_EVENT_IOC_RESET,        (kernel, _task, event) => resetCounter(kernel, event)],
  [constants.PERF_EVENT_IOC_PERIOD,       changePeriod],
  [constants.PERF_EVENT_IOC_SET_OUTPUT,   setOutput],
  [constants.PERF_EVENT_IOC_ID,           (kernel, task, event, argument) => writeUserU64(kernel, task, argument, BigInt(event.id))],
  [constants.PERF_EVENT_IOC_PAUSE_OUTPUT, pauseOutput],
  [constants.PERF_EVENT_IOC_SET_BPF,      setProgram],
] as const satisfies readonly (readonly [number, Request])[]);

const eventOf = (kernel: Kernel, file: OpenFile): PerfEvent => kernel.bpf.events.get(file.object) ?? fail('EBADF');

/** The ring's pages, which exist until the last mapping and the event are gone. */
const mmap: MmapOperations = {
  open(kernel, file, request) {
    mapRing(kernel, eventOf(kernel, file), request);
    return request.protection;
  },
  page(kernel, file, offset) {
    const { ring } = eventOf(kernel, file);
    return kernel.perf.rings.get(ring ?? 0)?.pages[offset / constants.PAGE_SIZE];
  },
  close(kernel, file) {
    const ring = kernel.bpf.events.get(file.object)?.ring;
    if (ring !== undefined) unmapRing(kernel, ring);
  },
};

/**
 * read: ENOSPC for less than the values need. poll: POLLIN when a wake-up has told of records that data_tail has not
 * passed, POLLHUP without a ring. SET_BPF: EBADF, EINVAL, EEXIST. Other requests: ENOTTY.
 */
export const perfFileKinds: Readonly<Partial<Record<FileKind, FileOperations>>> = {
  'perf-event': {
    read(kernel, _task, file, length) {
      const words = BigUint64Array.from(
        readValues(kernel, eventOf(kernel, file)).map((value) => BigInt.asUintN(64, value)),
      );
      if (length < words.byteLength) fail('ENOSPC');
      return new Uint8Array(words.buffer);
    },
    consume: () => undefined,
    ioctl(kernel, task, file, request, argument) {
      const perform = requests.get(request) ?? fail('ENOTTY');
      perform(kernel, task, eventOf(kernel, file), argument);
      return 0;
    },
    mmap,
    poll(kernel, file) {
      const ring = kernel.perf.rings.get(kernel.bpf.events.get(file.object)?.ring ?? 0);
      if (ring === undefined) return { events: Poll.hangUp, channels: [] };
      return { events: isReadable(kernel, ring) ? POLL_READABLE : 0, channels: [ringChannel(ring.id)] };
    },
    release: (kernel, file) => putEvent(kernel, file.object),
  },
};
