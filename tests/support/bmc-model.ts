/** What samples/bmc does, in plain TypeScript: its cache, its counters, its verdicts, its replies byte for byte. */
import { constants } from '../../kernel/layout/constants.ts';

const { XDP_ABORTED, XDP_PASS, XDP_TX } = constants;

export const ENTRIES = 3_250_000;
const MAX_KEY = 230;
const MAX_DATA = 230 + 1000 + 53;
const MAX_KEYS = 30;
const PORT = 11211;
const UDP_PAYLOAD = 50;
const TCP_PAYLOAD = 54;
const [SPACE, RETURN, NEWLINE] = [32, 13, 10];
const [TCP, UDP] = [6, 17];

/** struct bmc_stats */
export const counters = [
  'get_recv_count',
  'set_recv_count',
  'get_resp_count',
  'hit_misprediction',
  'hit_count',
  'miss_count',
  'update_count',
  'invalidation_count',
  'debug_count',
] as const;
export type Statistics = Record<(typeof counters)[number], number>;

interface Entry {
  valid: boolean;
  hash: number;
  length: number;
  readonly data: Uint8Array;
}

export interface BmcModel {
  readonly statistics: Statistics;
  /** by index */
  readonly entries: Map<number, Entry>;
}

export const createBmcModel = (): BmcModel => ({
  statistics: Object.fromEntries(counters.map((name) => [name, 0])) as Statistics,
  entries: new Map(),
});

/** FNV-1a, 32 bits. */
export function fnv(key: Uint8Array | string): number {
  let hash = 2166136261;
  for (const byte of typeof key === 'string' ? new TextEncoder().encode(key) : key) {
    hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  }
  return hash;
}

export const indexOf = (hash: number): number => hash % ENTRIES;

function entryOf({ entries }: BmcModel, hash: number): Entry {
  const index = indexOf(hash);
  const known = entries.get(index);
  if (known !== undefined) return known;
  const entry: Entry = { valid: false, hash: 0, length: 0, data: new Uint8Array(1500) };
  entries.set(index, entry);
  return entry;
}

const startsWith = (bytes: Uint8Array, text: string): boolean =>
  bytes.length >= text.length && [...text].every((letter, n) => bytes[n] === letter.charCodeAt(0));

const mayHold = (entry: Entry, hash: number): boolean => entry.valid && entry.hash === hash;

/** Behind `VALUE ` is the key, and then a space. */
function holds(entry: Entry, hash: number, key: Uint8Array): boolean {
  const reply = entry.data.subarray(6);
  return mayHold(entry, hash) && key.every((byte, n) => reply[n] === byte) && reply[key.length] === SPACE;
}

/** The program indexed past the packet's end. */
class Panic extends Error {}

/** The keys of a GET that may be cached, or undefined: it passes. @throws {Panic} */
function candidates(model: BmcModel, payload: Uint8Array): Uint8Array[] | undefined {
  const at = (index: number): number => {
    const byte = payload[index];
    if (byte === undefined) throw new Panic();
    return byte;
  };
  let offset = 4;
  while (at(offset) === SPACE) offset++;
  const found: Uint8Array[] = [];
  for (;;) {
    let length = 0;
    while (length <= MAX_KEY && at(offset + length) !== SPACE && at(offset + length) !== RETURN) length++;
    if (length === 0 || length > MAX_KEY) return undefined;
    const key = payload.subarray(offset, offset + length);
    const hash = fnv(key);
    if (!mayHold(entryOf(model, hash), hash)) model.statistics.miss_count++;
    else if (found.length === MAX_KEYS) return undefined;
    else found.push(key);
    if (at(offset + length) === RETURN) return found;
    offset += length + 1;
  }
}

/** A GET's cached answer without its header; undefined: it passes; 'misprediction': it goes back as it came. @throws {Panic} */
function get(model: BmcModel, payload: Uint8Array): Uint8Array | 'misprediction' | undefined {
  const { statistics } = model;
  statistics.get_recv_count++;
  const [key] = candidates(model, payload) ?? [];
  if (key === undefined) return undefined;
  const hash = fnv(key);
  const entry = entryOf(model, hash);
  if (!holds(entry, hash, key)) {
    statistics.hit_misprediction++;
    statistics.miss_count++;
    return 'misprediction';
  }
  statistics.hit_count++;
  return Uint8Array.of(...entry.data.subarray(0, entry.length), ...new TextEncoder().encode('END\r\n'));
}

function set({ statistics, ...model }: BmcModel, payload: Uint8Array): void {
  for (let at = 0; at + 4 <= payload.length; at++) {
    if (!startsWith(payload.subarray(at), 'set ')) continue;
    statistics.set_recv_count++;
    const rest = payload.subarray(at + 4);
    const end = rest.indexOf(SPACE);
    const entry = entryOf({ statistics, ...model }, fnv(end === -1 ? rest : rest.subarray(0, end)));
    if (entry.valid) statistics.invalidation_count++;
    entry.valid = false;
  }
}

function reply(model: BmcModel, payload: Uint8Array): void {
  const { statistics } = model;
  statistics.get_resp_count++;
  const length = payload.subarray(6).indexOf(SPACE);
  if (length === -1) return;
  const key = payload.subarray(6, 6 + length);
  const hash = fnv(key);
  const entry = entryOf(model, hash);
  if (holds(entry, hash, key)) return;
  let newlines = 0;
  let count = 0;
  for (const byte of payload.subarray(0, MAX_DATA)) {
    entry.data[count++] = byte;
    if (byte === NEWLINE && ++newlines === 2) break;
  }
  entry.length = count;
  entry.valid = newlines === 2;
  if (!entry.valid) return;
  entry.hash = hash;
  statistics.update_count++;
}

/** Ten words, the carry added once: upstream's sum, which is one too high where that carries again. */
export function headerSum(header: Uint8Array): number {
  let sum = 0;
  // the words are the host's
  for (let n = 0; n < 20; n += 2) sum += n === 10 ? 0 : header[n]! | (header[n + 1]! << 8);
  return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
}

const be16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

function putBe16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

/** MAC and IP addresses and ports change places. */
export function turned(frame: Uint8Array): Uint8Array {
  const back = frame.slice();
  for (const [one, other, size] of [
    [0, 6, 6],
    [26, 30, 4],
    [34, 36, 2],
  ] as const) {
    back.set(frame.subarray(one, one + size), other);
    back.set(frame.subarray(other, other + size), one);
  }
  return back;
}

/** The frame that answers `request` with `payload` behind memcached's header. */
function answer(request: Uint8Array, payload: Uint8Array): Uint8Array {
  const growth = payload.length - (request.length - UDP_PAYLOAD);
  const frame = Uint8Array.of(...turned(request).subarray(0, UDP_PAYLOAD), ...payload);
  putBe16(frame, 16, (be16(frame, 16) + growth) & 0xffff);
  putBe16(frame, 38, (be16(frame, 38) + growth) & 0xffff);
  putBe16(frame, 40, 0);
  const sum = headerSum(frame.subarray(14, 34));
  frame[24] = sum & 0xff;
  frame[25] = sum >> 8;
  return frame;
}

export interface Verdict {
  /** XDP_* */
  readonly action: number;
  /** what XDP_TX sends */
  readonly frame?: Uint8Array;
}

/** xdp_rx_filter. */
export function receive(model: BmcModel, frame: Uint8Array): Verdict {
  const pass = { action: XDP_PASS };
  if (frame.length < UDP_PAYLOAD) return pass;
  if (frame[23] === TCP) {
    // the header is read whole
    if (frame.length < TCP_PAYLOAD) return { action: XDP_ABORTED };
    if (be16(frame, 36) === PORT) set(model, frame.subarray(TCP_PAYLOAD));
    return pass;
  }
  const payload = frame.subarray(UDP_PAYLOAD);
  if (frame[23] !== UDP || be16(frame, 36) !== PORT || !startsWith(payload, 'get ')) return pass;
  try {
    const cached = get(model, payload);
    if (cached === undefined) return pass;
    return { action: XDP_TX, frame: cached === 'misprediction' ? turned(frame) : answer(frame, cached) };
  } catch (error) {
    if (error instanceof Panic) return { action: XDP_ABORTED };
    throw error;
  }
}

/** xdp_tx_filter, which lets everything go. */
export function transmit(model: BmcModel, frame: Uint8Array): void {
  const payload = frame.subarray(UDP_PAYLOAD);
  if (payload.length === 0 || frame[23] !== UDP || be16(frame, 34) !== PORT) return;
  if (startsWith(payload, 'VALUE ')) reply(model, payload);
}
