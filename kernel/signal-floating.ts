/** The floating-point state in a signal frame: the FXSAVE image, or with AVX the XSAVE area. struct _fpx_sw_bytes, _xstate */
import { viewOf } from '../toolchain/elf/bytes.ts';
import type { Cpu } from '../cpu/cpu.ts';
import { evaluate } from '../cpu/evaluate.ts';
import { initialFloatingSlots } from '../cpu/floating-state.ts';
import {
  floatingImage,
  image,
  IMAGE_SIZE,
  IMAGE_WORDS,
  loadX87Image,
  loadXmmImage,
  XSAVE_HEADER,
  XSAVE_SIZE,
  XSAVE_UPPER,
} from '../cpu/fxsave.ts';
import { Slot } from '../cpu/state.ts';

/** arch/x86/include/uapi/asm/sigcontext.h */
const FP_XSTATE_MAGIC1 = 0x4650_5853;
const FP_XSTATE_MAGIC2 = 0x4650_5845;
/** of the words that the image leaves to the system */
const softwareReserved = { magic1: 464, extendedSize: 468, features: 472, size: 480 } as const;
const X87 = 1n;
const SSE = 2n;
const AVX = 4n;
const ALL = X87 | SSE | AVX;
/** Upper halves of the ymm registers, two words each. */
const upperSlots = Array.from({ length: 32 }, (_, n) => Slot.xmm + (n >> 1) * 4 + 2 + (n & 1));
const MXCSR_BITS = 0xffffn;

const hasXsave = (cpu: Cpu): boolean => cpu.slots[Slot.avx] !== 0n;

/** Bytes of the state in a frame. */
export const floatingFrameSize = (cpu: Cpu): number => (hasXsave(cpu) ? XSAVE_SIZE + 4 : IMAGE_SIZE);

/** The state as a frame has it: copy_fpregs_to_sigframe, save_xstate_epilog. */
export function saveFloating(cpu: Cpu): Uint8Array {
  const bytes = new Uint8Array(floatingFrameSize(cpu));
  const view = new DataView(bytes.buffer);
  floatingImage(evaluate(cpu), true).forEach((word, n) => view.setBigUint64(8 * n, word, true));
  if (!hasXsave(cpu)) return bytes;
  view.setUint32(softwareReserved.magic1, FP_XSTATE_MAGIC1, true);
  view.setUint32(softwareReserved.extendedSize, XSAVE_SIZE + 4, true);
  view.setBigUint64(softwareReserved.features, ALL, true);
  view.setUint32(softwareReserved.size, XSAVE_SIZE, true);
  view.setBigUint64(XSAVE_HEADER, ALL, true);
  upperSlots.forEach((slot, n) => view.setBigUint64(XSAVE_UPPER + 8 * n, cpu.slots[slot]!, true));
  view.setUint32(XSAVE_SIZE, FP_XSTATE_MAGIC2, true);
  return bytes;
}

/** The features that the frame's header lists; without its two magic numbers there is the image alone: check_xstate_in_sigframe. */
function listedFeatures(cpu: Cpu, head: DataView, read: (offset: number, size: number) => Uint8Array): bigint {
  const extended =
    hasXsave(cpu) &&
    head.getUint32(softwareReserved.magic1, true) === FP_XSTATE_MAGIC1 &&
    head.getUint32(softwareReserved.size, true) === XSAVE_SIZE &&
    head.getUint32(softwareReserved.extendedSize, true) >= XSAVE_SIZE + 4;
  if (!extended) return X87 | SSE;
  const rest = viewOf(read(IMAGE_SIZE, XSAVE_SIZE + 4 - IMAGE_SIZE));
  if (rest.getUint32(XSAVE_SIZE - IMAGE_SIZE, true) !== FP_XSTATE_MAGIC2) return X87 | SSE;
  return rest.getBigUint64(0, true) & head.getBigUint64(softwareReserved.features, true) & ALL;
}

/**
 * What `saveFloating` wrote, as the program has left it: reserved bits of MXCSR, which FXRSTOR refuses, are ignored, and
 * parts that the header does not list become as after reset. `read` throws where memory cannot be read; nothing has changed then.
 */
export function restoreFloating(cpu: Cpu, read: (offset: number, size: number) => Uint8Array): void {
  const head = viewOf(read(0, IMAGE_SIZE));
  const words = Array.from({ length: IMAGE_WORDS }, (_, n) => head.getBigUint64(n * 8, true));
  const features = listedFeatures(cpu, head, read);
  const uppers = (features & AVX) === 0n ? undefined : viewOf(read(XSAVE_UPPER, XSAVE_SIZE - XSAVE_UPPER));
  for (const [slot, value] of initialFloatingSlots) cpu.slots[slot] = value;
  if ((features & X87) !== 0n) loadX87Image(evaluate(cpu), words, true);
  cpu.slots[Slot.mxcsr] = words[image.mxcsr]! & MXCSR_BITS;
  if ((features & SSE) !== 0n) loadXmmImage(evaluate(cpu), words);
  if (uppers !== undefined) upperSlots.forEach((slot, n) => (cpu.slots[slot] = uppers.getBigUint64(8 * n, true)));
}
