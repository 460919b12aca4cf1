/** One program by all who can run it, in turns, so that what else the machine does hits all alike. */
import { createContender, outputOf, runCold } from './contender.ts';
import type { GuestProgram } from './guest-programs.ts';
import { createPeer } from './peer.ts';
import { median } from './statistics.ts';

/** Million instructions a second; NaN of a peer that is not there. */
export interface Speeds {
  readonly native: number;
  readonly qemu: number;
  readonly interpreter: number;
  readonly translator: number;
  /** COLD_UNITS by the translator in a fresh process, boot apart, wall time */
  readonly cold: number;
  /** the same by qemu, its whole command */
  readonly qemuCold: number;
}

export interface Measured {
  readonly program: GuestProgram;
  readonly instructionsPerUnit: number;
  /** one for each turn */
  readonly turns: readonly Speeds[];
  /** whose output was another than native's, or whose instructions were more or fewer than the interpreter's */
  readonly differs: readonly string[];
}

export interface Peers {
  /** the executable of child-time.c */
  readonly timer: string;
  readonly qemu: string | undefined;
}

export const COLD_UNITS = 20;

export async function measure(program: GuestProgram, file: string, peers: Peers, runs: number): Promise<Measured> {
  const native = createPeer(peers.timer, [file]);
  const qemu = peers.qemu === undefined ? undefined : createPeer(peers.timer, [peers.qemu, file]);
  const translator = await createContender('translator', file, runs);
  const interpreter = await createContender('interpreter', file, runs);
  const { instructionsPerUnit } = translator;
  const speed = (milliseconds = NaN, units = 1): number => (units * instructionsPerUnit) / milliseconds / 1000;

  const differs = new Set<string>();
  const check = (name: string, output: string, units: number): void => {
    if (output !== native.output(units)) differs.add(name);
  };
  const reference = await runCold('interpreter', file, COLD_UNITS);
  const turns: Speeds[] = [];
  for (let n = 0; n < runs; n++) {
    const turn = {
      native: speed(native.unit()),
      qemu: speed(qemu?.unit()),
      translator: await translator.slice(), // oxlint-disable-line no-await-in-loop
      interpreter: await interpreter.slice(), // oxlint-disable-line no-await-in-loop
      qemuCold: speed(qemu?.whole(COLD_UNITS), COLD_UNITS),
    };
    const cold = await runCold('translator', file, COLD_UNITS); // oxlint-disable-line no-await-in-loop
    turns.push({ ...turn, cold: speed(cold.milliseconds, COLD_UNITS) });
    check('translator', outputOf(cold), COLD_UNITS);
    if (cold.instructions !== reference.instructions) differs.add("translator's number of instructions");
  }
  check('translator', await translator.finish(), translator.units);
  check('interpreter', await interpreter.finish(), interpreter.units);
  if (qemu !== undefined) check('qemu', qemu.output(COLD_UNITS), COLD_UNITS);
  return { program, instructionsPerUnit, turns, differs: [...differs] };
}

export type Column = keyof Speeds;

/** Median of the turns. */
export const speedOf = ({ turns }: Measured, column: Column): number => median(turns.map((turn) => turn[column]));

/** Median of the ratios within each turn. */
export const ratioOf = ({ turns }: Measured, column: Column, to: Column): number =>
  median(turns.map((turn) => turn[column] / turn[to]));
