/** Instructions as people read them (AT&T syntax). The one file on the product's path that uses iced-x86. */
import { nativeNames } from '../kernel/natives.ts';

export interface Disassembled {
  readonly text: string;
  /** bytes */
  readonly length: number;
  /** where a branch goes or a rip-relative operand lies */
  readonly target: bigint | undefined;
}

/** The instruction at the start of `bytes`, of which there may be more than it has; `address` is its own. */
export type Disassembler = (bytes: Uint8Array, address: bigint) => Disassembled;

/** Longest instruction, in bytes: what to hand to a disassembler. */
export const MAX_INSTRUCTION = 15;
/** 0F 3F id: the native-call trap */
const NATIVE_LENGTH = 6;

function disassembleNative(bytes: Uint8Array): Disassembled | undefined {
  if (bytes[0] !== 0x0f || bytes[1] !== 0x3f || bytes.length < NATIVE_LENGTH) return undefined;
  const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(2, true);
  return { text: `native ${nativeNames[id] ?? id}`, length: NATIVE_LENGTH, target: undefined };
}

function raw(bytes: Uint8Array): Disassembled {
  const text = bytes.length === 0 ? '(not mapped)' : `.byte 0x${bytes[0]!.toString(16).padStart(2, '0')}`;
  return { text, length: Math.min(1, bytes.length), target: undefined };
}

/** Loads iced-x86, which takes 50 to 100 ms. */
export async function loadDisassembler(): Promise<Disassembler> {
  const { Code, Decoder, DecoderOptions, Formatter, FormatterSyntax, Instruction } = await import('iced-x86');
  const formatter = new Formatter(FormatterSyntax.Gas);
  formatter.uppercaseHex = false;
  formatter.ripRelativeAddresses = true;
  const instruction = new Instruction();
  return (bytes, address) => {
    const native = disassembleNative(bytes);
    if (native !== undefined) return native;
    const padded = new Uint8Array(MAX_INSTRUCTION);
    padded.set(bytes.subarray(0, MAX_INSTRUCTION));
    const decoder = new Decoder(64, padded, DecoderOptions.None);
    decoder.ip = address;
    decoder.decodeOut(instruction);
    decoder.free();
    if (instruction.code === Code.INVALID || instruction.length > bytes.length) return raw(bytes);
    const branches = instruction.isCallNear || instruction.isJmpShortOrNear || instruction.isJccShortOrNear;
    let target: bigint | undefined;
    if (branches) target = instruction.nearBranchTarget;
    else if (instruction.isIpRelMemoryOperand) target = instruction.ipRelMemoryAddress;
    return { text: formatter.format(instruction), length: instruction.length, target };
  };
}
