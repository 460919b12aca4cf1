import { Decoder, DecoderOptions, OpKind, Register } from 'iced-x86';

/**
 * Addresses of instructions in `code` that touch memory below rsp. The kernel pushes frames at rsp when it interrupts a
 * program, so nothing may live there; rustc's prebuilt `core` was compiled without that rule and is why this is checked.
 */
export function redZoneAccesses(code: Uint8Array, address: bigint): bigint[] {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.ip = address;
  const found: bigint[] = [];
  while (decoder.canDecode) {
    const instruction = decoder.decode();
    for (let operand = 0; operand < instruction.opCount; operand++) {
      if (instruction.opKind(operand) !== OpKind.Memory || instruction.memoryBase !== Register.RSP) continue;
      if (BigInt.asIntN(64, instruction.memoryDisplacement) < 0n) found.push(instruction.ip);
    }
    instruction.free();
  }
  decoder.free();
  return found;
}
