/** Takes turns: the box runs for a while, frames go both ways, the host's event loop has its turn. */
import { performance } from 'node:perf_hooks';
import { passTime } from '../../kernel/run.ts';
import { nextDeadline } from '../../kernel/sleepers.ts';
import type { Box } from '../box.ts';
import type { NetworkDevice } from '../network.ts';
import { exitOf, type Exit, type Process } from '../spawn.ts';
import type { Outside } from './outside.ts';
import type { BridgeStatistics } from './statistics.ts';
import { KTIME_MAX } from '../../kernel/time.ts';

export interface BridgeRunOptions {
  /** stops when this process has ended */
  readonly until?: Process;
  /** stops when it is aborted */
  readonly signal?: AbortSignal;
}

export interface BridgeRunResult extends Partial<Exit> {
  readonly reason:
    | 'exited'
    /** `signal` */
    | 'stopped'
    /** the bridge was closed */
    | 'closed'
    /** the kernel has stopped for good: see `Box.death` */
    | 'dead';
}

/** instructions between two looks at the host: some ms */
const SLICE = 200_000;
/** frames for the box at a time: fewer than its queue holds */
const BATCH = 256;
const NS_PER_MS = 1_000_000;
/** longest sleep, ms; setTimeout takes no more than 2^31 - 1 */
const LONGEST_SLEEP = 60_000;

/** Lets one waiter know that something has happened, or that it already has. */
export function createBell() {
  let rung = false;
  let answer: (() => void) | undefined;
  return {
    ring(): void {
      rung = true;
      answer?.();
    },
    /** Until it rings or `time` ms have gone by. */
    async wait(time: number): Promise<void> {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(time, LONGEST_SLEEP));
          answer = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      answer = undefined;
      rung = false;
    },
  };
}

export type Bell = ReturnType<typeof createBell>;

/** Frames both ways; whether there were any. */
function exchange(device: NetworkDevice, outside: Outside, statistics: BridgeStatistics): boolean {
  const frames = device.take();
  for (const frame of frames) outside.receive(frame);
  const ready = outside.outgoing.splice(0, BATCH);
  for (const frame of ready) {
    if (device.inject(frame)) statistics.framesToBox++;
    else statistics.framesDropped++;
  }
  return frames.length + ready.length > 0;
}

/** The event loop gets a turn. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface Pump {
  readonly box: Box;
  readonly device: NetworkDevice;
  readonly outside: Outside;
  /** guest time since the bridge was opened, ns: the clock of `outside` */
  readonly now: () => number;
  readonly statistics: BridgeStatistics;
  readonly bell: Bell;
  isClosed(): boolean;
}

/** Every task sleeps: waits for the host, or for the next timer of the box or the outside. */
async function sleep({ box: { kernel, change }, outside, now, bell }: Pump): Promise<void> {
  const before = performance.now();
  const start = kernel.roundStart;
  const toBox = Number((nextDeadline(kernel) ?? KTIME_MAX) - start);
  const toOutside = (outside.deadline() ?? Infinity) - now();
  await bell.wait(Math.max(0, Math.ceil(Math.min(toBox, toOutside) / NS_PER_MS)));
  const time = start + BigInt(Math.round((performance.now() - before) * NS_PER_MS));
  change(() => passTime(kernel, time));
}

export async function pump(parts: Pump, { until, signal }: BridgeRunOptions): Promise<BridgeRunResult> {
  const { box, device, outside, statistics, isClosed } = parts;
  for (;;) {
    if (isClosed()) return { reason: 'closed' };
    const { reason } = box.run({ quiet: true, budget: SLICE, ...(until === undefined ? undefined : { until }) });
    outside.expire();
    const moved = exchange(device, outside, statistics);
    if (reason === 'dead') return { reason };
    if (reason === 'exited') return { reason, ...exitOf(box.kernel, until!) };
    if (signal?.aborted === true) return { reason: 'stopped' };
    if (moved || reason === 'budget') await breathe();
    else await sleep(parts);
  }
}
