export type DwarfErrorCode = 'truncated' | 'bad-value' | 'unsupported' | 'too-large';

/** Malformed or refused debug information; the message names section and offset, what was got and what was expected. */
export class DwarfError extends Error {
  readonly code: DwarfErrorCode;
  /** `.debug_info`, … */
  readonly section: string;
  /** in the section, bytes */
  readonly offset: number;

  constructor(code: DwarfErrorCode, section: string, offset: number, message: string) {
    super(`dwarf: ${section} at 0x${offset.toString(16)}: ${message}`);
    this.name = 'DwarfError';
    this.code = code;
    this.section = section;
    this.offset = offset;
  }
}
