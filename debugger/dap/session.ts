/** What one connection of a client keeps, and what it is given to work with. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { EngineName } from '../../cpu/engine.ts';
import type { Process } from '../../box/spawn.ts';
import type { Debugger, Rest } from '../types.ts';
import type { Breakpoints } from './breakpoints.ts';
import { RequestError } from './errors.ts';
import type { SourceFiles } from './source-files.ts';
import type { Variables } from './variables/index.ts';

/** What a `launch` request asks for: a sample, or a program of this host. */
export interface LaunchConfiguration {
  readonly sample: string | undefined;
  /** path of a static ELF program */
  readonly program: string | undefined;
  readonly arguments: readonly string[];
  readonly cpus: number | undefined;
  /** MiB */
  readonly memory: number | undefined;
  readonly seed: number | undefined;
  readonly schedule: number | undefined;
  readonly engine: EngineName | undefined;
  readonly avx: boolean;
  /** path of a file in the place of the kernel's rex_64.S */
  readonly dispatcher: string | undefined;
  readonly stopOnEntry: boolean;
  /** at the end of the process it rests, so that one can go back; else the session is over */
  readonly stopOnExit: boolean;
}

/** A box ready to run. */
export interface Launched {
  readonly debugger: Debugger;
  /** the process whose end is the end of the session */
  readonly process: Process;
  /**
   * Called where nothing can run any more: true when the host has done something, as started the next program of a sample, by
   * which something can.
   */
  readonly onIdle?: () => boolean;
}

/** Sources on the disk of the host, where the client opens them by itself. */
export interface HostSources {
  /** The path of a source by what debug information calls it, if what is there is `text`; undefined: any text. */
  pathOf(file: string, text: string | undefined): string | undefined;
  /** What debug information calls a file of the host, or the end of that. */
  nameOf(path: string): string;
}

export interface DapOptions {
  readonly sources: HostSources;
  /** Rejects with RequestError for what cannot be launched. */
  launch(configuration: LaunchConfiguration): Promise<Launched>;
  /** Called with what no request should be able to cause. */
  readonly onError?: (error: unknown) => void;
}

/** The other side of the connection. */
export interface DapHost {
  send(message: DebugProtocol.ProtocolMessage): void;
  /** Calls `action` when what has come in meanwhile has been received, and what was sent is on its way. */
  later(action: () => void): void;
  /** Closes the connection once everything has been sent. */
  close(): void;
}

/** What the client has asked for; one at a time. */
export interface Motion {
  /** A part of it, after which the client is heard: where it has come to rest, or undefined when it goes on. */
  slice(): Rest | undefined;
  /** When it has been interrupted. */
  readonly giveUp?: () => void;
}

export interface DapSession {
  readonly host: DapHost;
  readonly options: DapOptions;
  sendEvent(event: DebugProtocol.Event): void;
  /** What the client understands. */
  client: { readonly lineBase: 0 | 1; readonly columnBase: 0 | 1; readonly invalidated: boolean };
  initialized: boolean;
  /** what was asked for: undefined before */
  configuration: LaunchConfiguration | undefined;
  target: Target | undefined;
  motion: Motion | undefined;
  /** `pause` has come while it runs */
  interrupted: boolean;
  /** the client has been told that it is over */
  terminated: boolean;
  ended: boolean;
  /** what is to be done once the response has been sent */
  readonly afterResponse: (() => void)[];
}

/** What has been launched, and what is known of it. */
export interface Target extends Launched {
  readonly breakpoints: Breakpoints;
  readonly variables: Variables;
  readonly sources: SourceFiles;
  /** the thread that was looked at last: its memory is meant by user addresses */
  thread: number;
  /** what is behind `configurationDone` */
  started: boolean;
  /** detaches what listens to the box */
  readonly detach: () => void;
}

/** @throws {RequestError} before `launch` */
export function targetOf({ target }: DapSession): Target {
  if (target !== undefined) return target;
  throw new RequestError('nothing has been launched yet');
}

/** The target at rest. @throws {RequestError} `notStopped` while it runs, as the protocol wants it */
export function restingTarget(session: DapSession): Target {
  const target = targetOf(session);
  if (session.motion === undefined) return target;
  throw new RequestError('notStopped');
}
