/** Stop replies: where and why execution has come to rest, as packets. */
import { exitOf } from '../../box/spawn.ts';
import type { Breakpoint } from './breakpoints.ts';
import type { GdbSession } from './session.ts';
import { expeditedRegisters, findThread, threadOfRest } from './threads.ts';

/** gdb's numbers of signals, where they differ from Linux's or are needed here (include/gdb/signals.def). */
export const GdbSignal = { none: 0, int: 2, trap: 5, abrt: 6 } as const;

/** By name; Linux's number of it where gdb has the same. */
const gdbSignals: Readonly<Record<string, number>> = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGILL: 4, SIGTRAP: 5, SIGABRT: 6, SIGFPE: 8, SIGKILL: 9, SIGBUS: 10, SIGSEGV: 11,
  SIGSYS: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15, SIGURG: 16, SIGSTOP: 17, SIGTSTP: 18, SIGCONT: 19, SIGCHLD: 20,
  SIGTTIN: 21, SIGTTOU: 22, SIGIO: 23, SIGXCPU: 24, SIGXFSZ: 25, SIGVTALRM: 26, SIGPROF: 27, SIGWINCH: 28, SIGUSR1: 30,
  SIGUSR2: 31, SIGPWR: 32,
}; // prettier-ignore

const byte = (value: number): string => (value & 0xff).toString(16).padStart(2, '0');

/** `T05…`: `fields` are those of the reason, each with its `;`. */
export function stopReply(session: GdbSession, signal: number, fields: string, id?: number): string {
  const { debugger: host } = session;
  const thread = findThread(host.box, id ?? threadOfRest(host.rest)) ?? findThread(host.box, threadOfRest(host.rest));
  if (thread === undefined) return `S${byte(signal)}`;
  const core = thread.cpu === undefined ? '' : `core:${thread.cpu.toString(16)};`;
  const registers = expeditedRegisters(host, thread);
  return `T${byte(signal)}${fields}thread:${thread.id.toString(16)};${core}${registers}`;
}

/** The reason of a stop at one of gdb's breakpoints. */
export function breakpointFields({ understands }: GdbSession, { kind, address }: Breakpoint): string {
  if (kind === 'swbreak') return understands.softwareBreaks ? 'swbreak:;' : '';
  if (kind === 'hwbreak') return understands.hardwareBreaks ? 'hwbreak:;' : '';
  return `${kind}:${address.toString(16)};`;
}

/** `W00`: the process of the session has ended; undefined while it runs. */
export function exitReply({ debugger: { box }, options }: GdbSession): string | undefined {
  const exit = options.process === undefined ? undefined : exitOf(box.kernel, options.process);
  if (exit === undefined) return undefined;
  if (exit.signal === undefined) return `W${byte(exit.exitCode ?? 0)}`;
  return `X${byte(gdbSignals[exit.signal] ?? GdbSignal.abrt)}`;
}

/** `process 1 exited with 0` for those who are not told by a packet of its own. */
export function exitText({ debugger: { box }, options }: GdbSession): string {
  const exit = options.process === undefined ? undefined : exitOf(box.kernel, options.process);
  if (exit === undefined) return '';
  const how = exit.signal === undefined ? `exited with ${exit.exitCode}` : `was killed by ${exit.signal}`;
  return `process ${options.process!.pid} ${how}`;
}
