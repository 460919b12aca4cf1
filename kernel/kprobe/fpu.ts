/** kernel_fpu_begin and kernel_fpu_end: programs may use SSE, the interrupted code keeps its registers. */
import type { Cpu } from '../../cpu/cpu.ts';
import { Slot } from '../../cpu/state.ts';
import type { Kernel } from '../kernel.ts';

const XMM_REGISTERS = 16;
/** slots of one register in the CPU's block; the upper two are spare */
const STRIDE = 4;
/** all exceptions masked, round to nearest */
const MXCSR_DEFAULT = 0x1f80n;

/** Saves xmm0-15 and MXCSR of `cpu`, unless they are saved already, and gives the kernel a default MXCSR. */
export function kernelFpuBegin(kernel: Kernel, cpu: Cpu): undefined {
  const perCpu = kernel.perCpu[cpu.index]!;
  if (perCpu.savedFpu === undefined) {
    const saved = new BigUint64Array(XMM_REGISTERS * 2 + 1);
    for (let n = 0; n < XMM_REGISTERS; n++) {
      saved[n * 2] = cpu.slots[Slot.xmm + n * STRIDE]!;
      saved[n * 2 + 1] = cpu.slots[Slot.xmm + n * STRIDE + 1]!;
    }
    saved[XMM_REGISTERS * 2] = cpu.slots[Slot.mxcsr]!;
    perCpu.savedFpu = saved;
  }
  cpu.slots[Slot.mxcsr] = MXCSR_DEFAULT;
  return undefined;
}

/** Puts back what `kernelFpuBegin` saved. */
export function kernelFpuEnd(kernel: Kernel, cpu: Cpu): undefined {
  const perCpu = kernel.perCpu[cpu.index]!;
  const saved = perCpu.savedFpu;
  if (saved === undefined) return undefined;
  perCpu.savedFpu = undefined;
  for (let n = 0; n < XMM_REGISTERS; n++) {
    cpu.slots[Slot.xmm + n * STRIDE] = saved[n * 2]!;
    cpu.slots[Slot.xmm + n * STRIDE + 1] = saved[n * 2 + 1]!;
  }
  cpu.slots[Slot.mxcsr] = saved[XMM_REGISTERS * 2]!;
  return undefined;
}
