/** A program as a process of the host: by itself, or under an emulator. */
import { runCommand, timeCommand } from './host-command.ts';

/** processor time of a run that is measured, ms */
const LENGTH = 400;

export interface Peer {
  /** processor time of one unit without start-up, ms */
  unit(): number;
  /** wall time of the whole command, ms */
  whole(units: number): number;
  output(units: number): string;
}

/** `words` is the command without its last argument, `timer` the executable of child-time.c. */
export function createPeer(timer: string, words: readonly string[]): Peer {
  const time = (units: number): number => timeCommand(timer, [...words, String(units)]).cpuMilliseconds;
  let units = 16;
  let took = time(units);
  while (took < LENGTH / 10) took = time((units *= 4));
  units = Math.ceil((units * LENGTH) / took);
  time(units);
  return {
    unit: () => (time(units) - time(0)) / units,
    whole: (n) => runCommand([...words, String(n)]).milliseconds,
    output: (n) => runCommand([...words, String(n)]).stdout,
  };
}
