/** What can be typed in the debug console beside expressions: one row a command. */
import { didYouMean } from '../../toolchain/assembler/did-you-mean.ts';
import { printableText } from '../../lib/printable.ts';
import { allThreads, threadName, threadText } from '../gdb/threads.ts';
import { mapLines } from '../screen/panels/maps.ts';
import { textOf } from '../screen/style.ts';
import { explainLines, requireArgument, stopText, storyLines, wholeNumber, whereText } from '../console.ts';
import { RequestError } from './errors.ts';
import { targetOf, type DapSession, type Target } from './session.ts';
import { sendStopped } from './stopped.ts';

/** lines that a command prints at most: the last */
const MOST_LINES = 500;

interface Row {
  readonly name: string;
  /** what follows it, as `N` */
  readonly usage: string;
  readonly text: string;
  /** Lines. RequestError, DebuggerError, BoxError. */
  run(target: Target, argument: string, session: DapSession): readonly string[];
}

/** The client is told that it rests elsewhere. */
function goTo(target: Target, argument: string, session: DapSession): string[] {
  const rest = target.debugger.goTo(
    wholeNumber(requireArgument(argument, 'an instruction number'), 'an instruction number'),
  );
  target.variables.clear();
  session.afterResponse.push(() => sendStopped(session, target, rest, false, 'goto'));
  return [whereText(rest)];
}

// prettier-ignore
const rows: readonly Row[] = [
  { name: 'help', usage: '', text: 'this list', run: () => helpLines() },
  { name: 'where', usage: '', text: 'the point in time, and what is there',
    run: ({ debugger: host }) => [whereText(host.rest), `recorded: ${host.reach.first} to ${host.reach.last}`] },
  { name: 'story', usage: '', text: 'how execution came here: a call stack over privilege and stack switches', run: ({ debugger: host }) => storyLines(host) },
  { name: 'explain', usage: '', text: 'what the next instruction does, with its values', run: ({ debugger: host }) => explainLines(host) },
  { name: 'maps', usage: '', text: 'BPF maps and their elements', run: ({ debugger: { box } }) => mapLines(box.kernel).map(textOf) },
  { name: 'tasks', usage: '', text: 'processes, threads, processors',
    run: ({ debugger: host }) => allThreads(host).map((thread) => `${threadName(thread).padEnd(16)} ${threadText(thread)}`) },
  { name: 'dmesg', usage: '', text: 'the kernel log', run: ({ debugger: { box } }) => box.kernelLog },
  { name: 'trace_pipe', usage: '', text: 'what waits in trace_pipe', run: ({ debugger: { box } }) => box.tracePipe },
  { name: 'stops', usage: '', text: 'where it stops: breakpoints, and what `stop` has set',
    run: ({ debugger: { stops } }) => (stops.length === 0 ? ['none'] : stops.map(stopText)) },
  { name: 'stop', usage: 'TEXT', text: 'stops also at: syscall dup, kprobe, program err_injector, helper, write 0x…:8, main.rs:19 if rax == 1',
    run({ debugger: host }, argument) {
      const { target, options } = host.parseStop(requireArgument(argument, 'what to stop at, as: syscall dup'));
      return [stopText(host.addStop(target, options))];
    } },
  { name: 'delete', usage: 'N', text: 'removes what `stop` has set as number N',
    run({ debugger: host, breakpoints }, argument) {
      const id = wholeNumber(requireArgument(argument, "a stop's number"), "a stop's number");
      if (breakpoints.find(id) !== undefined) throw new RequestError(`stop ${id} is a breakpoint: remove it there`);
      host.removeStop(id);
      return [];
    } },
  { name: 'goto', usage: 'N', text: 'goes to before instruction N, counted since boot, backwards or forwards', run: goTo },
];

function helpLines(): string[] {
  const left = rows.map(({ name, usage }) => `${name} ${usage}`.trim());
  const width = Math.max(...left.map((text) => text.length)) + 2;
  return [
    ...rows.map(({ text }, n) => `${left[n]!.padEnd(width)}${text}`),
    'anything else is an expression: rax, u64[rsp+8], pid == 3',
  ];
}

/** What a command prints; undefined when it is none. @throws {RequestError | DebuggerError | BoxError} */
export function runCommand(session: DapSession, line: string): string | undefined {
  const [, name = '', argument = ''] = /^\s*(\S*)\s*([^]*?)\s*$/.exec(line) ?? [];
  const row = rows.find((each) => each.name === name);
  const lines = row?.run(targetOf(session), argument, session);
  return lines && printableText(lines.slice(-MOST_LINES).join('\n'));
}

/** ` (did you mean …?)` where a command is nearly that. */
export const commandHint = (line: string): string =>
  didYouMean(
    /^\s*(\S*)/.exec(line)?.[1] ?? '',
    rows.map(({ name }) => name),
  );
