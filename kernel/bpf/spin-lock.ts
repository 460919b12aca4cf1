/** bpf_spin_lock: interrupts are off while it is held. The word in guest memory is the lock; there is no queue. */
import type { Cpu } from '../../cpu/cpu.ts';
import { Flag } from '../../cpu/state.ts';
import { errno } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { readKernelU32, writeKernelU32 } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { oops } from '../oops.ts';
import type { HelperRow } from './helper.ts';

/** _Q_LOCKED_VAL, and the holder's number plus 1 where a qspinlock keeps a CPU number */
const LOCKED = 1;
const HOLDER_SHIFT = 18;
const SPIN = 1;

const lockWord = (cpu: Cpu): number => LOCKED | ((cpu.index + 1) << HOLDER_SHIFT);

/** Whether a CPU other than `cpu` holds the lock with this word, and so may release it. */
function heldElsewhere(kernel: Kernel, cpu: Cpu, word: number): boolean {
  return kernel.cpus.some((other) => other !== cpu && lockWord(other) === word);
}

/** 0: taken. SPIN: try again. Nobody would release a lock that this CPU holds, or that no CPU took: an oops. */
const lock: NativeFunction = (kernel, cpu) => {
  const { rdi } = cpu.registers;
  const word = readKernelU32(kernel, rdi);
  if (word === undefined) {
    oops(kernel, cpu, `BUG: unable to handle page fault for address: ${rdi.toString(16).padStart(16, '0')}`);
    return -errno.EFAULT;
  }
  if (word !== 0) {
    if (heldElsewhere(kernel, cpu, word)) return SPIN;
    oops(kernel, cpu, `watchdog: BUG: soft lockup - CPU#${cpu.index} stuck: bpf_spin_lock of a lock it holds`);
    return SPIN;
  }
  kernel.bpf.savedInterruptFlag[cpu.index] = (cpu.registers.rflags & Flag.IF) !== 0n;
  cpu.registers.rflags &= ~Flag.IF;
  writeKernelU32(kernel, rdi, lockWord(cpu));
  return 0;
};

const unlock: NativeFunction = (kernel, cpu) => {
  if (!writeKernelU32(kernel, cpu.registers.rdi, 0)) {
    const address = cpu.registers.rdi.toString(16).padStart(16, '0');
    oops(kernel, cpu, `BUG: unable to handle page fault for address: ${address}`);
    return -errno.EFAULT;
  }
  if (kernel.bpf.savedInterruptFlag[cpu.index] === true) cpu.registers.rflags |= Flag.IF;
  kernel.bpf.savedInterruptFlag[cpu.index] = false;
  return 0;
};

export const spinLockHelpers: readonly HelperRow[] = [
  {
    name: 'bpf_spin_lock',
    prototype: 'long bpf_spin_lock(struct bpf_spin_lock *lock)',
    support: 'full',
    note: 'a CPU that takes a lock it holds would spin for ever: it is an oops; a second lock loses the interrupt flag, as in Linux',
    native: lock,
    text: ['1: native bpf_spin_lock', 'cmp $1, %eax', 'jne 2f', 'pause', 'jmp 1b', '2:'],
  },
  {
    name: 'bpf_spin_unlock',
    prototype: 'long bpf_spin_unlock(struct bpf_spin_lock *lock)',
    support: 'full',
    note: '',
    native: unlock,
  },
];
