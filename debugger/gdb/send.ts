/** Replies and what is printed on gdb's console, as packets. */
import { printableText } from '../../lib/printable.ts';
import { encodePacket, PACKET_SIZE } from './packets.ts';
import type { GdbSession } from './session.ts';
import { fromLatin1, hexOfBytes, utf8Bytes } from './text.ts';

export const sendBytes = ({ host }: Pick<GdbSession, 'host'>, data: Uint8Array): void => host.send(encodePacket(data));

/** Characters are bytes. */
export const sendText = (session: Pick<GdbSession, 'host'>, text: string): void => sendBytes(session, fromLatin1(text));

/** `O` packets: gdb prints the text, while it waits for a stop or for the end of a monitor command. */
export function sendConsole(session: Pick<GdbSession, 'host'>, text: string): void {
  const bytes = utf8Bytes(printableText(text));
  const most = PACKET_SIZE / 2 - 16;
  for (let at = 0; at < bytes.length; at += most) sendText(session, `O${hexOfBytes(bytes.subarray(at, at + most))}`);
}
