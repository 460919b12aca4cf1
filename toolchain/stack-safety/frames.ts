/**
 * How deep a function takes the stack: its instructions followed along every path with what is known of rsp, as in a data
 * flow analysis. Depths are in bytes and count the return address, so that a function begins with 8.
 */
import { OperandKind, type Instruction, type MemoryOperand, type Operand } from '../../cpu/instruction.ts';
import { callTarget, directTarget, type CallTarget, type CodeImage, type ImageFunction } from './functions.ts';

const RSP = 4;
const RBP = 5;
const R11 = 11;
const WORD = 8;
/** more than any stack has */
const ENDLESS = 1 << 20;

export interface Call {
  readonly target: CallTarget;
  /** bytes in use when the callee begins, without its return address */
  readonly depth: number;
  readonly address: number;
}

export interface Frame {
  /** bytes; undefined when it has no constant size */
  readonly size: number | undefined;
  readonly calls: readonly Call[];
}

/** Bytes between the end of the caller's frame and what a register points at; undefined: unknown. */
interface Depths {
  readonly sp: number;
  readonly bp: number | undefined;
  /** inline stack probes go down to it page by page */
  readonly r11: number | undefined;
}

const unknownFrame = Symbol('unknown frame');
const isRegister = (operand: Operand | undefined, index: number): boolean =>
  operand?.kind === OperandKind.register && operand.index === index && operand.width >= 32;

/** Instructions that do not write their first operand. */
const readers: ReadonlySet<string> = new Set(['cmp', 'test', 'bt', 'push', 'call', 'jmp', 'mul', 'div', 'idiv']);

const writes = ({ mnemonic, operands }: Instruction, register: number): boolean =>
  (isRegister(operands[0], register) && !readers.has(mnemonic)) ||
  (/^(xchg|xadd|mulx)$/.test(mnemonic) && isRegister(operands[1], register));

const depthOf = (depths: Depths, register: number): number | undefined =>
  register === RSP ? depths.sp : register === RBP ? depths.bp : register === R11 ? depths.r11 : undefined;

/** What register `register` points at after an instruction that computes it from rsp, rbp or itself. */
function computed({ mnemonic, operands }: Instruction, depths: Depths, register: number): number | undefined {
  const [, source] = operands;
  const own = depthOf(depths, register);
  if (mnemonic === 'mov' && source?.kind === OperandKind.register) return depthOf(depths, source.index);
  if (mnemonic === 'lea' && source?.kind === OperandKind.memory) {
    const { base, index, ripRelative, displacement } = source as MemoryOperand;
    const from = base < 0 || ripRelative || index >= 0 ? undefined : depthOf(depths, base);
    return from === undefined ? undefined : from - Number(BigInt.asIntN(64, displacement));
  }
  if (own === undefined || source?.kind !== OperandKind.immediate) return undefined;
  const value = Number(BigInt.asIntN(64, source.value));
  if (mnemonic === 'sub') return own + value;
  if (mnemonic === 'add') return own - value;
  // rsp is a multiple of 8 before
  if (mnemonic === 'and' && value < 0) return own + Math.max(0, -value - WORD);
  return undefined;
}

/** The depths behind an instruction. */
function advance(instruction: Instruction, depths: Depths): Depths | typeof unknownFrame {
  const { mnemonic, operands } = instruction;
  let { sp, bp, r11 } = depths;
  if (mnemonic === 'push' || mnemonic === 'pushf') sp += WORD;
  else if (mnemonic === 'pop' && isRegister(operands[0], RSP)) return unknownFrame;
  else if (mnemonic === 'pop' || mnemonic === 'popf') sp -= WORD;
  else if (mnemonic === 'leave') {
    if (bp === undefined) return unknownFrame;
    sp = bp - WORD;
    bp = undefined;
  } else if (mnemonic === 'enter') return unknownFrame;
  else if (writes(instruction, RSP)) {
    const next = computed(instruction, depths, RSP);
    if (next === undefined) return unknownFrame;
    sp = next;
  }
  if (writes(instruction, RBP)) bp = computed(instruction, depths, RBP);
  if (mnemonic === 'call') r11 = undefined;
  else if (writes(instruction, R11)) r11 = computed(instruction, depths, R11);
  return { sp, bp, r11 };
}

/** Where two paths meet: the deeper one counts. */
function join(left: Depths, right: Depths): Depths {
  const deeper = (one: number | undefined, other: number | undefined): number | undefined =>
    one === undefined || other === undefined ? undefined : Math.max(one, other);
  return {
    sp: Math.max(left.sp, right.sp),
    bp: deeper(left.bp, right.bp),
    r11: left.r11 === right.r11 ? left.r11 : undefined,
  };
}

const same = (left: Depths, right: Depths): boolean =>
  left.sp === right.sp && left.bp === right.bp && left.r11 === right.r11;

const endings: ReadonlySet<string> = new Set(['ret', 'ud2', 'hlt', 'jmp', 'int3', 'iretq']);

/** Follows `one`; @throws {StackSafetyError} for jumps and calls to nowhere. */
export function analyseFrame(image: CodeImage, one: ImageFunction): Frame {
  const { code } = one;
  const indexes = new Map(code.map(({ address }, n) => [address, n]));
  const before: (Depths | undefined)[] = code.map(() => undefined);
  const waiting: number[] = [];
  const calls = new Map<number, Call>();
  let deepest = WORD;
  let unknown = false;
  /** at indirect jumps: switches, whose targets are whatever no other jump reaches */
  let atSwitch: Depths | undefined;

  const reach = (n: number, depths: Depths): void => {
    if (n >= code.length) return;
    const known = before[n];
    const joined = known === undefined ? depths : join(known, depths);
    if (known !== undefined && same(known, joined)) return;
    if (joined.sp > ENDLESS) {
      unknown = true;
      return;
    }
    before[n] = joined;
    waiting.push(n);
  };

  const leave = (n: number, depth: number): void => {
    const placed = code[n]!;
    const known = calls.get(placed.address);
    if (known === undefined || known.depth < depth) {
      calls.set(placed.address, { target: callTarget(image, one, placed), depth, address: placed.address });
    }
  };

  const jump = (n: number, depths: Depths): void => {
    const target = directTarget(code[n]!);
    const inside = target === undefined ? undefined : indexes.get(target);
    if (inside !== undefined) {
      reach(inside, depths);
      return;
    }
    const isPointer = callTarget(image, one, code[n]!).kind === 'pointer';
    if (isPointer) atSwitch = atSwitch === undefined ? depths : join(atSwitch, depths);
    // what is jumped to uses our return address; nobody jumps to a function with a frame still on the stack
    if (!isPointer || depths.sp <= WORD) leave(n, depths.sp - WORD);
  };

  const follow = (n: number): void => {
    const depths = before[n]!;
    const { instruction } = code[n]!;
    const { mnemonic } = instruction;
    let after = advance(instruction, depths);
    if (after === unknownFrame) {
      unknown = true;
      return;
    }
    deepest = Math.max(deepest, after.sp);
    const previous = code[n - 1]?.instruction;
    if (mnemonic === 'call') leave(n, depths.sp);
    // `cmp %r11,%rsp; jne` closes a probing loop, which ends with rsp = r11
    else if (mnemonic === 'jne' && previous?.mnemonic === 'cmp' && isRegister(previous.operands[0], RSP)) {
      if (after.r11 === undefined) unknown = true;
      else after = { ...after, sp: after.r11 };
      deepest = Math.max(deepest, after.sp);
    } else if (mnemonic.startsWith('j')) jump(n, after);
    if (!endings.has(mnemonic)) reach(n + 1, after);
  };

  reach(0, { sp: WORD, bp: undefined, r11: undefined });
  for (;;) {
    const n = waiting.pop();
    if (n !== undefined) {
      if (unknown) break;
      follow(n);
      continue;
    }
    const unreached = atSwitch === undefined ? -1 : before.indexOf(undefined);
    if (unreached === -1) break;
    reach(unreached, atSwitch!);
  }
  return { size: unknown ? undefined : deepest, calls: [...calls.values()] };
}
