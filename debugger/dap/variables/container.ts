/** What has children in the client's view of variables. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { DapSession } from '../session.ts';

/** Plain data, so that the same container has the same number as long as it rests. */
export type Container =
  | { readonly kind: 'registers'; readonly thread: number }
  | { readonly kind: 'register-group'; readonly thread: number; readonly group: string }
  | { readonly kind: 'pt_regs'; readonly pid: number }
  | { readonly kind: 'instruction' }
  | { readonly kind: 'values'; readonly of: 'reads' | 'writes' }
  | { readonly kind: 'maps' }
  | { readonly kind: 'map'; readonly id: number }
  | { readonly kind: 'tasks' }
  | { readonly kind: 'task'; readonly pid: number }
  | { readonly kind: 'kernel' }
  | { readonly kind: 'lines'; readonly of: 'log' | 'trace' }
  | { readonly kind: 'programs' };

/** Of indexed children: from `start` on, at most `count`. */
export interface Page {
  readonly start: number;
  readonly count: number;
}

/** What a kind of container does. */
export interface ContainerRow<Kind extends Container['kind']> {
  children(
    session: DapSession,
    container: Extract<Container, { kind: Kind }>,
    page: Page,
  ): readonly DebugProtocol.Variable[];
  /** Writes a child. @throws {RequestError | DebuggerError} */
  set?(session: DapSession, container: Extract<Container, { kind: Kind }>, name: string, value: bigint): void;
  /**
   * What a data breakpoint on a child waits for, in the debugger's words for stops: `register rax`, or a place as
   * `0xffff888000001000:8`. Undefined: nothing.
   */
  watch?(session: DapSession, container: Extract<Container, { kind: Kind }>, name: string): string | undefined;
}

export type ContainerRows<Kind extends Container['kind']> = { readonly [Each in Kind]: ContainerRow<Each> };

/** A child without children of its own. */
export const leaf = (
  name: string,
  value: string,
  more: Partial<DebugProtocol.Variable> = {},
): DebugProtocol.Variable => ({ name, value, variablesReference: 0, ...more });
