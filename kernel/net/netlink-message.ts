/** The format of netlink messages: RFC 3549, include/uapi/linux/netlink.h. Numbers are little-endian. */
import { viewOf } from '../../toolchain/elf/bytes.ts';
import { fail } from '../errno.ts';
import { latin1Text } from '../fs/bytes.ts';

export const NLMSG_HEADER = 16;
export const NlmsgType = { noop: 1, error: 2, done: 3 } as const;
/** of a request; dump is ROOT and MATCH */
export const NlmFlag = {
  multi: 2,
  ack: 4,
  echo: 8,
  replace: 0x100,
  exclusive: 0x200,
  dump: 0x300,
  create: 0x400,
} as const;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly payload: Uint8Array;
}

/** NLMSG_ALIGN and NLA_ALIGN */
const align = (length: number): number => (length + 3) & ~3;

export function encodeMessage({ type, flags, sequence, port, payload }: NetlinkMessage): Uint8Array {
  const bytes = new Uint8Array(align(NLMSG_HEADER + payload.length));
  const view = viewOf(bytes);
  view.setUint32(0, NLMSG_HEADER + payload.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  view.setUint32(12, port, true);
  bytes.set(payload, NLMSG_HEADER);
  return bytes;
}

/** The messages of one datagram; the rest from a wrong length on is dropped, as netlink_rcv_skb does. */
export function decodeMessages(bytes: Uint8Array): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  const view = viewOf(bytes);
  for (let at = 0; at + NLMSG_HEADER <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < NLMSG_HEADER || at + length > bytes.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      port: view.getUint32(at + 12, true),
      payload: bytes.slice(at + NLMSG_HEADER, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** Each attribute's value; of several of a type the last, as nla_parse says. NLA_F_NESTED is dropped. EINVAL. */
export function decodeAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const view = viewOf(bytes);
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) return fail('EINVAL');
    attributes.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return attributes;
}

export type AttributeRow = readonly [type: number, value: Uint8Array];

export function encodeAttributes(rows: readonly AttributeRow[]): Uint8Array {
  const bytes = new Uint8Array(rows.reduce((sum, [, value]) => sum + align(4 + value.length), 0));
  const view = viewOf(bytes);
  let at = 0;
  for (const [type, value] of rows) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, type, true);
    bytes.set(value, at + 4);
    at += align(4 + value.length);
  }
  return bytes;
}

export const u8 = (value: number): Uint8Array => Uint8Array.of(value);
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value >>> 0, true);
  return bytes;
}
export function be32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value >>> 0);
  return bytes;
}
/** with its NUL */
export const text = (value: string): Uint8Array =>
  Uint8Array.from(`${value}\0`, (character) => character.charCodeAt(0));

/** An attribute's number; undefined when there is none, EINVAL when it is too short. */
export function numberOf(value: Uint8Array | undefined): number | undefined {
  if (value === undefined) return undefined;
  return value.length < 4 ? fail('EINVAL') : viewOf(value).getUint32(0, true);
}

/** An attribute's string up to its NUL. */
export function textOf(value: Uint8Array | undefined): string | undefined {
  if (value === undefined) return undefined;
  const end = value.indexOf(0);
  return latin1Text(value.subarray(0, end < 0 ? value.length : end));
}

export function concatenate(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
