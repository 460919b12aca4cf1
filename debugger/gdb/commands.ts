/** The packets that are no queries. One row a letter, and one a name for those that begin with v. */
import type { RegisterRow } from './registers.ts';
import { registerHex, registerRows } from './registers.ts';
import { Errno, need, PacketError } from './errors.ts';
import { move } from './motion.ts';
import { PACKET_SIZE } from './packets.ts';
import { answerQuery, type Reply } from './queries.ts';
import type { GdbSession, Motion } from './session.ts';
import { bytesOfHex, fromLatin1, hexInteger, hexNumber, hexOfBytes, hexRange, joinBytes, valueOfHex } from './text.ts';
import {
  allRegisters,
  findThread,
  requireThread,
  threadOfRest,
  threadValues,
  whereOf,
  type Thread,
} from './threads.ts';

/** `rest`: what follows the letter. An empty reply says that there is no such packet; undefined: none now. */
type Command = (session: GdbSession, rest: string) => Reply;

const PAGE = 4096n;
const ADDRESSES = 1n << 64n;

/** 0 is nobody: an idle processor has no user memory. */
const pidOf = (session: GdbSession): number => selected(session).task?.pid ?? 0;

const selected = ({ debugger: { box }, thread }: GdbSession): Thread => requireThread(box, thread);

/** Memory as the thread has it, up to the first byte that is not mapped. */
function readMemory(session: GdbSession, address: bigint, length: number): Uint8Array {
  const { debugger: host } = session;
  const pid = pidOf(session);
  const pieces: Uint8Array[] = [];
  let at = address;
  const end = address + BigInt(length) > ADDRESSES ? ADDRESSES : address + BigInt(length);
  while (at < end) {
    const size = PAGE - (at % PAGE) < end - at ? PAGE - (at % PAGE) : end - at;
    const piece = host.readMemory(at, Number(size), pid);
    if (piece === undefined) break;
    pieces.push(piece);
    at += size;
  }
  if (pieces.length === 0 && length > 0) {
    throw new PacketError(Errno.EFAULT, `nothing is mapped at 0x${address.toString(16)}`);
  }
  return joinBytes(...pieces);
}

function writeMemory(session: GdbSession, address: bigint, bytes: Uint8Array): Reply {
  if (bytes.length === 0) return 'OK';
  const pid = pidOf(session);
  const fits = address + BigInt(bytes.length) <= ADDRESSES;
  if (fits && session.debugger.writeMemory(address, bytes, pid)) return 'OK';
  throw new PacketError(Errno.EFAULT, `${bytes.length} bytes at 0x${address.toString(16)} are not all mapped`);
}

/** `address,length:data`, both halves. */
function readHeader(rest: string): { readonly address: bigint; readonly length: number; readonly data: string } {
  const colon = rest.indexOf(':');
  const range = need(hexRange(rest.slice(0, Math.max(0, colon))), 'address and length');
  return { ...range, data: rest.slice(colon + 1) };
}

const rowOf = (number: number | undefined): RegisterRow => need(registerRows[number ?? -1], 'register number');

function writeRegister(session: GdbSession, row: RegisterRow, shown: bigint): void {
  const thread = selected(session);
  // gdb writes back what it has read, also of registers that only code can write
  if (threadValues(session.debugger, thread)(row) === shown) return;
  if (row.source === undefined) throw new PacketError(Errno.EPERM, `${row.name} is computed`);
  session.debugger.writeRegister(row.source, row.store?.(shown) ?? shown, whereOf(thread));
}

function writeAllRegisters(session: GdbSession, hex: string): Reply {
  let at = 0;
  for (const row of registerRows) {
    const digits = hex.slice(at, at + row.bits / 4);
    at += digits.length;
    const value = valueOfHex(digits, row.bits);
    if (digits !== '' && !digits.startsWith('x')) writeRegister(session, row, need(value, 'register'));
  }
  return 'OK';
}

/** A thread's number as packets have it: -1 all, 0 any, or its own. */
function readThread(text: string): number {
  if (text === '-1' || text === '0') return 0;
  return need(hexInteger(text), 'thread');
}

/** The thread that a step without one is of. */
function motionThread({ debugger: { box, rest }, motionThread: chosen }: GdbSession): number {
  return chosen !== 0 && findThread(box, chosen) !== undefined ? chosen : threadOfRest(rest);
}

const stepOf = (session: GdbSession): Motion => ({ kind: 'step', thread: motionThread(session) });

/** `c`, `s`, `C05;addr`: with an address, which is where it goes on. */
function resumeAt(session: GdbSession, rest: string, motion: Motion): Reply {
  if (rest !== '') {
    const thread = requireThread(session.debugger.box, motionThread(session));
    session.debugger.writeRegister('rip', need(hexNumber(rest), 'address'), whereOf(thread));
  }
  move(session, motion);
  return undefined;
}

/** Signals are the guest's own affair: gdb's are let pass. */
const afterSignal = (rest: string): string => rest.split(';')[1] ?? '';

interface Action {
  readonly kind: 'c' | 's' | 'r';
  readonly range: { readonly start: bigint; readonly end: bigint } | undefined;
  /** 0: all others */
  readonly thread: number;
}

function readAction(text: string): Action {
  const [what = '', thread] = text.split(':');
  const letter = what.slice(0, 1).toLowerCase();
  if (letter !== 'c' && letter !== 's' && letter !== 'r') {
    throw new PacketError(Errno.EINVAL, `got action ${JSON.stringify(text)}, expected c, s or r`);
  }
  const [start, end] = letter === 'r' ? what.slice(1).split(',').map(hexNumber) : [];
  const range = letter === 'r' ? { start: need(start, 'start'), end: need(end, 'end') } : undefined;
  return { kind: letter, range, thread: thread === undefined ? 0 : readThread(thread) };
}

/** vCont;s:1;c: the first action that is about one thread, or that for all. */
function resumeThreads(session: GdbSession, rest: string): Reply {
  const actions = rest
    .split(';')
    .filter((text) => text !== '')
    .map(readAction);
  const stepping = actions.find(({ kind }) => kind !== 'c');
  if (actions.length === 0) throw new PacketError(Errno.EINVAL, 'got vCont without an action');
  if (stepping === undefined) {
    move(session, { kind: 'continue' });
    return undefined;
  }
  const thread = stepping.thread === 0 ? motionThread(session) : stepping.thread;
  const { range } = stepping;
  move(session, range === undefined ? { kind: 'step', thread } : { kind: 'range', thread, ...range });
  return undefined;
}

function selectThread(session: GdbSession, rest: string): Reply {
  const thread = readThread(rest.slice(1));
  if (thread !== 0) requireThread(session.debugger.box, thread);
  if (rest.startsWith('g')) session.thread = thread === 0 ? threadOfRest(session.debugger.rest) : thread;
  else if (rest.startsWith('c')) session.motionThread = thread;
  else return '';
  return 'OK';
}

function readBreakpoint(rest: string): readonly [type: number, address: bigint, length: number] {
  const [where = ''] = rest.split(';');
  const comma = where.indexOf(',');
  const type = need(hexInteger(where.slice(0, Math.max(0, comma))), 'type');
  const { address, length } = need(hexRange(where.slice(comma + 1)), 'address and kind');
  return [type, address, length];
}

function end(session: GdbSession, how: 'detached' | 'killed'): Reply {
  if (!session.ended) session.options.onEnd?.(how);
  session.ended = true;
  return 'OK';
}

const verbs: Readonly<Record<string, Command>> = {
  'vCont?': () => 'vCont;c;C;s;S;r',
  vCont: resumeThreads,
  vFile: (session, rest) => session.files.answer(rest) ?? '',
  vKill(session) {
    end(session, 'killed');
    return 'OK';
  },
  vMustReplyEmpty: () => '',
};

function answerVerb(session: GdbSession, packet: string): Reply {
  const [name = ''] = /^vCont\?|^\w+/.exec(packet) ?? [];
  return Object.hasOwn(verbs, name) ? verbs[name]!(session, packet.slice(name.length + 1)) : '';
}

const commands: Readonly<Record<string, Command>> = {
  '?': ({ lastStop }) => lastStop,
  g: (session) => allRegisters(session.debugger, selected(session)),
  G: writeAllRegisters,
  p(session, rest) {
    const row = rowOf(hexInteger(rest));
    return registerHex(row, threadValues(session.debugger, selected(session))(row));
  },
  P(session, rest) {
    const [number, hex = ''] = rest.split('=');
    const row = rowOf(hexInteger(number));
    writeRegister(session, row, need(valueOfHex(hex, row.bits), 'value'));
    return 'OK';
  },
  m(session, rest) {
    const { address, length } = need(hexRange(rest), 'address and length');
    return hexOfBytes(readMemory(session, address, Math.min(length, PACKET_SIZE / 2 - 16)));
  },
  x(session, rest) {
    const { address, length } = need(hexRange(rest), 'address and length');
    // each byte may need an escape
    return joinBytes(fromLatin1('b'), readMemory(session, address, Math.min(length, PACKET_SIZE / 2 - 16)));
  },
  M(session, rest) {
    const { address, length, data } = readHeader(rest);
    const bytes = need(bytesOfHex(data), 'data');
    if (bytes.length !== length) throw new PacketError(Errno.EINVAL, `got ${bytes.length} bytes of ${length}`);
    return writeMemory(session, address, bytes);
  },
  X(session, rest) {
    const { address, length, data } = readHeader(rest);
    if (data.length !== length) throw new PacketError(Errno.EINVAL, `got ${data.length} bytes of ${length}`);
    return writeMemory(session, address, fromLatin1(data));
  },
  Z(session, rest) {
    const [type, address, length] = readBreakpoint(rest);
    session.breakpoints.insert(type, address, length, pidOf(session));
    return 'OK';
  },
  z(session, rest) {
    session.breakpoints.remove(...readBreakpoint(rest));
    return 'OK';
  },
  c: (session, rest) => resumeAt(session, rest, { kind: 'continue' }),
  C: (session, rest) => resumeAt(session, afterSignal(rest), { kind: 'continue' }),
  s: (session, rest) => resumeAt(session, rest, stepOf(session)),
  S: (session, rest) => resumeAt(session, afterSignal(rest), stepOf(session)),
  b(session, rest) {
    if (rest === 'c') move(session, { kind: 'reverse-continue' });
    else if (rest === 's') move(session, { kind: 'reverse-step', thread: motionThread(session) });
    else return '';
    return undefined;
  },
  H: selectThread,
  T(session, rest) {
    requireThread(session.debugger.box, need(hexInteger(rest), 'thread'));
    return 'OK';
  },
  D: (session) => end(session, 'detached'),
  k(session) {
    end(session, 'killed');
    return undefined;
  },
  q: (session, rest) => answerQuery(session, `q${rest}`),
  Q: (session, rest) => answerQuery(session, `Q${rest}`),
  v: (session, rest) => answerVerb(session, `v${rest}`),
};

/** The reply to a packet; an empty one for what there is not. @throws {PacketError | DebuggerError | BoxError} */
export function answer(session: GdbSession, packet: string): Reply {
  const letter = packet.slice(0, 1);
  return Object.hasOwn(commands, letter) ? commands[letter]!(session, packet.slice(1)) : '';
}
