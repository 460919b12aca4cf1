/**
 * What one event of a Rex program costs, and whether that grows with what else there is in the box. Prints tables; asserts
 * nothing. `tsx bench/rex-path.ts [--engine interpreter|translator]
 * [--events COUNT] [--no-growth] [part of a scenario's name] …`.
 */
import { parseArgs } from 'node:util';
import { engineNames, type EngineName } from '../cpu/engine.ts';
import { describeHost, runScript } from './host-command.ts';
import { growthRows } from './rex/growth.ts';
import type { ScenarioCost } from './rex/scenario-cost.ts';
import { scenarios } from './rex/scenarios.ts';
import { formatNumber, formatTable } from './table.ts';

function unknownEngine(name: string): EngineName {
  throw new Error(`--engine: got ${name}, expected ${engineNames.join(', ')}`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: 'string', default: '20000' },
    engine: { type: 'string', default: 'translator' },
    'no-growth': { type: 'boolean', default: false },
  },
});
const events = Number(values.events);
const engine = engineNames.find((name) => name === values.engine) ?? unknownEngine(values.engine);
const chosen = scenarios.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);

console.log(
  `${describeHost()}, ${engine}, ${events} events a run, medians of CPU time, each scenario in a process of its own`,
);

const rows = [['event', 'events/s', 'ns', 'instructions', 'native calls', 'ns in natives', 'ns elsewhere']];
const details: string[] = [];
for (const { name } of chosen) {
  const { cost, shares } = runScript('bench/rex/scenario-cost.ts', engine, `${events}`, name) as ScenarioCost;
  const { nanoseconds, instructions } = cost;
  const inNatives = shares.reduce((sum, share) => sum + share.nanoseconds, 0);
  const calls = shares.reduce((sum, share) => sum + share.calls, 0);
  rows.push([
    name,
    Math.round(1e9 / nanoseconds).toLocaleString('en-US'),
    ...[nanoseconds, instructions, calls, inNatives, nanoseconds - inNatives].map(formatNumber),
  ]);
  const table = [['native function', 'calls', 'ns a call', 'ns an event']];
  for (const { name: native, calls: count, nanoseconds: spent } of shares) {
    table.push([native, ...[count, spent / count, spent].map(formatNumber)]);
  }
  details.push(`${name}\n${formatTable(table)}`);
}
console.log(`\n${formatTable(rows)}\n\n${details.join('\n\n')}`);

if (!values['no-growth']) {
  const table = [['ns an event, with so many', '1', '100', '10,000', '1,000,000']];
  // oxlint-disable-next-line no-await-in-loop
  for (const row of growthRows) table.push([row.name, ...(await row.measure(engine, events)).map(formatNumber)]);
  console.log(`\n${formatTable(table)}`);
}
