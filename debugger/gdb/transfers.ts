/** qXfer: documents that gdb reads a piece at a time. One row an object. */
import { Errno, need, PacketError } from './errors.ts';
import { KERNEL_PATH } from './file-server.ts';
import { librariesDocument } from './libraries.ts';
import { fitting, PACKET_SIZE } from './packets.ts';
import { librariesNow, libraryPaths, noteProgram, type GdbSession } from './session.ts';
import { targetDescription } from './target-description.ts';
import { fromLatin1, hexRange, joinBytes, utf8Bytes } from './text.ts';
import { allThreads, threadsDocument } from './threads.ts';

type DocumentOf = (session: GdbSession, annex: string) => string | undefined;

/** Undefined for an annex that there is not. */
const documents: Readonly<Record<string, DocumentOf>> = {
  features: (_, annex) => (annex === 'target.xml' ? targetDescription() : undefined),
  'exec-file': () => KERNEL_PATH,
  libraries(session) {
    noteProgram(session);
    const libraries = librariesNow(session);
    session.toldLibraries = libraryPaths(libraries);
    return librariesDocument(libraries);
  },
  threads: ({ debugger: host }) => threadsDocument(allThreads(host)),
};

/** Of qSupported. */
export const transferFeatures = Object.keys(documents).map((object) => `qXfer:${object}:read+`);

/** `object:read:annex:offset,length`; undefined for an object that there is not. @throws {PacketError} */
export function transfer(session: GdbSession, request: string): Uint8Array | undefined {
  const [object = '', operation, annex = '', range] = request.split(':');
  if (!Object.hasOwn(documents, object) || operation !== 'read') return undefined;
  const { address: offset, length } = need(hexRange(range), 'offset and length');
  let whole = session.documents.get(object);
  if (offset === 0n || whole?.annex !== annex) {
    const text = documents[object]!(session, annex);
    if (text === undefined) throw new PacketError(Errno.ENOENT, `${object} has no ${JSON.stringify(annex)}`);
    whole = { annex, bytes: utf8Bytes(text) };
    session.documents.set(object, whole);
  }
  const { bytes } = whole;
  const start = Number(offset < BigInt(bytes.length) ? offset : BigInt(bytes.length));
  const wanted = bytes.subarray(start, start + Math.min(length, PACKET_SIZE));
  const piece = wanted.subarray(0, fitting(wanted, PACKET_SIZE - 8));
  const last = start + piece.length >= bytes.length;
  if (last) session.documents.delete(object);
  return joinBytes(fromLatin1(last ? 'l' : 'm'), piece);
}
