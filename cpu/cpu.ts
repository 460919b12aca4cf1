import { initialFloatingSlots } from './floating-state.ts';
import type { Memory } from './memory.ts';
import { createTlb, type Tlb } from './tlb.ts';
import { registersOf, Slot, STATE_SIZE, type Registers } from './state.ts';

/** What the processor asks of its surroundings. */
export interface Host {
  /**
   * The native-call trap at CPL 0: runs function `id`. `again` leaves rip at the trap, so that it is executed once more
   * when the CPU is next given to this task. Either way the run ends after it when `cpu.leave` is set.
   */
  native(cpu: Cpu, id: number): 'done' | 'again';
  /** RDRAND's and RDSEED's source: 64 bits of the box's seed. */
  random(): bigint;
}

/** One processor: plain data over the machine's memory. */
export interface Cpu {
  readonly index: number;
  readonly memory: Memory;
  /** see `Slot` */
  readonly slots: BigUint64Array;
  /** the same block: slot n's low half is word 2n */
  readonly words: Int32Array;
  readonly registers: Registers;
  readonly tlb: Tlb;
  /** the TLB's view of CPL and AC, 0 to 5: see `refreshMode` */
  mode: number;
  /** changes whenever what is mapped may have: see `flushTlb` */
  addressSpaceAge: number;
  /** instructions since reset; the clock of the box */
  retired: number;
  /** `retired` at which the present run ends; the host may bring it nearer from a native call */
  limit: number;
  /** rip of the instruction being executed */
  current: bigint;
  /** set by the host to end the run after this instruction */
  leave: boolean;
  /** vectors of external interrupts that wait, in the order of their turn; 2 is the NMI, which goes before all others */
  pendingInterrupts: number[];
  /** bytes and address of the last instruction that the processor does not know, other than ud0, ud1 and ud2 */
  unknownInstruction: { readonly address: bigint; readonly bytes: readonly number[] } | undefined;
}

/** The same functions for every CPU, so that the engine sees one shape of object. */
const currentAccessor = {
  get(this: Cpu): bigint {
    return this.slots[Slot.current]!;
  },
  set(this: Cpu, value: bigint): void {
    this.slots[Slot.current] = value;
  },
};

export function createCpu(memory: Memory, index: number): Cpu {
  const slots = new BigUint64Array(memory.buffer, index * STATE_SIZE, STATE_SIZE / 8);
  const cpu = {
    index,
    memory,
    slots,
    words: new Int32Array(slots.buffer, slots.byteOffset, STATE_SIZE / 4),
    tlb: createTlb(memory, index),
    mode: 1,
    addressSpaceAge: 0,
    retired: 0,
    limit: 0,
    leave: false,
    pendingInterrupts: [],
    unknownInstruction: undefined,
  } as unknown as { -readonly [Key in keyof Cpu]: Cpu[Key] };
  Object.defineProperty(cpu, 'current', currentAccessor);
  Object.defineProperty(cpu, 'registers', { value: registersOf(cpu), enumerable: false });
  slots[Slot.rflags] = 2n;
  for (const [slot, value] of initialFloatingSlots) slots[slot] = value;
  memory.tlbs[index] = cpu.tlb;
  return cpu;
}
