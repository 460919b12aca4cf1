/** What the programs of one run wrote to a standard stream. */
export interface Output {
  /** the first of it, at most OUTPUT_LIMIT */
  readonly bytes: Uint8Array;
  /** as UTF-8 */
  readonly text: string;
  /** more was written than is kept: see OUTPUT_LIMIT */
  readonly truncated: boolean;
}

/**
 * Bytes of a stream that the result of a run keeps: the first of them. The guest goes on when there are more. Listeners
 * (`box.on`) get all of them.
 */
export const OUTPUT_LIMIT = 16 << 20;
const SMALLEST = 1024;

export interface OutputBuffer {
  /** longer than what has been written */
  bytes: Uint8Array;
  length: number;
  truncated: boolean;
}

export const createOutput = (): OutputBuffer => ({ bytes: new Uint8Array(0), length: 0, truncated: false });

export function appendOutput(buffer: OutputBuffer, bytes: Uint8Array): void {
  const part = bytes.subarray(0, OUTPUT_LIMIT - buffer.length);
  if (part.length < bytes.length) buffer.truncated = true;
  const end = buffer.length + part.length;
  if (end > buffer.bytes.length) {
    const longer = new Uint8Array(Math.min(OUTPUT_LIMIT, Math.max(end, buffer.bytes.length * 2, SMALLEST)));
    longer.set(buffer.bytes.subarray(0, buffer.length));
    buffer.bytes = longer;
  }
  buffer.bytes.set(part, buffer.length);
  buffer.length = end;
}

export function finishOutput(buffer: OutputBuffer): Output {
  const bytes = buffer.bytes.slice(0, buffer.length);
  return { bytes, text: new TextDecoder().decode(bytes), truncated: buffer.truncated };
}
