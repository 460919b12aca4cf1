/** Bytes that are no saved box, or none that this build can go on with. */
export class SavedBoxError extends Error {
  override readonly name = 'SavedBoxError';
  readonly code: SavedBoxFault;

  constructor(code: SavedBoxFault, message: string, options?: ErrorOptions) {
    super(`saved box: ${message}`, options);
    this.code = code;
  }
}

export type SavedBoxFault =
  /** it does not begin as one */
  | 'magic'
  /** of another version of the format, or of a build with other kernel functions or records */
  | 'version'
  /** it ends too early */
  | 'truncated'
  /** the checksum is another */
  | 'checksum'
  /** something in it makes no sense */
  | 'malformed';
