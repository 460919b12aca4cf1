export type StackSafetyErrorCode =
  /** a path, or a frame where checks are made at run time, is larger than the limit */
  | 'frame-too-large'
  /** a function whose frame has no constant size */
  | 'unknown-frame'
  /** code that is no instruction, or a jump or call to where no function and no instruction begins */
  | 'bad-code'
  /** the rex crate's stack check is missing */
  | 'missing-check'
  /** the rewritten image is not what was meant */
  | 'not-rewritten';

/** Why an image's stack use cannot be kept within bounds; the message names the function. */
export class StackSafetyError extends Error {
  readonly code: StackSafetyErrorCode;

  constructor(code: StackSafetyErrorCode, message: string) {
    super(message);
    this.name = 'StackSafetyError';
    this.code = code;
  }
}
