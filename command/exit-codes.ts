/** What the command's exit status says; programs from the host keep their own. */
export const ExitCode = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  cannotLoad: 3,
  oops: 5,
  unimplemented: 6,
  budget: 42,
  /** EX_SOFTWARE of sysexits.h */
  internal: 70,
  /** EX_IOERR of sysexits.h */
  output: 74,
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
  [ExitCode.cannotLoad, 'cannot load: a file, the memory or the port is not to be had'],
  [ExitCode.oops, 'the kernel stopped: oops or panic'],
  [ExitCode.unimplemented, 'needed an instruction or system call that is not implemented'],
  [ExitCode.budget, 'the instruction budget was used up'],
  [ExitCode.internal, 'an error of this command itself'],
  [ExitCode.output, 'the output could not be written'],
  [ExitCode.interrupted, 'interrupted'],
  [ExitCode.brokenPipe, 'nobody reads the output any more'],
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
