/** A block of guest code in translation: statements in order, then where it goes. */
import type { FlagName } from '../algebra.ts';
import type { Width } from '../instruction.ts';
import type { Node } from './node.ts';

/** The arithmetic flags as an operation that has not been evaluated: see flags.ts. `kind` is 0 where `settled` has them. */
export interface FlagState {
  /** a row number of `flagsKindNumbers` and 256 times the operation's width */
  readonly kind: Node;
  readonly left: Node;
  readonly right: Node;
  readonly result: Node;
  /** rflags with these flags' bits, i32 */
  readonly settled: Node;
  /** flags that have been set on their own since */
  readonly own: Partial<Readonly<Record<FlagName, Node>>>;
}

/** Registers by number, a bit each. */
export interface RegisterSet {
  readonly general: number;
  readonly xmm: number;
  readonly flags: boolean;
}

/** What the guest's registers hold at some place, as nodes. */
export interface Registers {
  /** unsigned values of type i32 or i64 */
  readonly general: readonly Node[];
  readonly xmm: readonly Node[];
  readonly flags: FlagState;
  /** those that the block has written */
  readonly changed: RegisterSet;
}

/** A way back to the interpreter: it goes on at `rip`, before which `executed` instructions of the block have been executed. */
export interface Exit {
  readonly rip: bigint;
  readonly executed: number;
  readonly registers: Registers;
}

/** Makes `host` the address in the WebAssembly memory of bytes `low` to `high` behind `base`, or exits. */
export interface Translate {
  readonly kind: 'translate';
  /** an integer; the address without a constant that the offsets hold */
  readonly base: Node;
  readonly access: 0 | 1;
  low: number;
  high: number;
  /** of a read: a copy of the bytes will do, since nothing is stored before the last of them is loaded */
  copies: boolean;
  /** blocks behind this one use it too */
  outlives: boolean;
  readonly host: Node;
  readonly exit: Exit;
}

/** What the only block before another knows of when it ends: translations by the register that leads there. */
export interface Legacy {
  readonly translations: readonly {
    readonly register: number;
    /** what the register points at is so many bytes behind the translation's base */
    readonly delta: number;
    readonly translate: Translate;
  }[];
  /** of the flags' operation, where it is known */
  readonly flagsKind: number | undefined;
}

export interface Load {
  readonly kind: 'load';
  readonly from: Translate;
  /** from `from.base` */
  readonly offset: number;
  readonly width: Width | 128;
  /** the same bits, as what asks for them wants them */
  readonly integer: Node;
  float: Node | undefined;
}

export interface Store {
  readonly kind: 'store';
  readonly to: Translate;
  readonly offset: number;
  readonly width: Width | 128;
  readonly value: Node;
}

/** Exits where `bad` is not 0. */
export interface Guard {
  readonly kind: 'guard';
  readonly bad: Node;
  readonly exit: Exit;
}

/** Computes a node that may not be computed earlier: a division. */
export interface Compute {
  readonly kind: 'compute';
  readonly node: Node;
  readonly result: Node;
}

/** Exits where `when` is not 0 and, which is only looked at then, `bad`; of the nodes of `bad` others see only `shared`. */
export interface Check {
  readonly kind: 'check';
  readonly when: Node;
  readonly bad: Node;
  readonly shared: readonly Node[];
  readonly exit: Exit;
}

/**
 * Where `count` is not 0: so many elements of `width` bits, `bytes` bytes, to one place from another, or all the value;
 * the places are where the least addresses are.
 * Exits where a copy would copy what it has copied. Each place lies in one page.
 */
export interface BulkStatement {
  readonly kind: 'bulk';
  readonly width: Width;
  readonly count: Node;
  readonly bytes: Node;
  readonly to: Translate;
  readonly source: Translate | Node;
  /** by DF: the elements are copied from the last to the first */
  readonly backward: Node;
  readonly exit: Exit;
}

export type Statement = Translate | Load | Store | Guard | Check | Compute | BulkStatement;

export type End =
  /** to a known address */
  | { readonly kind: 'jump'; readonly target: bigint }
  | { readonly kind: 'branch'; readonly condition: Node; readonly target: bigint; readonly next: bigint }
  /** to an address that is computed; `exit` for one that is not canonical */
  | { readonly kind: 'indirect'; readonly target: Node; readonly exit: Exit }
  /** DF is changed */
  | { readonly kind: 'direction'; readonly backward: boolean; readonly next: bigint }
  /** IF is cleared, or GS bases change places */
  | { readonly kind: 'cli' | 'swapgs'; readonly next: bigint }
  /** the host's function `id`, by the instruction of `length` bytes at `rip` */
  | {
      readonly kind: 'native';
      readonly id: number;
      readonly length: number;
      readonly rip: bigint;
      readonly next: bigint;
    }
  /** the interpreter executes the instruction at `rip`, and the region goes on at `next` if it comes there */
  | { readonly kind: 'step'; readonly rip: bigint; readonly next: bigint }
  /** the interpreter executes the instruction at `rip`, which mostly leads elsewhere */
  | { readonly kind: 'leave'; readonly rip: bigint };

/** What a block of guest code does. */
export interface Body {
  readonly statements: readonly Statement[];
  /** guest instructions, without the one of `step`, `native` and `leave` */
  readonly instructions: number;
  /** at the end */
  readonly registers: Registers;
  /** at the beginning: locals */
  readonly entry: Registers;
  readonly end: End;
}
