/** A box with the programs of a sample on a device whose other end is outside. */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { Box } from '../../box/box.ts';
import type { NetworkDevice } from '../../box/network.ts';
import type { RexExtension } from '../../box/rex.ts';
import { allocSkb } from '../../kernel/net/skb.ts';
import { queueOutput } from '../../kernel/net/softnet.ts';
import type { TcHook, XdpMode } from '../../kernel/net/types.ts';
import { OUTSIDE, udpFrame, veth0 } from './network-machine.ts';
import { assertNoProgram } from './rex-state.ts';

export interface PacketBox {
  readonly box: Box;
  readonly device: NetworkDevice;
  readonly extension: RexExtension;
}

const imageOf = (sample: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../samples/${sample}/${sample}.rex`, import.meta.url)));

/** A packet takes a few thousand instructions. */
const BUDGET = 2_000_000;

/** Until every task sleeps. */
export const settle = ({ box }: Pick<PacketBox, 'box'>): void =>
  assert.is(box.run({ budget: BUDGET, quiet: true }).reason, 'quiet', box.death);

/** veth0 with the sample's image loaded, and nothing attached; its first packet has gone through. */
export async function createPacketBox(sample: string): Promise<PacketBox> {
  const box = await Box.boot({ memory: 32 << 20, network: { veth: [veth0] }, recordSyscalls: false });
  const device = box.network.device('veth0');
  device.addNeighbour('10.0.0.9', [...OUTSIDE.mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
  const made = { box, device, extension: box.rex.load(imageOf(sample)) };
  // ksoftirqd is there from now on
  receiveFrame(made, udpFrame(1, 2, new Uint8Array(3)));
  return made;
}

export type Hook = XdpMode | TcHook;

export function attach({ device, extension }: PacketBox, program: string, hook: Hook) {
  const handle = extension.program(program);
  if (hook === 'skb' || hook === 'drv') return device.attachXdp(handle, { mode: hook });
  return device.attachTc(handle, hook);
}

/** What goes out when `frame` comes in; undefined: the device does not take it. */
export function receiveFrame(packets: Pick<PacketBox, 'box' | 'device'>, frame: Uint8Array): Uint8Array[] | undefined {
  const { device } = packets;
  device.take();
  if (!device.inject(frame)) return undefined;
  settle(packets);
  return device.take();
}

/** The same for a frame that the box itself sends. */
export function sendFrame(packets: PacketBox, frame: Uint8Array): Uint8Array[] | undefined {
  const { device, box } = packets;
  const { kernel } = box;
  device.take();
  const skb = allocSkb(kernel, kernel.net.devices.get(device.ifindex)!, frame);
  if (skb === undefined || !queueOutput(kernel, skb)) return undefined;
  settle(packets);
  return device.take();
}

/** Nothing of a packet or of a program is left. */
export function assertClean({ box }: Pick<PacketBox, 'box'>, blocks: number): void {
  const { kernel } = box;
  assertNoProgram(kernel);
  assert.is(box.death, undefined);
  assert.is(kernel.net.skbs.size, 0, 'packets');
  assert.is(kernel.heap.blocks, blocks, 'blocks of kmalloc');
}

export const blocksOf = ({ box }: Pick<PacketBox, 'box'>): number => box.kernel.heap.blocks;
