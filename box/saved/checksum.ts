/** CRC-32 (IEEE 802.3, reflected, 0xedb88320), as of zip and PNG. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) !== 0 ? (rest >>> 1) ^ 0xedb8_8320 : rest >>> 1;
  return rest;
});

/** Of bytes that are in pieces. */
export function crc32Of(pieces: readonly Uint8Array[]): number {
  let rest = 0xffff_ffff;
  for (const bytes of pieces) {
    for (let n = 0; n < bytes.length; n++) rest = table[(rest ^ bytes[n]!) & 0xff]! ^ (rest >>> 8);
  }
  return (rest ^ 0xffff_ffff) >>> 0;
}

export const crc32 = (bytes: Uint8Array): number => crc32Of([bytes]);
