/** Where a CPU's registers lie in its block of 64-bit slots. */

/** Bytes of one CPU's block. */
export const STATE_SIZE = 4096;
/** Bytes of what is derived for each CPU: its TLB, and what translated code keeps. */
export const DERIVED_SIZE = 512 << 10;

/** Slot numbers. */
export const Slot = {
  /** rax rcx rdx rbx rsp rbp rsi rdi r8-r15, in the order of their encoding */
  gpr: 0,
  rip: 16,
  /** the arithmetic bits are valid only while `flagsKind` is 0 */
  rflags: 17,
  /** a row number of `flags.ts`, and the operation's width times 256 */
  flagsKind: 18,
  flagsLeft: 19,
  flagsRight: 20,
  flagsResult: 21,
  fsBase: 22,
  gsBase: 23,
  kernelGsBase: 24,
  cr0: 25,
  cr2: 26,
  cr3: 27,
  cr4: 28,
  cr8: 29,
  efer: 30,
  star: 31,
  lstar: 32,
  cstar: 33,
  sfmask: 34,
  gdtrBase: 35,
  gdtrLimit: 36,
  idtrBase: 37,
  idtrLimit: 38,
  trSelector: 39,
  trBase: 40,
  mxcsr: 41,
  tscAux: 42,
  /** es cs ss ds fs gs */
  selectors: 43,
  cpl: 49,
  /** 1 for one instruction after sti */
  interruptShadow: 50,
  /** 1 after hlt until an interrupt */
  halted: 51,
  /** dr0-dr3, dr6, dr7 */
  debug: 52,
  /** data breakpoints that the current instruction has met, as DR6 has them */
  debugPending: 58,
  /** rip of the instruction being executed */
  current: 59,
  /** 1 where CPUID tells of AVX, AVX2 and XSAVE, which CR4.OSXSAVE can turn on then: never changes after reset */
  avx: 60,
  /** which parts of the state are turned on: bit 0 x87, 1 SSE, 2 the upper halves of the ymm registers */
  xcr0: 61,
  /** 1 from the delivery of a non-maskable interrupt to the next iret */
  nmiBlocked: 62,
  /** 32 bytes a register, of which xmm is the lower half */
  xmm: 64,
  /** 16 bytes a physical register, of which ten count */
  x87: 128,
  fcw: 144,
  fsw: 145,
  /** bit n is 1 where physical register n is in use */
  ftw: 146,
  fop: 147,
  fip: 148,
  fdp: 149,
  fcs: 150,
  fds: 151,
  /** translated code's: instructions that it may still execute */
  budget: 152,
  /** translated code's: what the names of addresses in its cache of regions are mixed with */
  regionKey: 153,
} as const;

/**
 * What an engine keeps in the block for itself, in its own way: the pending operation of the flags, which rflags has once it
 * is settled, and its notes. No part of the machine between two instructions: see `settleBlock`.
 */
export const engineSlots: readonly number[] = [
  Slot.flagsKind,
  Slot.flagsLeft,
  Slot.flagsRight,
  Slot.flagsResult,
  Slot.current,
  Slot.budget,
  Slot.regionKey,
];
