/** Packets for XDP and TC programs that are entered without a network. */
import * as structures from '../../kernel/layout/structures.ts';
import { allocSkb, frameOf } from '../../kernel/net/skb.ts';
import { bytesAt, enterProgram, place, put, type LoadedExtension } from './rex-entry.ts';

export const ETHERNET = [0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 8, 0];
export const be16 = (value: number): number[] => [value >> 8, value & 0xff];

/** 127.0.0.1 to 10.0.0.2; UDP, or TCP with a header of 20 bytes. */
export function packet(
  protocol: 6 | 17,
  source: number,
  destination: number,
  payload: Uint8Array | string,
): Uint8Array {
  const data = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  const header = protocol === 17 ? 8 : 20;
  const ip = [0x45, 0, ...be16(20 + header + data.length), 0, 0, 0, 0, 64, protocol, 0, 0, 127, 0, 0, 1, 10, 0, 0, 2];
  const ports = [...be16(source), ...be16(destination)];
  const rest =
    protocol === 17 ? [...be16(8 + data.length), 0, 0] : [...Array<number>(8).fill(0), 0x50, 0x18, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...ETHERNET, ...ip, ...ports, ...rest, ...data]);
}

export function xdp(loaded: LoadedExtension, name: string, bytes: Uint8Array): number {
  const data = place(loaded, bytes);
  return enterProgram(loaded, name, put(loaded, structures.xdp_buff, { data, data_end: data + BigInt(bytes.length) }));
}

export function tc(loaded: LoadedExtension, name: string, bytes: Uint8Array): number {
  return enterProgram(loaded, name, put(loaded, structures.sk_buff, { data: place(loaded, bytes), len: bytes.length }));
}

/** A packet that the stack knows of, so that its end can be moved: the verdict, and what it is then. */
export function receive(loaded: LoadedExtension, name: string, bytes: Uint8Array): readonly [number, Uint8Array] {
  const { kernel } = loaded.machine;
  const [device] = [...kernel.net.devices.values()];
  const skb = allocSkb(kernel, device!, bytes)!;
  const { data, length } = frameOf(kernel, skb)!;
  const fields = { data, data_end: data + BigInt(length), data_meta: data, data_hard_start: skb.head };
  const context = put(loaded, structures.xdp_buff, { ...fields, frame_sz: skb.size });
  const verdict = enterProgram(loaded, name, context);
  const [start, end] = new BigUint64Array(bytesAt(loaded, context, 16).slice().buffer);
  return [verdict, bytesAt(loaded, start!, Number(end! - start!))];
}

/** A message of electrode: magic, length of the type with `flags`, type, view, operation, batch start or replica. */
export function paxos(type: string, flags = 0, data: readonly number[] = [0, 1, 1]): Uint8Array {
  const head = new DataView(new ArrayBuffer(12));
  head.setUint32(0, 0x20050318, true);
  head.setUint32(4, (type.length | flags) >>> 0, true);
  const numbers = new Uint8Array(Uint32Array.from(data).buffer);
  return Uint8Array.of(...new Uint8Array(head.buffer), ...new TextEncoder().encode(type), ...numbers);
}
