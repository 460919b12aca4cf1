/** What the main loop counts with: other numbers than these and it would never come to an end. */
import { SLICE } from '../../kernel/kernel.ts';
import type { Frozen, FrozenArray, FrozenRecord } from '../frozen.ts';
import { SavedBoxError } from './error.ts';

type Fields = Readonly<Record<string, Frozen>>;

/** Instructions that a processor may have retired. */
const MOST_RETIRED = 2 ** 52;

function checkNumber(path: string, value: Frozen, least: number, most: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw new SavedBoxError(
    'malformed',
    `${path}: got ${String(value)}, expected a whole number from ${least} to ${most}`,
  );
}

const fieldOf = ({ keys, values }: FrozenRecord, name: string): Frozen => values[keys.indexOf(name)];

/** Of records whose types have been checked. SavedBoxError. */
export function checkRanges(cpus: readonly Fields[], kernel: Fields, memory: number): void {
  cpus.forEach((cpu, n) => checkNumber(`cpus.${n}.retired`, cpu['retired'], 0, MOST_RETIRED));
  const turn = kernel['turn'] as FrozenRecord;
  const length = fieldOf(turn, 'length');
  checkNumber('kernel.turn.cpu', fieldOf(turn, 'cpu'), 0, cpus.length - 1);
  checkNumber('kernel.turn.length', length, 1, SLICE);
  checkNumber('kernel.turn.left', fieldOf(turn, 'left'), 0, length as number);
  checkNumber('kernel.turn.longest', fieldOf(turn, 'longest'), 0, SLICE);
  checkNumber('kernel.swapperPgDir', kernel['swapperPgDir'], 0, memory - 4096);
  (kernel['perCpu'] as FrozenArray).values.forEach((state, n) => {
    if (typeof state !== 'object' || state?.kind !== 'record') {
      throw new SavedBoxError('malformed', `kernel.perCpu.${n}: expected a record`);
    }
    checkNumber(`kernel.perCpu.${n}.current`, fieldOf(state, 'current'), 0, Number.MAX_SAFE_INTEGER);
    checkNumber(`kernel.perCpu.${n}.retiredAtRoundStart`, fieldOf(state, 'retiredAtRoundStart'), -SLICE, MOST_RETIRED);
  });
}
