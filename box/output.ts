/** What the programs of one run wrote to a standard stream. */
export interface Output {
  readonly bytes: Uint8Array;
  /** as UTF-8 */
  readonly text: string;
  /** more was written than is kept: see OUTPUT_LIMIT */
  readonly truncated: boolean;
}

/** Bytes of a stream that a run keeps. Listeners get all of them. */
export const OUTPUT_LIMIT = 64 << 20;

export interface OutputBuffer {
  chunks: Uint8Array[];
  length: number;
  truncated: boolean;
}

export const createOutput = (): OutputBuffer => ({ chunks: [], length: 0, truncated: false });

export function appendOutput(buffer: OutputBuffer, bytes: Uint8Array): void {
  const part = bytes.subarray(0, OUTPUT_LIMIT - buffer.length);
  if (part.length < bytes.length) buffer.truncated = true;
  if (part.length === 0) return;
  buffer.chunks.push(part);
  buffer.length += part.length;
}

export function finishOutput({ chunks, length, truncated }: OutputBuffer): Output {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return { bytes, text: new TextDecoder().decode(bytes), truncated };
}
