export interface SignalAction {
  /** 0 SIG_DFL, 1 SIG_IGN, else the handler's address */
  readonly handler: bigint;
  readonly flags: bigint;
  readonly restorer: bigint;
  readonly mask: bigint;
}

/** siginfo_t of a pending signal, the fields that senders fill. */
export interface PendingSignal {
  readonly number: number;
  readonly code: number;
  readonly pid: number;
  /** si_addr of a fault, or 0 */
  readonly address: bigint;
}

export interface SignalState {
  /** blocked signals, bit n-1 for signal n */
  blocked: bigint;
  /** sent to the thread; at most one of each number */
  readonly pending: PendingSignal[];
  /** sent to the process, for the first of its threads that takes it; at most one of each number */
  readonly shared: PendingSignal[];
  /** by number; shared by the threads of a process */
  readonly actions: Map<number, SignalAction>;
  alternateStack: { readonly pointer: bigint; readonly size: bigint; readonly flags: number };
  /** set by sigsuspend: the mask to put back after a handler */
  savedMask: bigint | undefined;
}
