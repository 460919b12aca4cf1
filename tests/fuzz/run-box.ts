/** Runs a box as the user of one would, and holds the other engine and a saved box against it. */
import type { Box, EngineName, RunReason } from '../../index.ts';
import { Box as boxes } from '../../index.ts';
import { stateDifferences, stateOf } from '../support/box-state.ts';

/** Instructions of the run that goes on after the box has been saved. */
const LATER = 20_000;

export interface BoxRun {
  /** the same box each time, but for its engine */
  readonly boot: (engine: EngineName) => Promise<Box>;
  readonly engine: EngineName;
  readonly budget: number;
  /** runs it in the other engine too, saves and loads it */
  readonly twice: boolean;
}

/** Throws where the two are not at the same point. */
function same(what: string, left: Box, right: Box): void {
  const differences = stateDifferences(stateOf(left), stateOf(right));
  if (differences.length > 0) throw new Error(`${what}: ${differences.join('\n')}`);
}

/** How the run ended; throws where it is not the same in another engine, or in a box that was saved and loaded. */
export async function runBox({ boot, engine, budget, twice }: BoxRun): Promise<RunReason> {
  const box = await boot(engine);
  const { reason } = box.run({ budget });
  if (!twice) return reason;
  const other = await boot(engine === 'interpreter' ? 'translator' : 'interpreter');
  const again = other.run({ budget });
  if (again.reason !== reason) throw new Error(`${reason} in one engine, ${again.reason} in the other`);
  same('the other engine', box, other);
  const loaded = await boxes.load(box.save(), { engine });
  same('saved and loaded', box, loaded);
  box.run({ budget: LATER });
  loaded.run({ budget: LATER });
  same('saved, loaded and run', box, loaded);
  return reason;
}
