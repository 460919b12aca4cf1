/** A program in a warm box, in slices of one run. */
import { startBox, type BoxReply } from './box-process.ts';
import type { Engine } from './engine.ts';

/** processor time, ms: programs of much code keep the host's compiler busy for seconds */
export const WARM_UP: Record<Engine, number> = { interpreter: 800, translator: 5000 };
const LENGTH: Record<Engine, number> = { interpreter: 300, translator: 500 };

export interface Contender {
  readonly instructionsPerUnit: number;
  /** units of the run that the slices are of */
  readonly units: number;
  /** million instructions a second of processor time in the next slice */
  slice(): Promise<number>;
  /** What the program printed, after the rest of it. */
  finish(): Promise<string>;
}

export const outputOf = ({ reason, output }: BoxReply): string => (reason === 'exited' ? output : reason);
const perMillisecond = ({ instructions, cpuMilliseconds }: BoxReply): number => instructions / cpuMilliseconds;

export async function createContender(engine: Engine, file: string, slices: number): Promise<Contender> {
  const box = await startBox(engine, file);
  let units = 1;
  const first = await box.start(units);
  let reply = first;
  let before: number;
  // until it is as fast as it gets: what is translated and compiled no longer counts
  do {
    before = perMillisecond(reply);
    // oxlint-disable-next-line no-await-in-loop
    reply = await box.start((units *= 4));
  } while (reply.cpuMilliseconds < WARM_UP[engine] / 8 || perMillisecond(reply) > before * 1.25);
  const instructionsPerUnit = (reply.instructions - first.instructions) / (units - 1);
  const slice = Math.ceil(perMillisecond(reply) * LENGTH[engine]);
  const warmUp = Math.ceil(perMillisecond(reply) * WARM_UP[engine]);
  // some more, for units that are not alike
  units = Math.ceil(((warmUp + slices * slice) / instructionsPerUnit) * 1.05) + 1;
  reply = await box.start(units, warmUp);
  return {
    instructionsPerUnit,
    units,
    async slice() {
      if (reply.reason === 'budget') reply = await box.go(slice);
      return perMillisecond(reply) / 1000;
    },
    async finish() {
      if (reply.reason === 'budget') reply = await box.go();
      box.end();
      return outputOf(reply);
    },
  };
}

/** The first run in a fresh process. */
export async function runCold(engine: Engine, file: string, units: number): Promise<BoxReply> {
  const box = await startBox(engine, file);
  const reply = await box.start(units);
  box.end();
  return reply;
}
