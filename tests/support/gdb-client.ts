/** A client of the remote protocol in the same process: packets to a session, and its replies. */
import { connectGdb, type GdbConnection, type GdbOptions } from '../../debugger/gdb/index.ts';
import { createPacketReader, encodePacket } from '../../debugger/gdb/packets.ts';
import { bytesOfHex, fromLatin1, hexOfText, latin1 } from '../../debugger/gdb/text.ts';
import type { Debugger } from '../../debugger/types.ts';

/** slices of one motion */
const MOST_SLICES = 100_000;

export interface GdbClient {
  readonly connection: GdbConnection;
  /** The reply to a packet; of one that moves the box, the stop reply. Console output goes to `console`. */
  ask(packet: string): string;
  /** Sends without waiting. */
  send(text: string): void;
  /** Lets at most `slices` slices go by; whether there are more. */
  run(slices: number): boolean;
  /** Replies that nobody has taken. */
  take(): string[];
  /** Everything that a qXfer object holds. */
  transfer(object: string, annex?: string): string;
  /** Everything that a file of the target holds; undefined when it cannot be opened. */
  readFile(path: string): Uint8Array | undefined;
  /** What a monitor command prints. */
  monitor(command: string): string;
  readonly closed: boolean;
}

const textOf = (hex: string): string => Buffer.from(bytesOfHex(hex) ?? []).toString();

export function connectClient(host: Debugger, options: GdbOptions = {}): GdbClient {
  const reader = createPacketReader();
  const actions: (() => void)[] = [];
  let replies: string[] = [];
  let printed = '';
  let closed = false;
  const connection = connectGdb(
    host,
    {
      send(bytes) {
        for (const incoming of reader.read(bytes)) {
          if (incoming.kind === 'damaged') throw new Error('the session has sent a damaged packet');
          if (incoming.kind !== 'packet') continue;
          const text = latin1(incoming.data);
          if (/^O[0-9a-f]/.test(text)) printed += textOf(text.slice(1));
          else replies.push(text);
        }
      },
      later: (action) => void actions.push(action),
      close: () => (closed = true),
    },
    options,
  );
  const send = (text: string): void => connection.receive(encodePacket(fromLatin1(text)));
  const run = (slices: number): boolean => {
    for (let n = 0; n < slices && actions.length > 0; n++) actions.shift()!();
    return actions.length > 0;
  };
  const take = (): string[] => replies.splice(0);
  const ask = (packet: string): string => {
    replies = [];
    send(packet);
    if (run(MOST_SLICES)) throw new Error(`${packet}: no reply after ${MOST_SLICES} slices`);
    const [reply, ...more] = take();
    if (reply === undefined || more.length > 0)
      throw new Error(`${packet}: got ${more.length + 1} replies, expected one`);
    return reply;
  };
  return {
    connection,
    ask,
    send,
    run,
    take,
    transfer(object, annex = '') {
      let text = '';
      for (;;) {
        const piece = ask(`qXfer:${object}:read:${annex}:${text.length.toString(16)},fff`);
        text += piece.slice(1);
        if (piece.startsWith('l')) return text;
        if (!piece.startsWith('m')) throw new Error(`qXfer:${object}: ${piece}`);
      }
    },
    readFile(path) {
      const [, descriptor] = /^F([0-9a-f]+)$/.exec(ask(`vFile:open:${hexOfText(path)},0,0`)) ?? [];
      if (descriptor === undefined) return undefined;
      let data = '';
      for (;;) {
        const reply = ask(`vFile:pread:${descriptor},3000,${data.length.toString(16)}`);
        const piece = reply.slice(reply.indexOf(';') + 1);
        if (piece === '') break;
        data += piece;
      }
      ask(`vFile:close:${descriptor}`);
      return fromLatin1(data);
    },
    monitor(command) {
      printed = '';
      const reply = ask(`qRcmd,${hexOfText(command)}`);
      return reply === 'OK' ? printed : `${printed}${reply}`;
    },
    get closed() {
      return closed;
    },
  };
}
