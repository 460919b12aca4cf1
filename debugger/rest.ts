/** Where execution has come to rest, and why, as plain data and as a line for people. */
import type { Context } from './context.ts';
import { hex } from './error.ts';
import type { Ending } from './motions/travel.ts';
import type { Details } from './stops/trigger.ts';
import { targetText } from './stops/text.ts';
import { whoseTurn } from './turn.ts';
import type { Rest, RestReason, StopHit, StopTarget } from './types.ts';

/** `id` 0: what `until` was to run to. */
export interface RestStop {
  readonly id: number;
  readonly target: StopTarget;
  readonly details: Details;
}

const words: Readonly<Record<RestReason, string>> = {
  stepped: 'at',
  stopped: 'stopped at',
  exited: 'the process has ended; at',
  idle: 'nothing can run any more; at',
  dead: 'the kernel has stopped for good; at',
  budget: 'the budget is used up; at',
  beginning: 'the beginning of what is recorded; at',
  interrupted: 'the present again; at',
};

const valueText = (value: Details[string]): string => (typeof value === 'bigint' ? hex(value) : String(value));

/** `name old 0x1 new 0x2` */
const detailsText = (details: Details): string =>
  Object.entries(details)
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');

export function describeRest(context: Context, reason: RestReason, stop?: RestStop): Rest {
  const { box, kernel, sources } = context;
  const { cpu, pid, rip } = whoseTurn(kernel);
  const place = sources.symbolText(rip, kernel.tasks.get(pid)) || hex(rip);
  const why =
    stop === undefined ? '' : ` (${[targetText(stop.target), detailsText(stop.details)].filter(Boolean).join(': ')})`;
  const hit: StopHit | undefined = stop && { id: stop.id, kind: stop.target.kind, details: stop.details };
  return { reason, instruction: box.instructions, cpu, pid, rip, stop: hit, text: `${words[reason]} ${place}${why}` };
}

/** As `describeRest`, of what a motion has ended in. */
export function restOf(context: Context, ending: Ending): Rest {
  if (ending.reason !== 'stopped') return describeRest(context, ending.reason);
  const { stop } = ending.met.waiting;
  return describeRest(context, 'stopped', { ...stop, details: ending.met.details });
}
