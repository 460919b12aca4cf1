/** What the command's exit status says; programs from the host keep their own. */
export const ExitCode = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  cannotLoad: 3,
  oops: 5,
  unimplemented: 6,
  budget: 42,
  /** by a signal, or by the debugger that drives it */
  interrupted: 130,
  /** by SIGPIPE, as a shell reports it */
  brokenPipe: 141,
} as const;

/** For the help. */
export const exitCodeRows: readonly (readonly [code: number | string, meaning: string])[] = [
  [ExitCode.ok, 'ran and met its expectation'],
  [ExitCode.unexpected, 'ran and did not'],
  [ExitCode.usage, 'wrong usage'],
  [ExitCode.cannotLoad, 'cannot load the program'],
  [ExitCode.oops, 'the kernel stopped: oops or panic'],
  [ExitCode.unimplemented, 'needed an instruction or system call that is not implemented'],
  [ExitCode.budget, 'the instruction budget was used up'],
  [ExitCode.interrupted, 'interrupted'],
];

/** Ends the command with a message and a status. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
