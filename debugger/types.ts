/**
 * What the debugger and those who use it (the terminal screen, gdb, DAP) say to each other: plain data, the same in the API and
 * in JSON but for bigints. See README.md.
 */
import type { Box } from '../box/box.ts';

// Stops: where execution is to come to rest.

/** What a stop waits for. */
export type StopTarget =
  /** before the instruction at a linear address */
  | { readonly kind: 'address'; readonly address: bigint }
  /** before the instruction at a symbol of the kernel, an extension or the program of a task */
  | { readonly kind: 'symbol'; readonly name: string; readonly offset?: bigint }
  /** before each address at which a line of source begins; `file` is the end of a path, as `main.rs` */
  | { readonly kind: 'line'; readonly file: string; readonly line: number }
  /** after an instruction that has changed a register, as `rax`, `rflags`, `xmm0`, `cr2` */
  | { readonly kind: 'register'; readonly register: string }
  /** after an instruction that has written (or read) some of the bytes; user addresses are those of process `pid` */
  | {
      readonly kind: 'memory';
      readonly address: bigint;
      readonly length: number;
      readonly access: 'write' | 'read' | 'access';
      readonly pid?: number;
    }
  /** a system call, by name or any: `entry` at the first instruction of the kernel, `exit` with the result in pt_regs.ax */
  | { readonly kind: 'syscall'; readonly name?: string; readonly at: 'entry' | 'exit' }
  /** a kprobe has been hit; `symbol` where it lies */
  | { readonly kind: 'kprobe'; readonly symbol?: string }
  /** a Rex or eBPF program is entered or left */
  | { readonly kind: 'program'; readonly name?: string; readonly at: 'entry' | 'exit' }
  /** a program calls a helper, as `bpf_map_lookup_elem` */
  | { readonly kind: 'helper'; readonly name?: string }
  /** an element of a map is updated or deleted, by a program or by bpf(2) */
  | { readonly kind: 'map'; readonly name?: string }
  /** at rex_dispatcher_func */
  | { readonly kind: 'dispatcher' }
  /** a Rex program has panicked: at the kernel's side of it */
  | { readonly kind: 'panic' }
  /** at the landing pad, where the stack of the dispatcher is restored */
  | { readonly kind: 'landing-pad' }
  /** at the kernel's entry of an exception, as `#PF`, or any but those that paging and int3 kprobes cause all the time */
  | { readonly kind: 'fault'; readonly vector?: string }
  /** a process has been made, has executed a file, or has ended */
  | { readonly kind: 'process'; readonly event: 'fork' | 'exec' | 'exit' | 'signal'; readonly pid?: number };

export type StopKind = StopTarget['kind'];

export interface StopOptions {
  /** an expression that must not be 0, as `rax == -22 && pid == 3`; see expression/ */
  readonly condition?: string;
  /** hits that are let pass before the first one that counts */
  readonly ignore?: number;
  /** it is removed when it has stopped execution */
  readonly once?: boolean;
  readonly enabled?: boolean;
}

export interface Stop extends Required<Omit<StopOptions, 'condition'>> {
  readonly id: number;
  readonly target: StopTarget;
  readonly condition: string | undefined;
  /** hits so far for which the condition held */
  readonly hits: number;
  /** addresses that it stands for now; none while nothing of that name is loaded, or of a stop that is no address */
  readonly addresses: readonly bigint[];
  /** one line for people, as `main.rs:19` */
  readonly text: string;
}

// Coming to rest.

export type RestReason =
  /** the steps asked for have been made */
  | 'stepped'
  /** at a stop: see `stop` */
  | 'stopped'
  /** the process that was waited for has ended */
  | 'exited'
  /** nothing can ever run again */
  | 'idle'
  /** the kernel has stopped for good */
  | 'dead'
  | 'budget'
  /** the beginning of what can be gone back to */
  | 'beginning'
  /** back at the latest instruction that has ever been executed, where no more is recorded: only going forward in the past */
  | 'interrupted';

/** Where and why execution has come to rest. */
export interface Rest {
  readonly reason: RestReason;
  /** instructions executed since boot by all processors: a point in time */
  readonly instruction: number;
  /** the processor whose turn it is, and the task on it (0: idle) */
  readonly cpu: number;
  readonly pid: number;
  readonly rip: bigint;
  readonly stop: StopHit | undefined;
  /** one line for people: `stopped at rex_dispatcher_func (dispatcher)` */
  readonly text: string;
}

export interface StopHit {
  readonly id: number;
  readonly kind: StopKind;
  /** what is known of it by kind, as the system call's name and number, the register's old and new value */
  readonly details: Readonly<Record<string, string | number | bigint>>;
}

// Places: what is at an address, and how one came there.

/** A line of source, after inlining: frames[0] is the innermost. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** demangled where it was mangled; '' unknown */
  readonly function: string;
}

export interface PlaceDescription {
  readonly address: bigint;
  /** `name+0x4`, or '' */
  readonly symbol: string;
  readonly space: 'user' | 'kernel' | 'extension';
  /** the source of the instruction, innermost first: inlined calls, then the function itself; [] unknown */
  readonly source: readonly SourcePlace[];
}

export interface InstructionDescription extends PlaceDescription {
  readonly bytes: Uint8Array;
  /** AT&T syntax */
  readonly text: string;
  /** the explaining reading: what it does, in words */
  readonly sentence: string;
  /** registers and memory that it will read, with their values now */
  readonly reads: readonly ValueDescription[];
  /** registers and memory that it will write, with their values before */
  readonly writes: readonly ValueDescription[];
  /** what it will lead to: the next address where that is known */
  readonly mayFault: readonly string[];
}

export interface ValueDescription {
  /** `rax`, `zf`, `8 bytes at rsp-8` */
  readonly name: string;
  /** effective address of memory */
  readonly address: bigint | undefined;
  /** symbol or region of that address, '' none */
  readonly place: string;
  /** undefined where it cannot be read */
  readonly value: bigint | undefined;
  /** bytes */
  readonly size: number;
}

/** One level of the story: user → syscall → kprobe → dispatcher → program → helper. Innermost first. */
export interface StoryFrame extends PlaceDescription {
  readonly kind:
    'function' | 'syscall' | 'exception' | 'kprobe' | 'dispatcher' | 'program' | 'helper' | 'interrupt' | 'user';
  /** what has been entered, as `dup(3)`, `#PF at 0x…`, `err_injector` */
  readonly title: string;
  /** stack pointer of the frame, and the stack that it lies on: `user`, `kernel`, `rex`, `nmi` … */
  readonly stackPointer: bigint;
  readonly stack: string;
  /** found by what looks like a return address, where the code does not say what it does with its stack */
  readonly guessed?: true;
}

// Values by name.

export interface RegisterValue {
  readonly name: string;
  readonly value: bigint;
  /** 1 to 256 */
  readonly bits: number;
}

/** Motions that may take long: `stepOver`, `stepOut`, `stepLine`, and backwards `stepBackOver`, `stepBackLine`, `reverseContinue`. */
export type LongMotion =
  'over' | 'out' | 'line' | 'line-over' | 'back-over' | 'back-line' | 'back-line-over' | 'back-to-stop';

/** One of them in slices of some ms, between which whoever drives can listen, and look at the box, but not change it. */
export interface MotionInSlices {
  /** The next slice; undefined: it goes on. */
  next(): Rest | undefined;
  /** It rests: where it has come to, or where it began when it leads backwards. Nothing when it is over. */
  giveUp(): Rest;
}

/** Where the debugger is at home: one box, its stops and its time. */
export interface Debugger {
  readonly box: Box;

  /** DebuggerError for what can never be met: a misspelt register, a condition that is no expression, a non-canonical address. */
  addStop(target: StopTarget, options?: StopOptions): Stop;
  /** `main.rs:19`, `rex_dispatcher_func+0x10`, `*0xffff…`, `syscall dup`, `write 0x…:8`; with ` if <expression>` behind it */
  parseStop(text: string): { readonly target: StopTarget; readonly options: StopOptions };
  removeStop(id: number): void;
  changeStop(id: number, options: StopOptions): Stop;
  readonly stops: readonly Stop[];

  /** Where it is now; `reason` is that of the last motion. */
  readonly rest: Rest;
  /** One instruction of the processor whose turn it is, or `count`. */
  step(count?: number): Rest;
  /** As `step`, but a call is executed to its return, and an interrupt or a switch of tasks is not followed. */
  stepOver(): Rest;
  /** To behind the return of the present function. */
  stepOut(): Rest;
  /** To the next line of source (over calls with `over`). */
  stepLine(options?: { readonly over?: boolean }): Rest;
  /** To the next stop, at most `budget` instructions. */
  continue(options?: { readonly budget?: number }): Rest;
  /** To `target` once; stops count as well. */
  until(target: StopTarget, options?: { readonly budget?: number }): Rest;
  stepBack(count?: number): Rest;
  stepBackOver(): Rest;
  stepBackLine(options?: { readonly over?: boolean }): Rest;
  /** To the latest stop before now. */
  reverseContinue(): Rest;
  goTo(instruction: number): Rest;
  /** A motion that may be interrupted; it begins with the first `next`. */
  inSlices(motion: LongMotion): MotionInSlices;
  /** The first and the last instruction that `goTo` reaches without executing anything new. */
  readonly reach: { readonly first: number; readonly last: number };

  /** The processor and task that the rest is about. DebuggerError for one that does not exist. */
  registers(where?: { readonly cpu?: number; readonly pid?: number }): readonly RegisterValue[];
  /** Undefined unless all of it is mapped; user addresses are those of `pid`, default the present task's. */
  readMemory(address: bigint, length: number, pid?: number): Uint8Array | undefined;
  /** false unless all of it is mapped. Part of what is re-executed when going back and forth. */
  writeMemory(address: bigint, bytes: Uint8Array, pid?: number): boolean;
  writeRegister(name: string, value: bigint, where?: { readonly cpu?: number; readonly pid?: number }): void;
  /** The value of an expression here. DebuggerError. */
  evaluate(expression: string): bigint;

  describe(address: bigint, pid?: number): PlaceDescription;
  /** The instruction at `address`, default at rip; undefined where nothing is mapped. */
  instructionAt(address?: bigint): InstructionDescription | undefined;
  /** `count` instructions from `address` on, without values. */
  disassemble(address: bigint, count: number, pid?: number): readonly DisassembledLine[];
  /** Of the task whose turn it is, or of another; [] for an idle processor and for what does not exist. */
  story(where?: { readonly cpu?: number; readonly pid?: number }): readonly StoryFrame[];
  /** Text of a source file, undefined where it is not at hand. */
  sourceText(file: string): string | undefined;
  /** Addresses at which the line begins, in everything that is loaded now. */
  addressesOf(file: string, line: number): readonly bigint[];
}

export interface DisassembledLine {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly symbol: string;
}
