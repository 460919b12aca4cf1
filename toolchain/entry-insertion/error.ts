export type EntryInsertionErrorCode =
  | 'no-program-objects'
  | 'no-symbol-table'
  | 'bad-section'
  | 'missing-relocation'
  | 'unknown-program-type'
  | 'section-mismatch'
  | 'bad-program'
  | 'bad-name'
  | 'duplicate-name'
  | 'missing-entry-function'
  | 'too-large'
  | 'not-loadable';

/** Why no entry functions were inserted; the message names the object or section, what was got and what was expected. */
export class EntryInsertionError extends Error {
  readonly code: EntryInsertionErrorCode;

  constructor(code: EntryInsertionErrorCode, message: string) {
    super(`entry insertion: ${message}`);
    this.name = 'EntryInsertionError';
    this.code = code;
  }
}
