/** ARP packets for IPv4 over Ethernet: RFC 826. */
import { viewOf } from '../../toolchain/elf/bytes.ts';

export const ArpOperation = { request: 1, reply: 2 } as const;
const ARP_LENGTH = 28;

export interface Arp {
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly sender: number;
  readonly targetMac: Uint8Array;
  readonly target: number;
}

export function arpPacket({ operation, senderMac, sender, targetMac, target }: Arp): Uint8Array {
  const bytes = new Uint8Array(ARP_LENGTH);
  // Ethernet, IPv4, and the lengths of their addresses
  bytes.set([0, 1, 8, 0, 6, 4, 0, operation]);
  bytes.set(senderMac, 8);
  viewOf(bytes).setUint32(14, sender);
  bytes.set(targetMac, 18);
  viewOf(bytes).setUint32(24, target);
  return bytes;
}

/** Undefined for what is none. */
export function readArp(bytes: Uint8Array): Arp | undefined {
  if (bytes.length < ARP_LENGTH) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0) !== 0x0001_0800 || view.getUint16(4) !== 0x0604) return undefined;
  return {
    operation: view.getUint16(6),
    senderMac: bytes.slice(8, 14),
    sender: view.getUint32(14),
    targetMac: bytes.slice(18, 24),
    target: view.getUint32(24),
  };
}
