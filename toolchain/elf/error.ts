export type ElfErrorCode =
  | 'truncated'
  | 'bad-magic'
  | 'not-elf64'
  | 'not-little-endian'
  | 'bad-version'
  | 'bad-machine'
  | 'bad-header'
  | 'bad-program-header'
  | 'bad-section'
  | 'bad-string'
  | 'bad-symbol-table'
  | 'bad-relocation-table'
  | 'too-large'
  | 'unmapped-address';

/** Any malformed ELF file; the message names the place, what was got and what was expected. */
export class ElfError extends Error {
  readonly code: ElfErrorCode;

  constructor(code: ElfErrorCode, message: string) {
    super(`elf: ${message}`);
    this.name = 'ElfError';
    this.code = code;
  }
}
