/** Memory as bytes in base64, as far as it is mapped. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Debugger } from '../types.ts';
import type { Arguments } from './arguments.ts';
import { RequestError } from './errors.ts';
import { restingTarget, type DapSession } from './session.ts';
import { hex, readAddress } from './text.ts';
import { focusedPid } from './threads.ts';

/** bytes of one request */
const MOST = 1 << 20;
const PAGE = 4096;
/** characters that a call takes as arguments */
const PART = 8192;

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PART) text += String.fromCharCode(...bytes.subarray(at, at + PART));
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new RequestError('writeMemory: data: got what is no base64');
  }
}

/** From `address` on, page by page, to the first that is not mapped. */
function readPages(host: Debugger, address: bigint, count: number, pid: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let filled = 0;
  while (filled < count) {
    const at = address + BigInt(filled);
    const part = host.readMemory(at, Math.min(count - filled, PAGE - Number(at & BigInt(PAGE - 1))), pid);
    if (part === undefined) break;
    bytes.set(part, filled);
    filled += part.length;
  }
  return bytes.subarray(0, filled);
}

export function readMemory(session: DapSession, args: Arguments): DebugProtocol.ReadMemoryResponse['body'] {
  const { debugger: host } = restingTarget(session);
  const address = readAddress(args.text('memoryReference'), args.optionalInteger('offset') ?? 0);
  const count = args.integer('count', { least: 0, most: MOST });
  const bytes = readPages(host, address, count, focusedPid(session));
  const missing = bytes.length < count ? { unreadableBytes: count - bytes.length } : undefined;
  return { address: hex(address), data: toBase64(bytes), ...missing };
}

export function writeMemory(session: DapSession, args: Arguments): DebugProtocol.WriteMemoryResponse['body'] {
  const { debugger: host } = restingTarget(session);
  const address = readAddress(args.text('memoryReference'), args.optionalInteger('offset') ?? 0);
  const bytes = fromBase64(args.text('data'));
  const pid = focusedPid(session);
  if (host.writeMemory(address, bytes, pid)) return { bytesWritten: bytes.length };
  if (args.flag('allowPartial')) {
    const mapped = readPages(host, address, Math.min(bytes.length, MOST), pid).length;
    if (mapped > 0 && host.writeMemory(address, bytes.subarray(0, mapped), pid)) return { bytesWritten: mapped };
  }
  throw new RequestError(`${bytes.length} bytes at ${hex(address)} cannot be written: not all of them are mapped`);
}
