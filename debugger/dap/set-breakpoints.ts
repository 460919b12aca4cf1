/** The requests that set breakpoints, a kind each. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { StopTarget } from '../types.ts';
import type { Arguments } from './arguments.ts';
import { exceptionRows } from './capabilities.ts';
import type { Wanted } from './breakpoints.ts';
import { need, RequestError } from './errors.ts';
import { targetOf, type DapSession } from './session.ts';
import { readAddress } from './text.ts';

type Answer = { readonly breakpoints: DebugProtocol.Breakpoint[] };

/** `condition` and `hitCondition` of one. */
function conditionsOf(args: Arguments): Pick<Wanted, 'condition' | 'hitCondition'> {
  return { condition: args.optionalText('condition'), hitCondition: args.optionalText('hitCondition') };
}

const keyed = (wanted: Omit<Wanted, 'key'>, ...parts: readonly unknown[]): Wanted => ({
  ...wanted,
  key: JSON.stringify([...parts, wanted.condition ?? '', wanted.hitCondition ?? '']),
});

export function setBreakpoints(session: DapSession, args: Arguments): Answer {
  const { breakpoints, sources } = targetOf(session);
  const source = args.record('source');
  const [path, reference] = [source.optionalText('path'), source.optionalInteger('sourceReference', { least: 0 }) ?? 0];
  const file = need(
    sources.nameOf({ path, reference }),
    'setBreakpoints: expected a source with a path, or with a number that was given',
  );
  const shown: DebugProtocol.Source = {
    ...(path === undefined ? undefined : { path }),
    ...(reference === 0 ? undefined : { sourceReference: reference }),
    name: file.slice(file.lastIndexOf('/') + 1),
  };
  const wanted = args.records('breakpoints').map((each) => {
    const line = each.integer('line') - session.client.lineBase + 1;
    const target: StopTarget = { kind: 'line', file, line };
    return keyed({ resolve: () => ({ target }), source: shown, ...conditionsOf(each) }, line);
  });
  return { breakpoints: breakpoints.replace('line', file, wanted) };
}

/** A name is whatever the debugger stops at: `rex_dispatcher_func+0x10`, `syscall dup`. */
export function setFunctionBreakpoints(session: DapSession, args: Arguments): Answer {
  const { breakpoints, debugger: host } = targetOf(session);
  const wanted = args.records('breakpoints').map((each) => {
    const name = each.text('name');
    const resolve: Wanted['resolve'] = () => {
      const { target, options } = host.parseStop(name);
      return { target, condition: options.condition };
    };
    return keyed({ resolve, ...conditionsOf(each) }, name);
  });
  return { breakpoints: breakpoints.replace('function', '', wanted) };
}

export function setInstructionBreakpoints(session: DapSession, args: Arguments): Answer {
  const { breakpoints } = targetOf(session);
  const wanted = args.records('breakpoints').map((each) => {
    const [reference, offset] = [each.text('instructionReference'), each.optionalInteger('offset') ?? 0];
    const resolve: Wanted['resolve'] = () => ({ target: { kind: 'address', address: readAddress(reference, offset) } });
    return keyed({ resolve, ...conditionsOf(each) }, reference, offset);
  });
  return { breakpoints: breakpoints.replace('instruction', '', wanted) };
}

export function setExceptionBreakpoints(session: DapSession, args: Arguments): Answer {
  const { breakpoints } = targetOf(session);
  const options = [
    ...args.texts('filters').map((filter) => ({ filter, condition: undefined })),
    ...args.records('filterOptions').map((each) => ({
      filter: each.text('filterId'),
      condition: each.optionalText('condition'),
    })),
  ];
  const wanted = options.map(({ filter, condition }) => {
    const resolve: Wanted['resolve'] = () => {
      const row = exceptionRows.find((each) => each.filter === filter);
      if (row !== undefined) return { target: row.target };
      const known = exceptionRows.map((each) => each.filter).join(', ');
      throw new RequestError(`there is no exception filter ${JSON.stringify(filter)}: there are ${known}`);
    };
    return keyed({ resolve, condition, hitCondition: undefined }, filter);
  });
  return { breakpoints: breakpoints.replace('exception', '', wanted) };
}
