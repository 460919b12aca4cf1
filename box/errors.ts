import { Errno, type ErrnoName } from '../kernel/errno.ts';
import { errnoMessages } from '../kernel/errno-messages.ts';

/** What a caller of the public API has got wrong, or what the kernel refused: then with its errno. */
export class BoxError extends Error {
  override readonly name = 'BoxError';
  readonly code: ErrnoName | undefined;

  constructor(message: string, code?: ErrnoName) {
    super(message);
    this.code = code;
  }
}

/**
 * Runs `action`, which the host asks of the kernel; a refusal becomes a BoxError that begins with `what` and ends with `advice`.
 */
export function asked<Result>(
  what: string,
  action: () => Result,
  advice: (code: ErrnoName) => string = () => '',
): Result {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    const { code } = error;
    throw new BoxError(`${what}: ${code} (${errnoMessages[code] ?? 'kernel-internal'})${advice(code)}`, code);
  }
}

/** `value` when it is a whole number in the range; BoxError. */
export function checkInteger(what: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new BoxError(`${what}: got ${String(value)}, expected a whole number from ${least} to ${most}`);
}
