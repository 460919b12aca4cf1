/** epoll instances: fs/eventpoll.c. A file's `poll` says what is ready; `wake` on one of its channels triggers a watch. */
import { fail } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { chargeObject, unchargeObject } from '../mm/objects.ts';
import { wake } from '../scheduler.ts';
import { Poll, POLL_READABLE } from './constants.ts';
import { isPollable, readiness } from './file-kinds.ts';
import type { Epoll, FileKind, FileOperations, FileSystem, OpenFile, Watch } from './types.ts';

/** include/uapi/linux/eventpoll.h */
export const EpollFlag = {
  exclusive: 1 << 28,
  wakeUp: 1 << 29,
  oneShot: 1 << 30,
  edgeTriggered: 1 << 31,
} as const;
const PRIVATE_BITS = EpollFlag.exclusive | EpollFlag.wakeUp | EpollFlag.oneShot | EpollFlag.edgeTriggered;
/** what may be watched with EPOLLEXCLUSIVE */
const EXCLUSIVE_BITS =
  POLL_READABLE |
  Poll.out |
  Poll.writeNormal |
  Poll.error |
  Poll.hangUp |
  EpollFlag.exclusive |
  EpollFlag.wakeUp |
  EpollFlag.edgeTriggered;
/** fs.epoll.max_user_watches: of all instances */
const MAX_WATCHES = 32768;

export const epollChannel = (file: number): string => `epoll:${file}`;

export interface EpollEvent {
  readonly events: number;
  readonly data: bigint;
}

const keyOf = (descriptor: number, file: number): string => `${descriptor}:${file}`;

/** The instance behind an open file; EINVAL for another kind. */
export function epollOf(kernel: Kernel, file: OpenFile): Epoll {
  return kernel.fileSystem.epolls.get(file.kind === 'epoll' ? file.id : -1) ?? fail('EINVAL');
}

const watchesInstances = ({ epolls }: FileSystem, { watches }: Epoll): boolean =>
  [...watches.values()].some(({ file }) => epolls.has(file));

/** One instance may watch others, which watch none: ELOOP for more, so that a wake-up has few ways to go. */
function checkNesting(fileSystem: FileSystem, owner: number, target: number): void {
  const inner = fileSystem.epolls.get(target);
  if (inner === undefined) return;
  if (watchesInstances(fileSystem, inner)) fail('ELOOP');
  for (const { watches } of fileSystem.epolls.values())
    for (const { file } of watches.values()) if (file === owner) fail('ELOOP');
}

function releaseInstance(kernel: Kernel, file: OpenFile): void {
  const instance = kernel.fileSystem.epolls.get(file.id);
  if (instance === undefined) return;
  for (const key of instance.watches.keys()) deleteWatch(kernel, instance.watches, key);
  kernel.fileSystem.epolls.delete(file.id);
}

function deleteWatch(kernel: Kernel, watches: Epoll['watches'], key: string): boolean {
  if (!watches.delete(key)) return false;
  kernel.fileSystem.watches--;
  unchargeObject(kernel, 'watch');
  return true;
}

/** ENOSPC where there are too many watches of all instances; those of closed files do not count. */
function checkRoom(kernel: Kernel): void {
  const { fileSystem } = kernel;
  if (fileSystem.watches < MAX_WATCHES) return;
  for (const { watches } of fileSystem.epolls.values()) dropStale(kernel, watches);
  if (fileSystem.watches >= MAX_WATCHES) fail('ENOSPC');
}

/** Polls a watched file: the asked-for bits that hold. Errors and hang-ups are always asked for. */
function look(kernel: Kernel, watch: Watch): number {
  const file = kernel.openFiles.get(watch.file);
  if (file === undefined) return 0;
  const { events, channels } = readiness(kernel, file);
  watch.channels = channels;
  return events & (watch.events | Poll.error | Poll.hangUp);
}

/** EPOLL_CTL_ADD: EEXIST, EPERM for a file that cannot be polled, ELOOP, ENOSPC, EINVAL. */
export function addWatch(kernel: Kernel, owner: OpenFile, descriptor: number, file: OpenFile, event: EpollEvent): void {
  const { watches } = epollOf(kernel, owner);
  const key = keyOf(descriptor, file.id);
  if (!isPollable(kernel, file)) fail('EPERM');
  if ((event.events & EpollFlag.exclusive) !== 0) {
    if (file.kind === 'epoll' || (event.events & ~EXCLUSIVE_BITS) !== 0) fail('EINVAL');
  }
  if (watches.has(key)) fail('EEXIST');
  checkNesting(kernel.fileSystem, owner.id, file.id);
  checkRoom(kernel);
  chargeObject(kernel, 'watch');
  kernel.fileSystem.watches++;
  const watch: Watch = { descriptor, file: file.id, ...event, channels: [], triggered: true };
  watches.set(key, watch);
  announce(kernel, owner.id, watch);
}

/** EPOLL_CTL_MOD: ENOENT, EINVAL. What is ready now is reported again, edge-triggered or not. */
export function changeWatch(
  kernel: Kernel,
  owner: OpenFile,
  descriptor: number,
  file: OpenFile,
  event: EpollEvent,
): void {
  const watch = epollOf(kernel, owner).watches.get(keyOf(descriptor, file.id)) ?? fail('ENOENT');
  if (((watch.events | event.events) & EpollFlag.exclusive) !== 0) fail('EINVAL');
  Object.assign(watch, event, { triggered: true });
  announce(kernel, owner.id, watch);
}

/** EPOLL_CTL_DEL: ENOENT. */
export function removeWatch(kernel: Kernel, owner: OpenFile, descriptor: number, file: OpenFile): void {
  if (!deleteWatch(kernel, epollOf(kernel, owner).watches, keyOf(descriptor, file.id))) fail('ENOENT');
}

/** Wakes who waits on the instance when a new or changed watch is ready. */
function announce(kernel: Kernel, owner: number, watch: Watch): void {
  if (look(kernel, watch) !== 0) wake(kernel, epollChannel(owner));
}

function dropStale(kernel: Kernel, watches: Epoll['watches']): void {
  for (const [key, { file }] of watches) if (!kernel.openFiles.has(file)) deleteWatch(kernel, watches, key);
}

const isDisabled = ({ events }: Watch): boolean => (events & ~PRIVATE_BITS) === 0;

/** The bits to report of a watch, or 0. */
function pending(kernel: Kernel, watch: Watch): number {
  if (isDisabled(watch)) return 0;
  if ((watch.events & EpollFlag.edgeTriggered) !== 0 && !watch.triggered) return 0;
  return look(kernel, watch);
}

/** ep_poll_callback: watches that depend on `channel` are triggered, and who waits on their instance is woken. */
export function notifyEpolls(kernel: Kernel, channel: string): void {
  for (const [id, { watches }] of kernel.fileSystem.epolls) {
    let any = false;
    for (const watch of watches.values()) {
      if (isDisabled(watch) || !watch.channels.includes(channel)) continue;
      watch.triggered = true;
      any = true;
    }
    if (any && epollChannel(id) !== channel) wake(kernel, epollChannel(id));
  }
}

/**
 * What is ready, at most `limit` events, changing nothing; `taken` says that they have reached their reader. What was
 * reported goes to the end, so that a short list does not starve the others.
 */
export function readyEvents(
  kernel: Kernel,
  owner: OpenFile,
  limit: number,
): { readonly events: EpollEvent[]; readonly taken: () => void } {
  const { watches } = epollOf(kernel, owner);
  dropStale(kernel, watches);
  const reported: [string, Watch][] = [];
  const idle: Watch[] = [];
  const events: EpollEvent[] = [];
  for (const [key, watch] of watches) {
    if (reported.length === limit) break;
    const bits = pending(kernel, watch);
    if (bits === 0) {
      idle.push(watch);
      continue;
    }
    reported.push([key, watch]);
    events.push({ events: bits, data: watch.data });
  }
  const taken = (): void => {
    for (const watch of idle) watch.triggered = false;
    for (const [key, watch] of reported) {
      watch.triggered = false;
      if ((watch.events & EpollFlag.oneShot) !== 0) watch.events &= PRIVATE_BITS;
      watches.delete(key);
      watches.set(key, watch);
    }
  };
  return { events, taken };
}

/** Whether a wait would report something. */
function isReady(kernel: Kernel, file: OpenFile): boolean {
  for (const watch of epollOf(kernel, file).watches.values()) if (pending(kernel, watch) !== 0) return true;
  return false;
}

export const epollKinds = {
  epoll: {
    poll: (kernel, file) => ({
      events: isReady(kernel, file) ? POLL_READABLE : 0,
      channels: [epollChannel(file.id)],
    }),
    release: releaseInstance,
  },
} satisfies Partial<Record<FileKind, FileOperations>>;
