/** q and Q packets: what gdb asks and sets. One row a name. */
import { BoxError } from '../../box/errors.ts';
import { DebuggerError } from '../error.ts';
import { Errno, need, PacketError } from './errors.ts';
import { runMonitor } from './monitor.ts';
import { PACKET_SIZE } from './packets.ts';
import { sendConsole } from './send.ts';
import type { GdbSession } from './session.ts';
import { hexInteger, hexOfText, textOfHex } from './text.ts';
import { allThreads, requireThread, threadName, threadText } from './threads.ts';
import { transfer, transferFeatures } from './transfers.ts';

export type Reply = string | Uint8Array | undefined;
/** `rest`: what follows the name and its separator. An empty reply says that there is no such packet. */
type Query = (session: GdbSession, rest: string) => Reply;

const features = [
  `PacketSize=${PACKET_SIZE.toString(16)}`,
  'QStartNoAckMode+',
  ...transferFeatures,
  'swbreak+',
  'hwbreak+',
  'vContSupported+',
  'ReverseStep+',
  'ReverseContinue+',
  'binary-upload+',
  'error-message+',
];

function monitor(session: GdbSession, hex: string): Reply {
  const line = need(textOfHex(hex), 'command in hexadecimal');
  let output;
  try {
    output = runMonitor(session, line);
  } catch (error) {
    if (!(error instanceof DebuggerError) && !(error instanceof BoxError)) throw error;
    output = `${error.message}\n`;
  }
  sendConsole(session, output);
  return 'OK';
}

const queries: Readonly<Record<string, Query>> = {
  qSupported({ understands }, rest) {
    const theirs = new Set(rest.split(';'));
    understands.softwareBreaks = theirs.has('swbreak+');
    understands.hardwareBreaks = theirs.has('hwbreak+');
    understands.errorMessages = theirs.has('error-message+');
    return features.join(';');
  },
  QStartNoAckMode({ understands }) {
    understands.noAcks = true;
    return 'OK';
  },
  qXfer: (session, rest) => transfer(session, rest) ?? '',
  qC: ({ thread }) => `QC${thread.toString(16)}`,
  // gdb lets go of what it has found running, and does not kill it
  qAttached: () => '1',
  qOffsets: () => '',
  qSymbol: () => 'OK',
  qfThreadInfo: ({ debugger: host }) =>
    `m${allThreads(host)
      .map(({ id }) => id.toString(16))
      .join(',')}`,
  qsThreadInfo: () => 'l',
  qThreadExtraInfo({ debugger: { box } }, rest) {
    const thread = requireThread(box, need(hexInteger(rest), 'thread'));
    return hexOfText(`${threadName(thread)}: ${threadText(thread)}`);
  },
  qRcmd: monitor,
};

/** A packet that begins with q or Q. @throws {PacketError} */
export function answerQuery(session: GdbSession, packet: string): Reply {
  const [name = ''] = /^\w+/.exec(packet) ?? [];
  if (!Object.hasOwn(queries, name)) return '';
  const rest = packet.slice(name.length);
  if (rest !== '' && !/^[:,;]/.test(rest)) throw new PacketError(Errno.EINVAL, `got ${name} with something behind it`);
  return queries[name]!(session, rest.slice(1));
}
