/**
 * A TCP connection as the outside has it with the box (RFC 9293). The wire keeps order, so what comes too early is not
 * kept; what a program in the box drops is sent again, from the first byte that is missing. No congestion control.
 */
import { appendChunk, chunksAt, dropChunks } from '../../kernel/fs/bytes.ts';
import { TcpFlag, type TcpSegment } from '../../kernel/net/packet.ts';
import { advance, after, before, distance } from '../../kernel/net/sequence.ts';

/** bytes on their way to the owner; the window is what is left of them */
const RECEIVE_BUFFER = 65535;
/** what a peer takes that does not say */
const DEFAULT_MSS = 536;
/** guest time, ns; doubled with each attempt */
const RTO = 200_000_000;
const RETRIES = 8;
const NO_BYTES = new Uint8Array(0);

export type StreamEnd =
  /** both sides have sent and got everything */
  | 'done'
  /** the box broke it off, or refused it */
  | 'reset'
  /** the box answers no more */
  | 'timeout';

/** Who has the other end. */
export interface StreamOwner {
  connected(): void;
  /** Bytes in order; `delivered` says when the owner is rid of them. */
  received(bytes: Uint8Array): void;
  /** The box will send no more. */
  ended(): void;
  /** Some of what was written has arrived. */
  drained(): void;
  /** Nothing else will be called. */
  closed(end: StreamEnd): void;
}

/** What carries the segments. */
export interface StreamLink {
  readonly mss: number;
  send(stream: Stream, segment: Omit<TcpSegment, 'source' | 'destination'>): void;
  /** guest time, ns */
  now(): number;
  /** The stream is over. */
  forget(stream: Stream): void;
}

export interface Stream {
  /** outside's, and the box's */
  readonly localPort: number;
  readonly remotePort: number;
  owner: StreamOwner;
  /** ASKED: the box wants to connect, and the owner has not said anything yet */
  state: 'ASKED' | 'SYN_SENT' | 'SYN_RECV' | 'ESTABLISHED' | 'CLOSED';
  sndUna: number;
  sndNxt: number;
  /** highest sndNxt so far */
  sndMax: number;
  sndWnd: number;
  rcvNxt: number;
  /** edge of the window that the box was told */
  advertised: number;
  mss: number;
  /** from sndUna on */
  readonly sendQueue: Uint8Array[];
  sendBytes: number;
  finQueued: boolean;
  finAcknowledged: boolean;
  finReceived: boolean;
  /** received, and still the owner's to pass on */
  undelivered: number;
  retries: number;
  /** guest time, ns */
  deadline: number | undefined;
}

const has = (segment: TcpSegment, flag: number): boolean => (segment.flags & flag) !== 0;
const inFlight = (stream: Stream): number => distance(stream.sndUna, stream.sndNxt);

export function createStream(localPort: number, remotePort: number, sequence: number, owner: StreamOwner): Stream {
  return {
    localPort,
    remotePort,
    owner,
    state: 'ASKED',
    sndUna: sequence,
    sndNxt: sequence,
    sndMax: sequence,
    sndWnd: 0,
    rcvNxt: 0,
    advertised: 0,
    mss: DEFAULT_MSS,
    sendQueue: [],
    sendBytes: 0,
    finQueued: false,
    finAcknowledged: false,
    finReceived: false,
    undelivered: 0,
    retries: 0,
    deadline: undefined,
  };
}

function send(link: StreamLink, stream: Stream, flags: number, seq: number, payload: Uint8Array = NO_BYTES): void {
  const window = Math.max(0, RECEIVE_BUFFER - stream.undelivered);
  stream.advertised = advance(stream.rcvNxt, window);
  const mss = (flags & TcpFlag.syn) === 0 ? undefined : link.mss;
  link.send(stream, { seq, ack: (flags & TcpFlag.ack) === 0 ? 0 : stream.rcvNxt, flags, window, mss, payload });
}

const sendAck = (link: StreamLink, stream: Stream): void => send(link, stream, TcpFlag.ack, stream.sndNxt);

function setTimer(link: StreamLink, stream: Stream): void {
  stream.deadline = link.now() + RTO * 2 ** stream.retries;
}

function sendSyn(link: StreamLink, stream: Stream): void {
  send(link, stream, stream.state === 'SYN_RECV' ? TcpFlag.syn | TcpFlag.ack : TcpFlag.syn, stream.sndUna);
  stream.sndNxt = stream.sndMax = advance(stream.sndUna, 1);
  setTimer(link, stream);
}

/** Connects to the box. */
export function openStream(link: StreamLink, stream: Stream): void {
  stream.state = 'SYN_SENT';
  sendSyn(link, stream);
}

/** The box's SYN: remembered until the owner accepts it or breaks it off. */
export function askStream(link: StreamLink, stream: Stream, segment: TcpSegment): void {
  stream.rcvNxt = advance(segment.seq, 1);
  takeSyn(link, stream, segment);
}

export function acceptStream(link: StreamLink, stream: Stream): void {
  if (stream.state !== 'ASKED') return;
  stream.state = 'SYN_RECV';
  sendSyn(link, stream);
}

/** What the peer's SYN says of it. */
function takeSyn(link: StreamLink, stream: Stream, { window, mss }: TcpSegment): void {
  stream.sndWnd = window;
  stream.mss = Math.max(1, Math.min(mss ?? DEFAULT_MSS, link.mss));
}

function close(link: StreamLink, stream: Stream): void {
  stream.state = 'CLOSED';
  stream.deadline = undefined;
  stream.sendQueue.length = 0;
  stream.sendBytes = 0;
  link.forget(stream);
}

function finish(link: StreamLink, stream: Stream, end: StreamEnd): void {
  close(link, stream);
  stream.owner.closed(end);
}

/** Breaks it off, or refuses it; the owner is not told. */
export function abortStream(link: StreamLink, stream: Stream): void {
  if (stream.state === 'CLOSED') return;
  // an answer to a SYN begins at 0: RFC 9293 §3.10.7.1
  send(link, stream, TcpFlag.rst | TcpFlag.ack, stream.state === 'ASKED' ? 0 : stream.sndNxt);
  close(link, stream);
}

/** As much as the box's window takes, then the FIN; `probe`: a byte even into a closed window. */
function output(link: StreamLink, stream: Stream, probe = false): void {
  if (stream.state !== 'ESTABLISHED') return;
  let room = Math.max(probe ? 1 : 0, stream.sndWnd - inFlight(stream));
  for (;;) {
    const offset = inFlight(stream);
    const length = Math.min(stream.mss, stream.sendBytes - offset, room);
    if (length <= 0) break;
    const last = offset + length === stream.sendBytes;
    const payload = chunksAt(stream.sendQueue, offset, length);
    send(link, stream, TcpFlag.ack | (last ? TcpFlag.psh : 0), stream.sndNxt, payload);
    stream.sndNxt = advance(stream.sndNxt, length);
    room -= length;
  }
  if (stream.finQueued && !stream.finAcknowledged && inFlight(stream) === stream.sendBytes) {
    send(link, stream, TcpFlag.fin | TcpFlag.ack, stream.sndNxt);
    stream.sndNxt = advance(stream.sndNxt, 1);
  }
  if (after(stream.sndNxt, stream.sndMax)) stream.sndMax = stream.sndNxt;
  if (inFlight(stream) === 0 && stream.sendBytes === 0) stream.deadline = undefined;
  else if (stream.deadline === undefined) setTimer(link, stream);
}

/** Bytes for the box; how many have not arrived yet. */
export function writeStream(link: StreamLink, stream: Stream, bytes: Uint8Array): number {
  if (stream.state === 'CLOSED' || stream.finQueued) return 0;
  appendChunk(stream.sendQueue, bytes);
  stream.sendBytes += bytes.length;
  output(link, stream);
  return stream.sendBytes;
}

/** A FIN behind what was written. */
export function endStream(link: StreamLink, stream: Stream): void {
  if (stream.state === 'CLOSED' || stream.finQueued) return;
  stream.finQueued = true;
  output(link, stream);
}

/** The owner has passed on so many bytes; the box is told when that opens a window that was almost closed. */
export function delivered(link: StreamLink, stream: Stream, count: number): void {
  stream.undelivered -= count;
  if (stream.state !== 'ESTABLISHED' || stream.finReceived) return;
  const promised = distance(stream.rcvNxt, stream.advertised);
  const window = RECEIVE_BUFFER - stream.undelivered;
  if (promised < RECEIVE_BUFFER / 2 && window > promised * 2) sendAck(link, stream);
}

function connect(stream: Stream, { ack }: TcpSegment): void {
  stream.sndUna = ack;
  stream.retries = 0;
  stream.deadline = undefined;
  stream.state = 'ESTABLISHED';
  stream.owner.connected();
}

function receiveInSynSent(link: StreamLink, stream: Stream, segment: TcpSegment): void {
  if (!has(segment, TcpFlag.ack) || segment.ack !== stream.sndNxt) return;
  if (has(segment, TcpFlag.rst)) return finish(link, stream, 'reset');
  if (!has(segment, TcpFlag.syn)) return;
  stream.rcvNxt = advance(segment.seq, 1);
  takeSyn(link, stream, segment);
  connect(stream, segment);
  if (stream.state !== 'ESTABLISHED') return;
  sendAck(link, stream);
  output(link, stream);
}

/** Whether some of the segment lies in the window, its first byte not behind the next one awaited. */
function inOrder(stream: Stream, { seq, payload, flags }: TcpSegment): boolean {
  const length = payload.length + Number((flags & (TcpFlag.syn | TcpFlag.fin)) !== 0);
  if (after(seq, stream.rcvNxt)) return false;
  return length === 0 ? seq === stream.rcvNxt : after(advance(seq, length), stream.rcvNxt);
}

/** False when the segment is not to be looked at any further. */
function receiveAcknowledgement(link: StreamLink, stream: Stream, segment: TcpSegment): boolean {
  if (stream.state === 'SYN_RECV') {
    if (segment.ack !== stream.sndNxt) return false;
    connect(stream, segment);
  }
  if (after(segment.ack, stream.sndMax)) {
    sendAck(link, stream);
    return false;
  }
  if (!before(segment.ack, stream.sndUna)) stream.sndWnd = segment.window;
  stream.retries = 0;
  const count = distance(stream.sndUna, segment.ack);
  if (after(segment.ack, stream.sndUna)) {
    const bytes = Math.min(count, stream.sendBytes);
    dropChunks(stream.sendQueue, bytes);
    stream.sendBytes -= bytes;
    stream.sndUna = segment.ack;
    if (before(stream.sndNxt, segment.ack)) stream.sndNxt = segment.ack;
    stream.deadline = undefined;
    if (count > bytes) stream.finAcknowledged = true;
    if (bytes > 0) stream.owner.drained();
  }
  output(link, stream);
  return stream.state === 'ESTABLISHED';
}

function receiveData(link: StreamLink, stream: Stream, { seq, payload, flags }: TcpSegment): void {
  const fin = (flags & TcpFlag.fin) !== 0;
  if (payload.length === 0 && !fin) return;
  if (!stream.finReceived) {
    const skip = distance(seq, stream.rcvNxt);
    const fresh = payload.subarray(skip, skip + Math.max(0, RECEIVE_BUFFER - stream.undelivered));
    stream.rcvNxt = advance(stream.rcvNxt, fresh.length);
    stream.undelivered += fresh.length;
    if (fresh.length > 0) stream.owner.received(fresh);
    if (fin && skip + fresh.length >= payload.length && stream.state === 'ESTABLISHED') {
      stream.rcvNxt = advance(stream.rcvNxt, 1);
      stream.finReceived = true;
      stream.owner.ended();
    }
  }
  if (stream.state === 'ESTABLISHED') sendAck(link, stream);
}

/** A segment of the box's, whatever is in it. */
export function receiveSegment(link: StreamLink, stream: Stream, segment: TcpSegment): void {
  if (stream.state === 'CLOSED') return;
  if (stream.state === 'SYN_SENT') return receiveInSynSent(link, stream, segment);
  if (stream.state === 'ASKED') {
    if (has(segment, TcpFlag.rst) && segment.seq === stream.rcvNxt) finish(link, stream, 'reset');
    return;
  }
  if (stream.state === 'SYN_RECV' && has(segment, TcpFlag.syn) && advance(segment.seq, 1) === stream.rcvNxt) {
    return sendSyn(link, stream);
  }
  if (!inOrder(stream, segment)) {
    if (!has(segment, TcpFlag.rst)) sendAck(link, stream);
    return;
  }
  if (has(segment, TcpFlag.rst)) return finish(link, stream, 'reset');
  // RFC 5961 §4: a challenge
  if (has(segment, TcpFlag.syn)) return sendAck(link, stream);
  if (!has(segment, TcpFlag.ack) || !receiveAcknowledgement(link, stream, segment)) return;
  receiveData(link, stream, segment);
  const over = stream.finReceived && stream.finAcknowledged && stream.state === 'ESTABLISHED';
  if (over) finish(link, stream, 'done');
}

/** The stream's deadline has come: sends again from what has not arrived on, or gives up. */
export function expireStream(link: StreamLink, stream: Stream): void {
  stream.deadline = undefined;
  if (stream.retries >= RETRIES) {
    send(link, stream, TcpFlag.rst | TcpFlag.ack, stream.sndNxt);
    return finish(link, stream, 'timeout');
  }
  stream.retries++;
  if (stream.state === 'SYN_SENT' || stream.state === 'SYN_RECV') return sendSyn(link, stream);
  stream.sndNxt = stream.sndUna;
  output(link, stream, true);
}
