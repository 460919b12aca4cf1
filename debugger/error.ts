/** What whoever uses the debugger has got wrong: what was got, what was expected, and where possible what to try. */

export type DebuggerErrorCode =
  /** a text that is no stop or no expression */
  | 'syntax'
  /** a name that nothing has */
  | 'unknown-name'
  /** an address, a length or a number out of range */
  | 'range'
  /** an operation on values that it does not go with, as a text plus a number */
  | 'type'
  /** memory that is not mapped */
  | 'unmapped'
  /** a division by 0 */
  | 'divide'
  /** a stop, task or processor that does not exist */
  | 'not-there'
  /** what cannot be done here, as going back without a history */
  | 'unsupported';

export class DebuggerError extends Error {
  override readonly name = 'DebuggerError';
  readonly code: DebuggerErrorCode;

  constructor(code: DebuggerErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** An address as messages and texts of stops have it. */
export const hex = (value: bigint): string => (value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

/** A name as a message quotes it, cut where it is long. */
export const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
