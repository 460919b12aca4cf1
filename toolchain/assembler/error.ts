/** Anything wrong with an assembly source: where it stands, what was got and what was expected. */
export class AssemblerError extends Error {
  readonly file: string;
  /** from 1 */
  readonly line: number;
  /** from 1, in UTF-16 units */
  readonly column: number;
  /** the text at that place; '' at the end of a line */
  readonly token: string;

  constructor(file: string, line: number, column: number, token: string, message: string) {
    super(`${file}:${line}:${column}: ${message}`);
    this.name = 'AssemblerError';
    this.file = file;
    this.line = line;
    this.column = column;
    this.token = token;
  }
}

/** One source text and its name. */
export interface SourceFile {
  readonly file: string;
  readonly source: string;
}

const MAX_MESSAGE = 600;
const clipped = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text);

/** `offset` is in UTF-16 units from the start of the source. */
export function errorAt({ file, source }: SourceFile, offset: number, token: string, message: string): AssemblerError {
  let line = 1;
  let start = 0;
  for (let at = source.indexOf('\n'); at !== -1 && at < offset; at = source.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return new AssemblerError(file, line, offset - start + 1, clipped(token, 80), clipped(message, MAX_MESSAGE));
}
