/** What the parts of the debugger share: the box, and what is known of the sources of its code. */
import type { Box } from '../box/box.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Inspector } from './inspector.ts';
import type { Sources } from './source/index.ts';
import type { NativeCalls } from './stops/native-calls.ts';

export interface Context {
  readonly box: Box;
  readonly kernel: Kernel;
  readonly sources: Sources;
  readonly inspector: Inspector;
  readonly natives: NativeCalls;
  /** see DebuggerOptions */
  readonly onQuiet: (() => number) | undefined;
}
