/** Numbers of frames and of containers, valid as long as it rests; the requests about them. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Arguments } from '../arguments.ts';
import { need, RequestError } from '../errors.ts';
import { restingTarget, type DapSession, type Target } from '../session.ts';
import { numberText, withoutRemark } from '../text.ts';
import { findThread } from '../../gdb/threads.ts';
import type { Container, ContainerRow } from './container.ts';
import { kernelRows } from './kernel.ts';
import { mapRows } from './maps.ts';
import { registerRows } from './registers.ts';

const rows: { readonly [Kind in Container['kind']]: ContainerRow<Kind> } = {
  ...registerRows,
  ...mapRows,
  ...kernelRows,
};

/** children of one answer */
const MOST_CHILDREN = 10_000;

/** A frame by its thread and its place in the story. */
export interface Frame {
  readonly thread: number;
  readonly depth: number;
  /** 0: the innermost inlined call */
  readonly level: number;
}

export interface Variables {
  frame(frame: Frame): number;
  frameOf(id: number): Frame | undefined;
  reference(container: Container): number;
  containerOf(reference: number): Container | undefined;
  /** It goes on: all numbers are void, and not given again. */
  clear(): void;
}

/** Things by number, and numbers by what is in them. */
function createNumbers<Value>() {
  let next = 1;
  const byKey = new Map<string, number>();
  const byNumber = new Map<number, Value>();
  return {
    numberOf(value: Value): number {
      const key = JSON.stringify(value);
      const known = byKey.get(key);
      if (known !== undefined) return known;
      byKey.set(key, next);
      byNumber.set(next, value);
      return next++;
    },
    valueOf: (number: number): Value | undefined => byNumber.get(number),
    clear(): void {
      byKey.clear();
      byNumber.clear();
    },
  };
}

export function createVariables(): Variables {
  const frames = createNumbers<Frame>();
  const containers = createNumbers<Container>();
  return {
    frame: frames.numberOf,
    frameOf: frames.valueOf,
    reference: containers.numberOf,
    containerOf: containers.valueOf,
    clear() {
      frames.clear();
      containers.clear();
    },
  };
}

const RPL = 3n;
/** selector of the code segment of the kernel: no ring in it */
const inKernel = ({ debugger: host }: Target, pid: number): boolean =>
  ((host.registers({ pid }).find(({ name }) => name === 'cs')?.value ?? RPL) & RPL) === 0n;

export function scopes(session: DapSession, args: Arguments): DebugProtocol.ScopesResponse['body'] {
  const target = restingTarget(session);
  const { debugger: host, variables } = target;
  const { thread } = need(variables.frameOf(args.integer('frameId')), 'there is no such frame any more');
  target.thread = thread;
  const scope = (name: string, container: Container, more: Partial<DebugProtocol.Scope> = {}): DebugProtocol.Scope => ({
    name,
    variablesReference: variables.reference(container),
    expensive: false,
    ...more,
  });
  const task = findThread(host.box, thread)?.task;
  const here = task === undefined ? host.rest.pid === 0 : task.pid === host.rest.pid;
  return {
    scopes: [
      ...(here ? [scope('Instruction', { kind: 'instruction' })] : []),
      scope('Registers', { kind: 'registers', thread }, { presentationHint: 'registers' }),
      ...(task !== undefined && inKernel(target, task.pid)
        ? [scope('pt_regs of the user program', { kind: 'pt_regs', pid: task.pid }, { expensive: true })]
        : []),
      scope('Maps', { kind: 'maps' }),
      scope('Tasks', { kind: 'tasks' }, { expensive: true }),
      scope('Kernel', { kind: 'kernel' }, { expensive: true }),
    ],
  };
}

function containerNumbered({ variables }: Target, reference: number): Container {
  return need(variables.containerOf(reference), `there are no variables ${reference} any more`);
}

const rowOf = (container: Container): ContainerRow<Container['kind']> =>
  rows[container.kind] as ContainerRow<Container['kind']>;

const isIndexed = ({ kind }: Container): boolean => kind === 'map' || kind === 'lines';

export function variables(session: DapSession, args: Arguments): DebugProtocol.VariablesResponse['body'] {
  const target = restingTarget(session);
  const container = containerNumbered(target, args.integer('variablesReference'));
  const filter = args.choice('filter', ['indexed', 'named']);
  const start = args.optionalInteger('start', { least: 0 }) ?? 0;
  // 0 means all
  const count = Math.min(args.optionalInteger('count', { least: 0 }) || MOST_CHILDREN, MOST_CHILDREN);
  if (filter !== undefined && (filter === 'indexed') !== isIndexed(container)) return { variables: [] };
  const children = rowOf(container).children(session, container as never, { start, count });
  return { variables: isIndexed(container) ? [...children] : children.slice(start, start + count) };
}

export function setVariable(session: DapSession, args: Arguments): DebugProtocol.SetVariableResponse['body'] {
  const target = restingTarget(session);
  const { debugger: host } = target;
  const container = containerNumbered(target, args.integer('variablesReference'));
  const name = args.text('name');
  const value = host.evaluate(withoutRemark(args.text('value')));
  const { set, children } = rowOf(container);
  if (set === undefined) throw new RequestError(`${name} cannot be set`);
  set(session, container as never, name, value);
  if (session.client.invalidated) {
    session.afterResponse.push(() =>
      session.sendEvent({
        seq: 0,
        type: 'event',
        event: 'invalidated',
        body: { areas: ['all'] },
      } as DebugProtocol.Event),
    );
  }
  const after = children(session, container as never, { start: 0, count: MOST_CHILDREN }).find(
    (child) => child.name === name,
  );
  return { value: after?.value ?? numberText(host, value) };
}

/** What a data breakpoint on a child waits for. */
export function watchedChild(session: DapSession, reference: number, name: string): string | undefined {
  const container = containerNumbered(restingTarget(session), reference);
  return rowOf(container).watch?.(session, container as never, name);
}
