/**
 * Going on, as the client asks for it, forwards and backwards: in slices, between which pauses, other requests and the end of
 * the connection are heard, until there is something to tell.
 */
import { BoxError } from '../../box/errors.ts';
import { hasEnded } from '../../box/spawn.ts';
import { DebuggerError } from '../error.ts';
import type { LongMotion, Rest, StopTarget } from '../types.ts';
import type { Arguments } from './arguments.ts';
import { RequestError } from './errors.ts';
import { restingTarget, targetOf, type DapSession, type Motion, type Target } from './session.ts';
import { sendEnd, sendOutput, sendStopped } from './stopped.ts';
import { requireThread, threadOfRest, whereOf } from './threads.ts';

/** instructions of a slice */
const SLICE = 500_000;

/** What changes what is loaded: lines that wait for that are looked for then. */
const loading: readonly StopTarget[] = [
  { kind: 'process', event: 'exec' },
  { kind: 'syscall', name: 'bpf', at: 'exit' },
];

export function tellChangedBreakpoints(session: DapSession): void {
  for (const breakpoint of session.target?.breakpoints.changed() ?? []) {
    session.sendEvent({ seq: 0, type: 'event', event: 'breakpoint', body: { reason: 'changed', breakpoint } } as never);
  }
}

/** Forward, and the stops of the adapter's own with it: behind the client's, which are told first. */
function continueSlice(session: DapSession, target: Target): Rest | undefined {
  const { debugger: host, breakpoints } = target;
  const own = breakpoints.waiting ? loading.map((each) => host.addStop(each).id) : [];
  let rest: Rest;
  try {
    rest = host.continue({ budget: SLICE });
  } finally {
    for (const id of own) host.removeStop(id);
  }
  if (rest.reason === 'stopped' && rest.stop !== undefined && own.includes(rest.stop.id)) {
    tellChangedBreakpoints(session);
    return undefined;
  }
  return rest.reason === 'budget' || rest.reason === 'interrupted' ? undefined : rest;
}

/** Once more when nothing can run, and whoever drives the box had something to do. */
function driven({ onIdle }: Target, rest: Rest | undefined): Rest | undefined {
  return (rest?.reason === 'idle' || rest?.reason === 'exited') && onIdle?.() === true ? undefined : rest;
}

/** Lets the others go on until it is the turn of the thread; then what is asked of it, in slices. */
function onTurn(target: Target, id: number, begin: (target: Target) => { next(): Rest | undefined }): Motion {
  const { debugger: host } = target;
  let begun: { next(): Rest | undefined } | undefined;
  return {
    slice() {
      if (begun === undefined) {
        const thread = requireThread(host, id);
        if (thread.task === undefined || threadOfRest(host.rest) === id) begun = begin(target);
      }
      if (begun !== undefined) {
        const rest = begun.next();
        if (rest === undefined) return undefined;
        // what was waited for was the host's to do: the same once more
        begun = undefined;
        return driven(target, rest);
      }
      const thread = requireThread(host, id);
      const address = host.registers(whereOf(thread)).find(({ name }) => name === 'rip')!.value;
      const turn = host.addStop({ kind: 'address', address }, { condition: `pid == ${id}` });
      try {
        const rest = host.continue({ budget: SLICE });
        const goesOn = rest.stop?.id === turn.id || rest.reason === 'budget' || rest.reason === 'interrupted';
        return goesOn ? undefined : driven(target, rest);
      } finally {
        host.removeStop(turn.id);
      }
    },
  };
}

/** Tells of a rest, or of the end. */
function finish(session: DapSession, target: Target, rest: Rest, paused: boolean): void {
  session.motion = undefined;
  session.interrupted = false;
  const { debugger: host, process } = target;
  tellChangedBreakpoints(session);
  const over = (rest.reason === 'exited' || rest.reason === 'idle') && hasEnded(host.box.kernel, process);
  if (over && session.configuration?.stopOnExit !== true) {
    sendEnd(session, target);
    return;
  }
  target.thread = threadOfRest(rest);
  sendStopped(session, target, rest, paused);
}

function turn(session: DapSession, motion: Motion): void {
  const { target } = session;
  if (session.motion !== motion || session.ended || target === undefined) return;
  let rest: Rest | undefined;
  let failed = false;
  try {
    rest = motion.slice();
  } catch (error) {
    const isOurs = error instanceof DebuggerError || error instanceof BoxError || error instanceof RequestError;
    sendOutput(session, 'stderr', `${error instanceof Error ? error.message : 'something has gone wrong'}\n`);
    if (!isOurs) session.options.onError?.(error);
    failed = true;
  }
  if (rest !== undefined) finish(session, target, rest, false);
  else if (failed || session.interrupted) {
    motion.giveUp?.();
    finish(session, target, target.debugger.rest, true);
  } else session.host.later(() => turn(session, motion));
}

/** Begins a motion once the request has been answered. */
export function begin(session: DapSession, motion: Motion): void {
  const target = targetOf(session);
  target.variables.clear();
  session.motion = motion;
  session.interrupted = false;
  session.host.later(() => turn(session, motion));
}

export function goOn(session: DapSession): void {
  const target = targetOf(session);
  begin(session, { slice: () => driven(target, continueSlice(session, target)) });
}

const granularities = ['statement', 'line', 'instruction'] as const;

type Step = (target: Target) => { next(): Rest | undefined };
const by =
  (motion: LongMotion): Step =>
  ({ debugger: host }) =>
    host.inSlices(motion);

/** What a step is, by lines and by instructions. */
const steps: Readonly<Record<'next' | 'stepIn' | 'stepOut', { readonly line: Step; readonly instruction: Step }>> = {
  next: { line: by('line-over'), instruction: by('over') },
  stepIn: { line: by('line'), instruction: ({ debugger: host }) => ({ next: () => host.step() }) },
  stepOut: { line: by('out'), instruction: by('out') },
};

export const step =
  (name: keyof typeof steps) =>
  (session: DapSession, args: Arguments): undefined => {
    const target = restingTarget(session);
    const { id } = requireThread(target.debugger, args.integer('threadId'));
    const byInstruction = args.choice('granularity', granularities) === 'instruction';
    begin(session, onTurn(target, id, steps[name][byInstruction ? 'instruction' : 'line']));
    return undefined;
  };

function long({ debugger: host }: Target, motion: LongMotion): Motion {
  const slices = host.inSlices(motion);
  return { slice: () => slices.next(), giveUp: () => void slices.giveUp() };
}

/** Where it rests, or nowhere: time goes back for all of them. @throws {RequestError} */
function checkPresent({ debugger: host }: Target, args: Arguments): void {
  const { id } = requireThread(host, args.integer('threadId'));
  const present = threadOfRest(host.rest);
  if (id !== present) throw new RequestError(`thread ${id} is not the one that steps back: that is thread ${present}`);
}

export function stepBack(session: DapSession, args: Arguments): undefined {
  const target = restingTarget(session);
  const { debugger: host } = target;
  checkPresent(target, args);
  const byInstruction = args.choice('granularity', granularities) === 'instruction';
  begin(session, byInstruction ? { slice: () => host.stepBack() } : long(target, 'back-line-over'));
  return undefined;
}

export function continueForward(session: DapSession, args: Arguments): { readonly allThreadsContinued: true } {
  requireThread(restingTarget(session).debugger, args.integer('threadId'));
  goOn(session);
  return { allThreadsContinued: true };
}

export function reverseContinue(session: DapSession, args: Arguments): undefined {
  const target = restingTarget(session);
  requireThread(target.debugger, args.integer('threadId'));
  begin(session, long(target, 'back-to-stop'));
  return undefined;
}

/** Heard where the slice ends. */
export function pause(session: DapSession): undefined {
  targetOf(session);
  if (session.motion === undefined) throw new RequestError('it rests already');
  session.interrupted = true;
  return undefined;
}
