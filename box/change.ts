/** Runs an action of the host's that changes the box between two instructions, and lets history know. */
export type Change = <Result>(action: () => Result) => Result;

/** Where there is no history. */
export const unnoted: Change = (action) => action();
