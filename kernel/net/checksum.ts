/** RFC 1071. */

/** One's-complement sum of 16-bit big-endian words; an odd last byte is a word's high half. */
export function sum16(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let n = 0; n + 1 < bytes.length; n += 2) {
    sum += (bytes[n]! << 8) | bytes[n + 1]!;
    if (sum > 0xffff_ffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  }
  if (bytes.length % 2 === 1) sum += bytes.at(-1)! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65536);
  return sum;
}

/** The checksum field's value for bytes in which that field is 0; 0 for bytes whose field is right. */
export const checksum = (bytes: Uint8Array, initial = 0): number => ~sum16(bytes, initial) & 0xffff;

/** Sum of the pseudo header of RFC 768 and RFC 9293 §3.1. */
export function pseudoHeaderSum(source: number, destination: number, protocol: number, length: number): number {
  let sum = protocol + length;
  for (const address of [source, destination]) sum += (address >>> 16) + (address & 0xffff);
  return sum;
}
