/** Event counters: fs/eventfd.c. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Wait } from '../native.ts';
import { wake } from '../scheduler.ts';
import { OpenFlag, Poll, POLL_READABLE, POLL_WRITABLE } from './constants.ts';
import type { EventCounter, FileKind, FileOperations, OpenFile } from './types.ts';

const HIGHEST = 0xffff_ffff_ffff_fffen;
const SIZE = 8;

const channel = ({ id }: OpenFile): string => `eventfd:${id}`;

const counterOf = (kernel: Kernel, file: OpenFile): EventCounter =>
  kernel.fileSystem.eventCounters.get(file.id) ?? fail('EBADF');

const sleep = (file: OpenFile): Wait =>
  (file.flags & OpenFlag.nonBlock) !== 0 ? fail('EAGAIN') : { wait: [channel(file)] };

const taken = ({ count, semaphore }: EventCounter): bigint => (semaphore ? 1n : count);

export const eventfdKinds = {
  eventfd: {
    read(kernel, _task, file, length) {
      const counter = counterOf(kernel, file);
      if (length < SIZE) fail('EINVAL');
      if (counter.count === 0n) return sleep(file);
      const bytes = new Uint8Array(SIZE);
      new DataView(bytes.buffer).setBigUint64(0, taken(counter), true);
      return bytes;
    },
    consume(kernel, file) {
      const counter = counterOf(kernel, file);
      counter.count -= taken(counter);
      wake(kernel, channel(file));
    },
    write(kernel, _task, file, bytes) {
      const counter = counterOf(kernel, file);
      if (bytes.length < SIZE) fail('EINVAL');
      const value = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
      if (value > HIGHEST) fail('EINVAL');
      if (value > HIGHEST - counter.count) return sleep(file);
      counter.count += value;
      wake(kernel, channel(file));
      return SIZE;
    },
    poll(kernel, file) {
      const { count } = counterOf(kernel, file);
      const events = (count > 0n ? POLL_READABLE : 0) | (count < HIGHEST ? POLL_WRITABLE : 0);
      return { events: events & ~(Poll.readNormal | Poll.writeNormal), channels: [channel(file)] };
    },
    release: (kernel, file) => void kernel.fileSystem.eventCounters.delete(file.id),
  },
} satisfies Partial<Record<FileKind, FileOperations>>;
