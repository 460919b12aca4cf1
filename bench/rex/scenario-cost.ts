/** `scenario-cost.ts ENGINE EVENTS NAME`: measures a scenario as the only one of this process; prints a ScenarioCost as JSON. */
import type { EngineName } from '../../cpu/engine.ts';
import { createRunner, measure, nativeShares, type Cost, type Share } from './measure.ts';
import { scenarios } from './scenarios.ts';

export interface ScenarioCost {
  readonly cost: Cost;
  readonly shares: readonly Share[];
}

const [engine, count, name] = process.argv.slice(2);
const events = Number(count);
const scenario = scenarios.find((candidate) => candidate.name === name)!;
const runner = createRunner(await scenario.create(), engine as EngineName);
const result: ScenarioCost = { cost: measure(runner, events), shares: nativeShares(runner, events) };
console.log(JSON.stringify(result));
