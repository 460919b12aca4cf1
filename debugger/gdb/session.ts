/** What one connection of gdb keeps, and what it is given to work with. */
import type { Process } from '../../box/spawn.ts';
import type { DebugFiles } from '../source/index.ts';
import type { Debugger, MotionInSlices, Rest } from '../types.ts';
import type { Breakpoints } from './breakpoints.ts';
import type { FileServer } from './file-server.ts';
import type { Libraries, Library } from './libraries.ts';

/** The other side of the connection. */
export interface GdbHost {
  send(bytes: Uint8Array): void;
  /** Calls `action` when what has come in meanwhile has been received. */
  later(action: () => void): void;
  /** Closes the connection once everything has been sent. */
  close(): void;
}

/** A command after `monitor`, beside those that there are. */
export interface MonitorCommand {
  readonly name: string;
  /** what follows it, as `NAME` */
  readonly usage: string;
  readonly text: string;
  /** What it prints. DebuggerError, BoxError. */
  run(argument: string): string;
}

export interface GdbOptions {
  /** the process whose end is the end of the inferior */
  readonly process?: Process;
  readonly debugFiles?: DebugFiles;
  readonly commands?: readonly MonitorCommand[];
  /**
   * Called where nothing can run any more: true when the host has done something, as started the next program of a sample, by
   * which something can.
   */
  readonly onIdle?: () => boolean;
  /** Called when gdb has let go of the box, or wants it to end. */
  readonly onEnd?: (how: 'detached' | 'killed' | 'exited') => void;
}

/** What gdb has asked for: one motion at a time. */
export type Motion =
  | { readonly kind: 'continue' }
  /** one instruction of thread `thread` */
  | { readonly kind: 'step'; readonly thread: number }
  /** as long as the thread is in [start, end) */
  | { readonly kind: 'range'; readonly thread: number; readonly start: bigint; readonly end: bigint }
  | { readonly kind: 'reverse-step'; readonly thread: number }
  | { readonly kind: 'reverse-continue' };

export interface HeldReply {
  readonly reply: string;
  /** the motion by which the box comes to where the reply is about */
  readonly by: 'step' | 'stepBack' | undefined;
}

export interface GdbSession {
  readonly debugger: Debugger;
  readonly host: GdbHost;
  readonly options: GdbOptions;
  readonly libraries: Libraries;
  readonly files: FileServer;
  readonly breakpoints: Breakpoints;
  /** what gdb said that it understands */
  readonly understands: { noAcks: boolean; softwareBreaks: boolean; hardwareBreaks: boolean; errorMessages: boolean };
  /** the thread that registers and memory are read of */
  thread: number;
  /** the thread that `c` and `s` are about; 0: any */
  motionThread: number;
  motion: Motion | undefined;
  /** of one that leads backwards: what is under way */
  slices: MotionInSlices | undefined;
  /** ^C has come while it runs */
  interrupted: boolean;
  /** of the program that gdb has the symbols of: a pid; undefined: follow where it comes to rest */
  pinnedProgram: number | undefined;
  /** the pid whose program gdb has been told of last */
  shownProgram: number | undefined;
  /** paths that gdb has been told of; undefined as long as it has not asked */
  toldLibraries: string | undefined;
  /** stops of the server's own, by number */
  readonly ownStops: Set<number>;
  /** documents of qXfer by object, as they were when gdb began to read them */
  readonly documents: Map<string, { readonly annex: string; readonly bytes: Uint8Array }>;
  /** a stop reply that follows when gdb has read the libraries anew, and goes on */
  held: HeldReply | undefined;
  /** the answer to `?` */
  lastStop: string;
  /** points in time by name */
  readonly marks: Map<string, number>;
  /** whether the end of the process is the end for gdb, or a stop from which it can go back */
  reportExit: boolean;
  ended: boolean;
}

/** The task that symbols are shown for: where execution rests, or that which `monitor program` has chosen. */
export function librariesNow(session: GdbSession): readonly Library[] {
  const { box } = session.debugger;
  const pid = programPid(session, session.debugger.rest);
  return session.libraries.list(pid === undefined ? undefined : box.kernel.tasks.get(pid));
}

const hasProgram = ({ debugger: { box } }: GdbSession, pid: number | undefined): pid is number =>
  pid !== undefined && box.kernel.tasks.get(pid)?.addressSpace !== undefined;

function programPid(session: GdbSession, rest: Rest): number | undefined {
  const candidates = [session.pinnedProgram, rest.pid, session.shownProgram];
  const found = candidates.find((pid) => hasProgram(session, pid));
  if (found !== undefined) return found;
  return [...session.debugger.box.kernel.tasks.keys()].findLast((pid) => hasProgram(session, pid));
}

/** Remembers whose program it is, so that it stays where no other is at rest. */
export function noteProgram(session: GdbSession): void {
  session.shownProgram = programPid(session, session.debugger.rest);
}

export const libraryPaths = (libraries: readonly Library[]): string =>
  libraries.map(({ path, address }) => `${path}@${address.toString(16)}`).join('\n');
