import type { Outside } from './outside.ts';
import type { BridgeStatistics } from './statistics.ts';

/** The only address of the host that a bridge binds or connects to. */
export const LOOPBACK = '127.0.0.1';

/** What the host's side of a bridge works with. */
export interface BridgeContext {
  readonly outside: Outside;
  readonly statistics: BridgeStatistics;
  /** Something has happened that the box may have to see. */
  wake(): void;
  /** Is called once, when the bridge closes. */
  onClose(action: () => void): void;
}
