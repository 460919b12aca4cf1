/**
 * The kernel objects that are records of the host, and what one of each takes of its memory: bytes, rounded up from what
 * `npx tsx bench/object-sizes.ts` measures. Whoever makes one charges it here, and whoever frees it gives that back.
 */
import type { ErrnoName } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { charge, uncharge } from './charge.ts';

// prettier-ignore
export const objectBytes = {
  task:           4096, // its registers, signals that are pending
  file:            512, // and its path; with half a pipe, an epoll instance or a counter behind it
  'file-table':    256,
  descriptor:       64,
  watch:           384, // the names of the channels it depends on among it
  socket:         1280, // and its connection
  datagram:        384, // beside its bytes
  segment:         384, // that came too early, likewise
  map:            1024,
  'stack-bucket':  160, // of a stack trace map
  'event-entry':   96, // of a perf event array
  program:        1280,
  symbol:          208, // of an extension's image, and its name
  link:            512,
  'perf-event':   2048,
  'perf-task':     160, // a task that an event counts for
  kprobe:         1024,
  'filter-instruction': 88, // of a seccomp filter
  'filter-reference': 32, // a task's to a filter
  channel:         208, // that a task sleeps on
} as const;

export type ObjectKind = keyof typeof objectBytes;

/** An object comes to be, with `bytes` of content; `error` where the box has no memory for it. */
export function chargeObject(kernel: Kernel, kind: ObjectKind, bytes = 0, error: ErrnoName = 'ENOMEM'): void {
  charge(kernel, objectBytes[kind] + bytes, error);
}

/** `chargeObject` of what `make` makes; when that fails, nothing is charged. */
export function charging<Result>(kernel: Kernel, kind: ObjectKind, make: () => Result): Result {
  chargeObject(kernel, kind);
  try {
    return make();
  } catch (error) {
    unchargeObject(kernel, kind);
    throw error;
  }
}

/** Gives back what `chargeObject` took. */
export function unchargeObject(kernel: Kernel, kind: ObjectKind, bytes = 0): void {
  uncharge(kernel, objectBytes[kind] + bytes);
}

/**
 * Charges what cannot fail any more: the box may have less than no memory then, and whoever asks next gets nothing. Few at
 * a time.
 */
export function chargeAnyway(kernel: Kernel, kind: ObjectKind, count = 1): void {
  uncharge(kernel, -objectBytes[kind] * count);
}

/** `count` objects come to be. ENOMEM. */
export function chargeMany(kernel: Kernel, kind: ObjectKind, count: number): void {
  charge(kernel, objectBytes[kind] * count);
}

export function unchargeMany(kernel: Kernel, kind: ObjectKind, count: number): void {
  uncharge(kernel, objectBytes[kind] * count);
}
