/** The pcap file format, version 2.4, LINKTYPE_ETHERNET; times in ns (magic 0xa1b23c4d) or us, either byte order on reading. */
export interface PcapPacket {
  /** guest time, ns */
  readonly time: number;
  readonly bytes: Uint8Array;
}

/** What is wrong with a capture file, and where. */
export class PcapError extends Error {
  override readonly name = 'PcapError';
}

const NANOSECOND_MAGIC = 0xa1b2_3c4d;
const MICROSECOND_MAGIC = 0xa1b2_c3d4;
const HEADER = 24;
const RECORD = 16;
const SNAP_LENGTH = 262_144;
const LINKTYPE_ETHERNET = 1;

/** A file of whole packets with nanosecond times. */
export function writePcap(packets: readonly PcapPacket[]): Uint8Array {
  const length = packets.reduce((sum, { bytes }) => sum + RECORD + bytes.length, HEADER);
  const file = new Uint8Array(length);
  const view = new DataView(file.buffer);
  view.setUint32(0, NANOSECOND_MAGIC, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAP_LENGTH, true);
  view.setUint32(20, LINKTYPE_ETHERNET, true);
  let at = HEADER;
  for (const { time, bytes } of packets) {
    view.setUint32(at, Math.floor(time / 1e9), true);
    view.setUint32(at + 4, time % 1e9, true);
    view.setUint32(at + 8, bytes.length, true);
    view.setUint32(at + 12, bytes.length, true);
    file.set(bytes, at + RECORD);
    at += RECORD + bytes.length;
  }
  return file;
}

interface Format {
  readonly little: boolean;
  /** ns of a unit of the fractions of seconds */
  readonly unit: number;
}

function readHeader(view: DataView): Format {
  if (view.byteLength < HEADER) {
    throw new PcapError(`pcap header: got ${view.byteLength} bytes, expected ${HEADER} or more`);
  }
  for (const little of [true, false]) {
    const magic = view.getUint32(0, little);
    const unit = magic === NANOSECOND_MAGIC ? 1 : magic === MICROSECOND_MAGIC ? 1000 : 0;
    if (unit === 0) continue;
    const [major, minor] = [view.getUint16(4, little), view.getUint16(6, little)];
    if (major !== 2) throw new PcapError(`pcap version: got ${major}.${minor}, expected 2.4`);
    const link = view.getUint32(20, little) & 0x0fff_ffff;
    if (link !== LINKTYPE_ETHERNET) throw new PcapError(`pcap link type: got ${link}, expected 1 (Ethernet)`);
    return { little, unit };
  }
  const magic = view.getUint32(0, true).toString(16);
  throw new PcapError(
    `pcap magic: got 0x${magic}, expected 0xa1b2c3d4 or 0xa1b23c4d in either byte order (pcapng is not read)`,
  );
}

/**
 * The packets of a capture file, in its order.
 * @throws {PcapError} another format, version or link type; a record that is cut off, too long, or was captured in part
 */
export function readPcap(file: Uint8Array): PcapPacket[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const { little, unit } = readHeader(view);
  const packets: PcapPacket[] = [];
  for (let at = HEADER; at < file.length;) {
    const where = `pcap record ${packets.length} at byte ${at}`;
    if (at + RECORD > file.length)
      throw new PcapError(`${where}: got ${file.length - at} bytes, expected ${RECORD} or more`);
    const [captured, whole] = [view.getUint32(at + 8, little), view.getUint32(at + 12, little)];
    if (captured > SNAP_LENGTH)
      throw new PcapError(`${where}: got a length of ${captured}, expected at most ${SNAP_LENGTH}`);
    if (captured < whole)
      throw new PcapError(`${where}: got ${captured} bytes of a packet of ${whole}, expected all of them`);
    const start = at + RECORD;
    if (start + captured > file.length) {
      throw new PcapError(`${where}: got ${file.length - start} bytes, expected ${captured}`);
    }
    const time = view.getUint32(at, little) * 1e9 + view.getUint32(at + 4, little) * unit;
    packets.push({ time, bytes: file.slice(start, start + captured) });
    at = start + captured;
  }
  return packets;
}
