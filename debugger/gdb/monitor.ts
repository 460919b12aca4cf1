/** `monitor …`: what gdb has no command for. One row a command. */
import { didYouMean } from '../../toolchain/assembler/did-you-mean.ts';
import { explainLines, requireArgument, stopText, storyLines, wholeNumber, whereText } from '../console.ts';
import { DebuggerError, quote } from '../error.ts';
import { mapLines } from '../screen/panels/maps.ts';
import { textOf } from '../screen/style.ts';
import type { GdbSession, MonitorCommand } from './session.ts';
import { allThreads, threadName, threadText, threadOfRest } from './threads.ts';
import type { Rest, Stop } from '../types.ts';

/** lines that a command prints at most: the last */
const MOST_LINES = 500;
/** points in time that have a name */
const MOST_MARKS = 1000;

interface Row extends Omit<MonitorCommand, 'run'> {
  /** Lines. DebuggerError, BoxError. */
  run(session: GdbSession, argument: string): readonly string[];
}

/** gdb does not know that a monitor command has moved the box. */
const MOVED = 'gdb still shows where it was: maintenance flush register-cache';

/** What has been moved rests elsewhere: gdb's thread is the one there. */
function moved(session: GdbSession, rest: Rest): string[] {
  session.thread = threadOfRest(rest);
  session.motionThread = 0;
  return [whereText(rest), MOVED];
}

const ownStops = (session: GdbSession): Stop[] =>
  session.debugger.stops.filter(({ id }) => !session.ownStops.has(id) && session.breakpoints.find(id) === undefined);

function eventLine(event: object): string {
  return JSON.stringify(event, (_, value: unknown) => {
    if (typeof value === 'bigint')
      return Number.isSafeInteger(Number(value)) ? Number(value) : `0x${value.toString(16)}`;
    return value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
  });
}

function chooseProgram(session: GdbSession, argument: string): string[] {
  const { kernel } = session.debugger.box;
  if (argument === 'auto') session.pinnedProgram = undefined;
  else if (argument !== '') {
    const pid = wholeNumber(argument, 'a pid, or auto');
    if (kernel.tasks.get(pid)?.addressSpace === undefined) {
      throw new DebuggerError('not-there', `process ${pid} does not exist, or has no program`);
    }
    session.pinnedProgram = pid;
  }
  const rows = [...kernel.tasks.values()].filter(({ addressSpace }) => addressSpace !== undefined);
  const chosen =
    session.pinnedProgram === undefined ? 'that of the process where it rests' : `that of ${session.pinnedProgram}`;
  return [
    ...rows.map(({ pid, executable }) => `${pid}  ${executable}`),
    `gdb has the symbols of one program: ${chosen}`,
    ...(argument === '' ? [] : ['gdb reads them at the next stop, or with: info sharedlibrary']),
  ];
}

// prettier-ignore
const rows: readonly Row[] = [
  { name: 'help', usage: '', text: 'this list', run: (session) => helpLines(session) },
  { name: 'where', usage: '', text: 'the point in time, and what is there',
    run: ({ debugger: host }) => [whereText(host.rest), `recorded: ${host.reach.first} to ${host.reach.last}`] },
  { name: 'story', usage: '', text: 'how execution came here: a call stack over privilege and stack switches', run: ({ debugger: host }) => storyLines(host) },
  { name: 'explain', usage: '', text: 'what the next instruction does, with its values', run: ({ debugger: host }) => explainLines(host) },
  { name: 'maps', usage: '', text: 'BPF maps and their elements',
    run: ({ debugger: { box } }) => mapLines(box.kernel).map(textOf) },
  { name: 'tasks', usage: '', text: 'processes, threads, processors',
    run: ({ debugger: host }) => allThreads(host).map((thread) => `${threadName(thread).padEnd(16)} ${threadText(thread)}`) },
  { name: 'dmesg', usage: '', text: 'the kernel log', run: ({ debugger: { box } }) => box.kernelLog },
  { name: 'trace_pipe', usage: '', text: 'what waits in trace_pipe', run: ({ debugger: { box } }) => box.tracePipe },
  { name: 'events', usage: '[N]', text: 'the last events (20)',
    run: ({ debugger: { box } }, argument) =>
      box.events.slice(-wholeNumber(argument || '20', 'how many')).map(eventLine) },
  { name: 'stop', usage: 'TEXT', text: 'stops also at: syscall dup, kprobe, program err_injector, helper, panic, main.rs:19 if rax == 1',
    run({ debugger: host }, argument) {
      const { target, options } = host.parseStop(requireArgument(argument, 'what to stop at, as: syscall dup'));
      return [stopText(host.addStop(target, options))];
    } },
  { name: 'stops', usage: '', text: 'what `monitor stop` has set',
    run(session) {
      const stops = ownStops(session);
      return stops.length === 0 ? ['none'] : stops.map(stopText);
    } },
  { name: 'delete', usage: 'N', text: 'removes the stop of that number',
    run(session, argument) {
      const id = wholeNumber(requireArgument(argument, "a stop's number"), "a stop's number");
      if (!ownStops(session).some((stop) => stop.id === id)) throw new DebuggerError('not-there', `there is no stop ${id}`);
      session.debugger.removeStop(id);
      return [];
    } },
  { name: 'snapshot', usage: 'NAME', text: 'gives this point in time a name',
    run({ debugger: host, marks }, argument) {
      const name = requireArgument(argument, 'a name');
      if (marks.size >= MOST_MARKS && !marks.has(name)) throw new DebuggerError('range', `there are ${MOST_MARKS} names already`);
      marks.set(name, host.rest.instruction);
      return [`${name}: instruction ${host.rest.instruction.toLocaleString('en-US')}`];
    } },
  { name: 'restore', usage: 'NAME', text: 'goes to the point of that name',
    run(session, argument) {
      const { marks } = session;
      const point = marks.get(requireArgument(argument, 'a name'));
      if (point !== undefined) return moved(session, session.debugger.goTo(point));
      throw new DebuggerError('not-there', `there is no snapshot ${quote(argument)}${didYouMean(argument, marks.keys())}`);
    } },
  { name: 'goto', usage: 'N', text: 'goes to before instruction N, counted since boot, backwards or forwards',
    run: (session, argument) =>
      moved(session, session.debugger.goTo(wholeNumber(requireArgument(argument, 'an instruction number'), 'an instruction number'))) },
  { name: 'program', usage: '[PID|auto]', text: 'whose program gdb has the symbols of', run: chooseProgram },
  { name: 'exit', usage: 'stop|report', text: 'at the end of the process: stop, so that gdb can go back, or report it (default)',
    run(session, argument) {
      if (argument !== 'stop' && argument !== 'report') throw new DebuggerError('syntax', `got ${quote(argument)}, expected stop or report`);
      session.reportExit = argument === 'report';
      return [];
    } },
];

function helpLines({ options }: GdbSession): string[] {
  const all = [...rows, ...(options.commands ?? [])].map(
    ({ name, usage, text }) => [`${name} ${usage}`.trim(), text] as const,
  );
  const width = Math.max(...all.map(([left]) => left.length)) + 2;
  return all.map(([left, text]) => `monitor ${left.padEnd(width)}${text}`);
}

/** What a command line prints. @throws {DebuggerError | BoxError} */
export function runMonitor(session: GdbSession, line: string): string {
  const [, name = '', argument = ''] = /^\s*(\S*)\s*([^]*?)\s*$/.exec(line) ?? [];
  if (name === '') return runMonitor(session, 'help');
  const own = session.options.commands?.find((command) => command.name === name);
  if (own !== undefined) return own.run(argument);
  const row = rows.find((command) => command.name === name);
  if (row === undefined) {
    const names = [...rows, ...(session.options.commands ?? [])].map((command) => command.name);
    throw new DebuggerError(
      'unknown-name',
      `there is no command ${quote(name)}${didYouMean(name, names) || '; try: monitor help'}`,
    );
  }
  const lines = row.run(session, argument);
  return lines.length === 0 ? '' : `${lines.slice(-MOST_LINES).join('\n')}\n`;
}
