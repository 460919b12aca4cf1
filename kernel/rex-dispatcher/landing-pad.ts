/** rex_landingpad: what the kernel does about a panicked program, in the order of kernel/bpf/rex.c. */
import type { Cpu } from '../../cpu/cpu.ts';
import { programAt } from '../bpf/programs.ts';
import type { BpfProgram } from '../bpf/types.ts';
import type { Kernel } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { readKernel, writeKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { oops } from '../oops.ts';
import { perCpuAddress, readPerCpu } from '../per-cpu.ts';
import { printk } from '../printk.ts';
import { forceSignal, Signal } from '../signal.ts';
import { dumpStack } from '../stack-trace.ts';

/** si_code of a SIGSYS that a kernel policy sent */
const SYS_SECCOMP = 1;

/** The program that this CPU executes. */
function currentProgram(kernel: Kernel, cpu: Cpu): BpfProgram | undefined {
  const current = readPerCpu(kernel, cpu.index, 'rex_curr_prog');
  return current === 0n ? undefined : programAt(kernel, current);
}

/** pr_err of the panic text: bytes of this CPU's rex_log_buf before the first NUL, at most all but the last. */
function report(kernel: Kernel, cpu: Cpu): undefined {
  const limit = constants.REX_LOG_BUF_SIZE - 1;
  const bytes = readKernel(kernel, perCpuAddress(kernel, cpu.index, 'rex_log_buf'), limit) ?? new Uint8Array();
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
  printk(kernel, cpu, `rex: ${text}`);
  kernel.events.push({ type: 'panic', cpu: cpu.index, program: currentProgram(kernel, cpu)?.name ?? '', text });
  return undefined;
}

function dump(kernel: Kernel, cpu: Cpu): undefined {
  printk(kernel, cpu, dumpStack(kernel, cpu));
  return undefined;
}

/** Crash-stop: SIGSYS to the loader if it lives, and this CPU's rex_termination_state <- 0. */
function signal(kernel: Kernel, cpu: Cpu): undefined {
  const program = currentProgram(kernel, cpu);
  if (program === undefined) {
    const current = readPerCpu(kernel, cpu.index, 'rex_curr_prog');
    oops(kernel, cpu, `BUG: rex_landingpad: rex_curr_prog is 0x${current.toString(16)}, which is no program`);
    return undefined;
  }
  const loader = kernel.tasks.get(program.loaderPid);
  if (loader !== undefined && loader.state !== 'zombie') {
    forceSignal(kernel, loader, { number: Signal.SIGSYS, code: SYS_SECCOMP, pid: 0, address: 0n });
  }
  writeKernel(kernel, perCpuAddress(kernel, cpu.index, 'rex_termination_state'), Uint8Array.of(0));
  return undefined;
}

export const rexNatives: Record<string, NativeFunction> = {
  rex_landingpad_report: report,
  dump_stack_lvl: dump,
  rex_landingpad_signal: signal,
};
