/** The base protocol: messages as JSON behind a header with their length. Whatever comes in, what is kept is bounded. */

/** bytes of a header, and of what follows it */
const MOST_HEADER = 4096;
const MOST_CONTENT = 16 << 20;
const HEADER_END = [13, 10, 13, 10];

export type IncomingFrame =
  | { readonly kind: 'message'; readonly value: unknown }
  /** what is no JSON: the next message can be read */
  | { readonly kind: 'damaged'; readonly text: string }
  /** what is no header: nothing that follows can be */
  | { readonly kind: 'broken'; readonly text: string };

export interface FrameReader {
  /** The messages that are complete with these bytes; nothing more after `broken`. */
  read(bytes: Uint8Array): IncomingFrame[];
}

const strict = new TextDecoder('utf-8', { fatal: true });

export function encodeFrame(message: unknown): Uint8Array {
  const content = new TextEncoder().encode(JSON.stringify(message));
  const header = new TextEncoder().encode(`Content-Length: ${content.length}\r\n\r\n`);
  const bytes = new Uint8Array(header.length + content.length);
  bytes.set(header);
  bytes.set(content, header.length);
  return bytes;
}

function parse(content: Uint8Array): IncomingFrame {
  try {
    return { kind: 'message', value: JSON.parse(strict.decode(content)) };
  } catch (error) {
    return { kind: 'damaged', text: `got a message that is no JSON: ${(error as Error).message}` };
  }
}

/** A text: why it is none. */
function lengthOf(header: string): number | string {
  const found = /^Content-Length:[ \t]*(\d{1,10})[ \t]*$/im.exec(header.replaceAll('\r', ''));
  if (found === null) return 'got a header without Content-Length';
  const length = Number(found[1]);
  return length <= MOST_CONTENT ? length : `got a message of ${length} bytes, expected at most ${MOST_CONTENT}`;
}

export function createFrameReader(): FrameReader {
  const header: number[] = [];
  let content: Uint8Array | undefined;
  let filled = 0;
  let broken = false;

  const ended = (): boolean => HEADER_END.every((byte, n) => header[header.length - HEADER_END.length + n] === byte);
  /** How many of `bytes` from `at` on belong to the header; it may be over then. */
  const readHeader = (bytes: Uint8Array, at: number): number => {
    let next = at;
    while (next < bytes.length && header.length < MOST_HEADER) {
      header.push(bytes[next]!);
      next++;
      if (ended()) break;
    }
    return next;
  };
  const breakOff = (text: string): IncomingFrame => {
    broken = true;
    return { kind: 'broken', text };
  };

  return {
    read(bytes) {
      const frames: IncomingFrame[] = [];
      for (let at = 0; at < bytes.length;) {
        if (broken) break;
        if (content === undefined) {
          at = readHeader(bytes, at);
          if (!ended()) {
            if (header.length >= MOST_HEADER) frames.push(breakOff(`got a header of more than ${MOST_HEADER} bytes`));
            continue;
          }
          const length = lengthOf(String.fromCharCode(...header));
          header.length = 0;
          if (typeof length === 'string') frames.push(breakOff(length));
          else {
            content = new Uint8Array(length);
            filled = 0;
          }
        } else {
          const part = bytes.subarray(at, at + content.length - filled);
          content.set(part, filled);
          filled += part.length;
          at += part.length;
        }
        if (content !== undefined && filled === content.length) {
          frames.push(parse(content));
          content = undefined;
        }
      }
      return frames;
    },
  };
}
