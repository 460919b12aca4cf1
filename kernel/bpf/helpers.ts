/** The kernel functions that a Rex program can call: the one table. */
import type { NativeFunction } from '../native.ts';
import { textStub } from '../entry/stub.ts';
import { packetHelpers } from '../net/packet-helpers.ts';
import { clockHelpers } from './clock-helpers.ts';
import type { HelperRow } from './helper.ts';
import { mapHelpers } from './map-helpers.ts';
import { perfHelpers } from './perf-helpers.ts';
import { printHelpers } from './print-helpers.ts';
import { probeReadHelpers } from './probe-read.ts';
import { queueHelpers } from './queue-helpers.ts';
import { ringbufHelpers } from './ringbuf-helpers.ts';
import { spinLockHelpers } from './spin-lock.ts';
import { taskHelpers } from './task-helpers.ts';
import { tracePrintkHelpers } from './trace-printk.ts';

export type { HelperRow } from './helper.ts';

export const helpers: readonly HelperRow[] = [
  ...mapHelpers,
  ...queueHelpers,
  ...ringbufHelpers,
  ...probeReadHelpers,
  ...clockHelpers,
  ...spinLockHelpers,
  ...tracePrintkHelpers,
  ...printHelpers,
  ...taskHelpers,
  ...perfHelpers,
  ...packetHelpers,
];

export const helperNatives: Readonly<Record<string, NativeFunction>> = Object.fromEntries(
  helpers.map(({ name, native }) => [name, native]),
);

/** Assembly source of every helper's entry. */
export const helperStubs = (): string => `\t.text\n${helpers.map(({ name, text }) => textStub(name, text)).join('')}`;
