/**
 * Going on, as gdb asks for it, forwards and backwards: in slices, between which ^C and the end of the connection are heard,
 * until there is something to reply.
 */
import { BoxError } from '../../box/errors.ts';
import { DebuggerError } from '../error.ts';
import type { Rest, StopTarget } from '../types.ts';
import { sendConsole, sendText } from './send.ts';
import { libraryPaths, librariesNow, noteProgram, type GdbSession, type Motion } from './session.ts';
import { breakpointFields, exitReply, exitText, GdbSignal, stopReply } from './stop-reply.ts';
import { findThread, requireThread, threadOfRest, whereOf } from './threads.ts';

/** instructions of a slice, and single steps */
const SLICE = 500_000;
const STEPS = 2000;

/** What changes what is loaded: gdb is told only if it does. */
const watched: readonly StopTarget[] = [
  { kind: 'process', event: 'exec' },
  { kind: 'syscall', name: 'bpf', at: 'exit' },
];

export function watchLoading({ debugger: host, ownStops }: GdbSession): void {
  for (const target of watched) ownStops.add(host.addStop(target).id);
}

export function unwatchLoading({ debugger: host, ownStops }: GdbSession): void {
  for (const id of ownStops) host.removeStop(id);
  ownStops.clear();
}

/** Runs `action` with the stops of the server's own turned off. */
function unwatched<Result>({ debugger: host, ownStops }: GdbSession, action: () => Result): Result {
  for (const id of ownStops) host.changeStop(id, { enabled: false });
  try {
    return action();
  } finally {
    for (const id of ownStops) host.changeStop(id, { enabled: true });
  }
}

/** Whether gdb's list of libraries is out of date; it is told at most once of each change. */
function librariesChanged(session: GdbSession): boolean {
  if (session.toldLibraries === undefined) return false;
  const paths = libraryPaths(librariesNow(session));
  const changed = paths !== session.toldLibraries;
  session.toldLibraries = paths;
  return changed;
}

/** gdb reads the libraries anew, and goes on by itself. */
const LIBRARY = 'library:;';
const libraryReply = (session: GdbSession): string => stopReply(session, GdbSignal.trap, LIBRARY);

/** The end of the process: a packet of its own, or a stop from which gdb can go back. */
function ending(session: GdbSession): string | undefined {
  const reply = exitReply(session);
  if (reply === undefined) return undefined;
  if (session.reportExit) return reply;
  sendConsole(session, `${exitText(session)}\n`);
  return stopReply(session, GdbSignal.none, '');
}

/** What to reply to a rest; undefined: go on. */
function replyTo(session: GdbSession, rest: Rest): string | undefined {
  switch (rest.reason) {
    case 'stopped': {
      const { stop } = rest;
      if (stop !== undefined && session.ownStops.has(stop.id)) {
        return librariesChanged(session) ? libraryReply(session) : undefined;
      }
      const breakpoint = stop === undefined ? undefined : session.breakpoints.find(stop.id);
      if (breakpoint !== undefined) return stopReply(session, GdbSignal.trap, breakpointFields(session, breakpoint));
      sendConsole(session, `${rest.text}\n`);
      return stopReply(session, GdbSignal.trap, '');
    }
    case 'beginning':
      return stopReply(session, GdbSignal.trap, 'replaylog:begin;');
    case 'exited':
    case 'idle': {
      if (session.options.onIdle?.() === true) return undefined;
      const end = ending(session);
      if (end !== undefined) return end;
      sendConsole(session, `${rest.text}\n`);
      return stopReply(session, GdbSignal.none, '');
    }
    case 'dead':
      sendConsole(session, `${rest.text}\n`);
      return stopReply(session, GdbSignal.abrt, '');
    case 'stepped':
    case 'budget':
    case 'interrupted':
      return undefined;
  }
}

const rip = (session: GdbSession, thread: number): bigint | undefined => {
  const found = findThread(session.debugger.box, thread);
  if (found === undefined) return undefined;
  return session.debugger.registers(whereOf(found)).find(({ name }) => name === 'rip')?.value;
};

/** Of the thread itself, wherever execution rests; of an idle processor, where it does. */
const stepped = (session: GdbSession, thread: number): string =>
  stopReply(session, GdbSignal.trap, '', findThread(session.debugger.box, thread)?.task?.pid);

/** Lets the others go on until it is the turn of task `pid`: a reply, or undefined. */
function waitForTurn(session: GdbSession, pid: number, address: bigint): string | undefined {
  const { debugger: host } = session;
  const { id } = host.addStop({ kind: 'address', address }, { condition: `pid == ${pid}` });
  try {
    const rest = host.continue({ budget: SLICE });
    return rest.stop?.id === id ? undefined : replyTo(session, rest);
  } finally {
    host.removeStop(id);
  }
}

/** One instruction of `thread`; 'done', or a reply, or undefined: the others have to go on first. */
function stepThread(session: GdbSession, thread: number): 'done' | string | undefined {
  const { debugger: host } = session;
  const task = findThread(host.box, thread)?.task;
  // an idle processor executes nothing: then it is an instruction of whoever comes next
  if (task !== undefined && threadOfRest(host.rest) !== thread) {
    const address = rip(session, thread);
    const reply = address === undefined ? undefined : waitForTurn(session, thread, address);
    if (reply !== undefined) return reply;
    if (threadOfRest(host.rest) !== thread) return undefined;
  }
  const rest = host.step();
  const reply = rest.reason === 'stepped' ? undefined : replyTo(session, rest);
  return reply ?? (rest.reason === 'idle' ? undefined : 'done');
}

/** At a breakpoint or another stop at an address. */
function atAddressStop({ debugger: host }: GdbSession, address: bigint): boolean {
  return host.stops.some(({ enabled, addresses }) => enabled && addresses.includes(address));
}

function stepRange(session: GdbSession, motion: Extract<Motion, { kind: 'range' }>): string | undefined {
  const { thread, start, end } = motion;
  for (let n = 0; n < STEPS; n++) {
    const outcome = stepThread(session, thread);
    if (outcome !== 'done') return outcome;
    const at = rip(session, thread);
    if (at === undefined || at < start || at >= end || atAddressStop(session, at)) return stepped(session, thread);
  }
  return undefined;
}

/** To before the latest instruction of `thread`, or so far back as one slice goes. */
function stepThreadBack(session: GdbSession, thread: number): string | undefined {
  const { debugger: host } = session;
  const { instruction: last } = host.rest;
  const before = host.stepBack();
  if (before.reason === 'beginning') return replyTo(session, before);
  const task = findThread(host.box, thread)?.task;
  if (task === undefined || threadOfRest(before) === thread) return stepped(session, thread);
  // others have executed since: forwards again over a stretch that ends here
  const from = Math.max(host.reach.first, last - STEPS);
  let found: number | undefined;
  let rest = host.goTo(from);
  for (let n = from; n < last && rest.instruction < last; n++) {
    if (threadOfRest(rest) === thread) found = rest.instruction;
    rest = host.step();
  }
  host.goTo(found ?? from);
  return found === undefined ? undefined : stepped(session, thread);
}

/** The reply when the instruction before this point meets one of gdb's watchpoints: then it has been undone. */
function undoWatched(session: GdbSession): string | undefined {
  const { debugger: host } = session;
  const watch = host.rest.stop?.kind === 'memory' ? session.breakpoints.find(host.rest.stop.id) : undefined;
  if (host.rest.reason !== 'stopped' || watch === undefined) return undefined;
  host.stepBack();
  return stopReply(session, GdbSignal.trap, breakpointFields(session, watch));
}

/** To the latest stop before now. gdb wants to be before the instruction that a watchpoint is about, and not behind it. */
function continueBack(session: GdbSession): string | undefined {
  const { debugger: host } = session;
  if (session.slices === undefined) {
    const reply = session.breakpoints.watching ? undoLatest(session) : undefined;
    if (reply !== undefined) return reply;
    session.slices = unwatched(session, () => host.inSlices('back-to-stop'));
  }
  const rest = session.slices.next();
  if (rest === undefined) return undefined;
  session.slices = undefined;
  return undoWatched(session) ?? replyTo(session, rest);
}

/** The reply when the instruction before this point, which is the first that going back comes to, is about a watchpoint. */
function undoLatest(session: GdbSession): string | undefined {
  const { debugger: host } = session;
  if (host.stepBack().reason === 'beginning') return replyTo(session, host.rest);
  host.step();
  return undoWatched(session);
}

/** One slice of a motion: what to reply, or undefined when it is not over. */
function advance(session: GdbSession, motion: Motion): string | undefined {
  const { debugger: host } = session;
  switch (motion.kind) {
    case 'continue':
      return replyTo(session, host.continue({ budget: SLICE }));
    case 'step': {
      const outcome = stepThread(session, motion.thread);
      return outcome === 'done' ? stepped(session, motion.thread) : outcome;
    }
    case 'range':
      return stepRange(session, motion);
    case 'reverse-step':
      return stepThreadBack(session, motion.thread);
    case 'reverse-continue':
      return continueBack(session);
  }
}

/** What went wrong while it ran: gdb is told, and execution rests. */
function troubled(session: GdbSession, error: unknown): string {
  if (!(error instanceof DebuggerError) && !(error instanceof BoxError)) throw error;
  sendConsole(session, `${error.message}\n`);
  return stopReply(session, GdbSignal.trap, '');
}

const isWatch = (reply: string): boolean => /^T\w\w[ra]?watch:/.test(reply);

/**
 * Has gdb read the libraries before it hears of a stop. It then reads what it watches, too: the access that a watchpoint is about
 * must not have happened yet, or not have been undone, or gdb would see no change.
 */
function hold(session: GdbSession, { kind }: Motion, reply: string): void {
  const { debugger: host } = session;
  const backwards = kind === 'reverse-continue' || kind === 'reverse-step';
  if (!isWatch(reply)) session.held = { reply, by: undefined };
  else {
    if (backwards) host.step();
    else host.stepBack();
    session.held = { reply, by: backwards ? 'stepBack' : 'step' };
  }
  sendText(session, libraryReply(session));
}

/** Sends a stop reply; one that gdb must read the libraries for waits until it has. */
function finish(session: GdbSession, motion: Motion, reply: string): void {
  giveUp(session);
  session.interrupted = false;
  noteProgram(session);
  const final = /^[WX]/.test(reply);
  if (!final) {
    session.thread = threadOfReply(session, reply);
    session.motionThread = session.thread;
    session.lastStop = reply;
  }
  if (!final && !reply.includes(LIBRARY) && librariesChanged(session)) {
    hold(session, motion, reply);
    return;
  }
  sendText(session, reply);
  if (final) session.options.onEnd?.('exited');
}

/** Nothing goes on any more. What has led backwards is undone. */
export function giveUp(session: GdbSession): void {
  session.motion = undefined;
  session.slices?.giveUp();
  session.slices = undefined;
}

function threadOfReply({ debugger: { rest } }: GdbSession, reply: string): number {
  const id = /;?thread:([0-9a-f]+);/.exec(reply)?.[1];
  return id === undefined ? threadOfRest(rest) : Number.parseInt(id, 16);
}

function turn(session: GdbSession): void {
  const { motion } = session;
  if (motion === undefined || session.ended) return;
  let reply: string | undefined;
  try {
    reply = advance(session, motion);
  } catch (error) {
    reply = troubled(session, error);
  }
  if (reply === undefined && session.interrupted) {
    giveUp(session);
    reply = stopReply(session, GdbSignal.int, '');
  }
  if (reply === undefined) session.host.later(() => turn(session));
  else finish(session, motion, reply);
}

/** Begins a motion; the reply comes when it is over. @throws {PacketError} for a thread that does not exist */
export function move(session: GdbSession, motion: Motion): void {
  if ('thread' in motion) requireThread(session.debugger.box, motion.thread);
  const { held } = session;
  if (held !== undefined) {
    session.held = undefined;
    if (held.by !== undefined) session.debugger[held.by]();
    sendText(session, held.reply);
    return;
  }
  session.motion = motion;
  session.interrupted = false;
  turn(session);
}

/** ^C: heard where the slice ends; without a motion it is a stop that gdb need not be told of. */
export function interrupt(session: GdbSession): void {
  if (session.motion !== undefined) session.interrupted = true;
}
