/**
 * How far it is from the stack pointer to the return address, at each instruction: code followed along every path from
 * where it is entered, with what is known of rsp and rbp. It needs no unwind tables, and is right before, in and behind
 * prologues and epilogues.
 *
 * A depth is what is subtracted from the frame's end, the address behind the return address: a function begins with rsp at
 * depth 8.
 */
import { decode } from '../../cpu/decoder.ts';
import { explain } from '../../cpu/explain/explain.ts';
import type { Statement } from '../../cpu/explain/node.ts';
import { OperandKind, type Instruction, type MemoryOperand } from '../../cpu/instruction.ts';

export interface StackRule {
  /** of rsp; undefined: not known */
  readonly sp: number | undefined;
  /** of rbp while it holds an address of the frame */
  readonly bp: number | undefined;
  /** the caller's rbp: in the register still, or in the slot at this depth; undefined: lost */
  readonly callerBp: 'register' | number | undefined;
  /** rsp is on another stack; on the one that was left, it was at this depth */
  readonly left: number | undefined;
  /** where the code was entered that leads here */
  readonly root: bigint;
}

/** Where code is entered, and with rsp at which depth. What is jumped to there is as deep, however it was jumped to. */
export interface Root {
  readonly address: bigint;
  readonly depth: number;
  /** nor does code fall into it from before */
  readonly fixed?: boolean;
}

export interface StackRules {
  /** before the instruction at an address */
  readonly before: ReadonlyMap<bigint, StackRule>;
  /** by return address: as it was before the call */
  readonly calls: ReadonlyMap<bigint, StackRule>;
  /** direct jumps, with the depth of rsp at them where it is known */
  readonly jumps: readonly { readonly target: bigint; readonly depth: number }[];
  /** what direct calls lead to */
  readonly called: ReadonlySet<bigint>;
}

const RSP = 4;
const RBP = 5;
const WORD = 8;
/** in one go: a decoded instruction costs some us */
const MAX_INSTRUCTIONS = 1 << 17;

interface Placed {
  readonly instruction: Instruction;
  /** a direct jump's or call's */
  readonly target: bigint | undefined;
}

const isRegister = (instruction: Instruction, operand: number, register: number): boolean => {
  const found = instruction.operands[operand];
  return found?.kind === OperandKind.register && found.index === register && found.width === 64;
};

const writesOf = (statement: Statement, register: number): boolean => {
  switch (statement.kind) {
    case 'write':
      return statement.to.kind === 'register' && statement.to.index === register;
    case 'if':
      return [...statement.yes, ...statement.no].some((inner) => writesOf(inner, register));
    case 'while':
      return statement.body.some((inner) => writesOf(inner, register));
    case 'action':
      return statement.writes.some((at) => at.kind === 'register' && at.index === register);
    default:
      return false;
  }
};

/** Whether an instruction without a row of its own changes a register: as its definition says. */
function changes(instruction: Instruction, register: number): boolean {
  const named = instruction.operands.some(
    (operand) => operand.kind === OperandKind.register && operand.index === register,
  );
  return named && explain(instruction).statements.some((statement) => writesOf(statement, register));
}

/** What is known, as it changes within one instruction. */
interface Known {
  sp: number | undefined;
  bp: number | undefined;
  callerBp: StackRule['callerBp'];
  left: number | undefined;
  root: bigint;
}

const plus = (depth: number | undefined, bytes: number): number | undefined =>
  depth === undefined ? undefined : depth + bytes;

function push(known: Known, bytes: number): void {
  known.sp = plus(known.sp, bytes);
}

/** rbp gets what is in the slot at `depth`. */
function loadBp(known: Known, depth: number | undefined): void {
  if (depth !== undefined && known.callerBp === depth) known.callerBp = 'register';
  else if (known.callerBp === 'register') known.callerBp = undefined;
  known.bp = undefined;
}

function setBp(known: Known, depth: number | undefined): void {
  if (known.callerBp === 'register') known.callerBp = undefined;
  known.bp = depth;
}

/** rsp is loaded with what is not known: another stack, unless rbp still leads to this one. */
function setUnknownSp(known: Known): void {
  if (known.bp === undefined && known.left === undefined) known.left = known.sp;
  known.sp = undefined;
}

/** What rsp would be from a memory operand's base, as `lea` computes it. */
function depthOfAddress({ base, index, displacement, ripRelative }: MemoryOperand, known: Known): number | undefined {
  if (ripRelative || index >= 0 || (base !== RSP && base !== RBP)) return undefined;
  return plus(base === RSP ? known.sp : known.bp, -Number(BigInt.asIntN(64, displacement)));
}

type Row = (instruction: Instruction, known: Known) => void;

function pop(instruction: Instruction, known: Known): void {
  const from = known.sp;
  known.sp = plus(known.sp, -(instruction.operands[0]?.width ?? instruction.width) / 8);
  if (isRegister(instruction, 0, RBP)) loadBp(known, from);
  else if (isRegister(instruction, 0, RSP)) {
    known.sp = known.left;
    known.left = undefined;
  }
}

function move({ operands }: Instruction, known: Known): void {
  const [to, from] = operands;
  if (to?.kind === OperandKind.memory && from?.kind === OperandKind.register && from.index === RBP) {
    const depth = depthOfAddress(to, known);
    if (from.width === 64 && known.callerBp === 'register' && to.base === RSP) known.callerBp = depth;
    return;
  }
  if (to?.kind !== OperandKind.register || (to.index !== RSP && to.index !== RBP) || to.width < 32) return;
  const copied =
    from?.kind === OperandKind.register && (from.index === RSP || from.index === RBP)
      ? from.index === RSP
        ? known.sp
        : known.bp
      : undefined;
  if (to.index === RBP) {
    if (from?.kind === OperandKind.memory) loadBp(known, depthOfAddress(from, known));
    else setBp(known, copied);
  } else if (copied === undefined) setUnknownSp(known);
  else known.sp = copied;
}

function load({ operands }: Instruction, known: Known): void {
  const [to, from] = operands;
  if (to?.kind !== OperandKind.register || from?.kind !== OperandKind.memory) return;
  const depth = depthOfAddress(from, known);
  if (to.index === RBP) setBp(known, depth);
  else if (to.index === RSP && depth === undefined) setUnknownSp(known);
  else if (to.index === RSP) known.sp = depth;
}

/** `sub $n, %rsp` and its like; `sign`: of the bytes in use */
const adjust =
  (sign: number): Row =>
  (instruction, known) => {
    const [to, by] = instruction.operands;
    if (to?.kind !== OperandKind.register || (to.index !== RSP && to.index !== RBP)) return;
    const bytes = by?.kind === OperandKind.immediate ? sign * Number(BigInt.asIntN(64, by.value)) : undefined;
    const from = to.index === RSP ? known.sp : known.bp;
    const depth = bytes === undefined ? undefined : plus(from, bytes);
    if (to.index === RBP) setBp(known, depth);
    else if (depth === undefined) known.sp = undefined;
    else known.sp = depth;
  };

function leave(_instruction: Instruction, known: Known): void {
  const at = known.bp;
  known.sp = plus(at, -WORD);
  loadBp(known, at);
}

const rows: Readonly<Record<string, Row>> = {
  push(instruction, known) {
    push(known, (instruction.operands[0]?.kind === OperandKind.register ? instruction.operands[0].width : 64) / 8);
    if (isRegister(instruction, 0, RBP) && known.callerBp === 'register') known.callerBp = known.sp;
  },
  pushf: (instruction, known) => push(known, instruction.width / 8),
  pop,
  popf: (instruction, known) => push(known, -instruction.width / 8),
  mov: move,
  lea: load,
  sub: adjust(1),
  add: adjust(-1),
  leave,
};

/** After an instruction that is no call and no jump. */
function advance(instruction: Instruction, rule: StackRule): StackRule {
  const known: Known = { ...rule };
  const row = rows[instruction.mnemonic];
  if (row !== undefined) row(instruction, known);
  else {
    if (changes(instruction, RSP)) known.sp = undefined;
    if (changes(instruction, RBP)) setBp(known, undefined);
  }
  return known;
}

const endings: ReadonlySet<string> = new Set(['ret', 'retf', 'iretq', 'iret', 'sysretq', 'sysret']);
/** They may be returned from, and stand where nothing is executed. */
const traps: ReadonlySet<string> = new Set(['int3', 'ud2', 'hlt']);
const isJump = (mnemonic: string): boolean => mnemonic.startsWith('j') || mnemonic.startsWith('loop');

function place(bytes: Uint8Array, at: number, start: bigint): Placed | undefined {
  const instruction = decode(bytes, at, bytes.length);
  if (typeof instruction === 'string') return undefined;
  const { mnemonic, operands, length } = instruction;
  const [operand] = operands;
  const branches = (isJump(mnemonic) || mnemonic === 'call') && operand?.kind === OperandKind.immediate;
  const next = start + BigInt(at + length);
  return { instruction, target: branches ? BigInt.asUintN(64, next + operand.value) : undefined };
}

/**
 * The rules of the code in `bytes`, which lie at `start` and are entered at `roots`, earlier ones first. What only an
 * indirect jump reaches (a switch) is taken to be as at that jump.
 */
export function stackRules(bytes: Uint8Array, start: bigint, roots: readonly Root[]): StackRules {
  const end = start + BigInt(bytes.length);
  const before = new Map<bigint, StackRule>();
  const calls = new Map<bigint, StackRule>();
  const jumps: { readonly target: bigint; readonly depth: number }[] = [];
  const called = new Set<bigint>();
  const code = new Map<bigint, Placed>();
  const at = (address: bigint): Placed | undefined => {
    let placed = code.get(address);
    if (placed === undefined && address >= start && address < end) {
      placed = place(bytes, Number(address - start), start);
      if (placed !== undefined) code.set(address, placed);
    }
    return placed;
  };
  const waiting: [bigint, StackRule][] = [];
  /** behind calls, where a jump leads too: should the call not return, the jump is right */
  const later: [bigint, StackRule][] = [];
  const targets = jumpTargets(bytes, start);
  const entered = new Map(roots.map((root) => [root.address, root]));
  let atSwitch: StackRule | undefined;

  const follow = (from: bigint, first: StackRule): void => {
    let rule = first;
    for (let address = from; !before.has(address) && before.size < MAX_INSTRUCTIONS;) {
      const placed = at(address);
      if (placed === undefined) return;
      before.set(address, rule);
      const { instruction, target } = placed;
      const { mnemonic } = instruction;
      const next = address + BigInt(instruction.length);
      if (mnemonic === 'call') {
        calls.set(next, rule);
        if (target !== undefined) called.add(target);
        if (targets.has(next)) {
          later.push([next, rule]);
          return;
        }
      } else if (isJump(mnemonic)) {
        // with nothing on the stack it may be a call in tail position as well
        if (target === undefined) atSwitch = atSwitch === undefined || atSwitch.sp === WORD ? rule : atSwitch;
        else {
          if (!entered.has(target)) waiting.push([target, rule]);
          if (rule.sp !== undefined) jumps.push({ target, depth: rule.sp });
        }
        if (mnemonic === 'jmp') return;
      } else if (endings.has(mnemonic)) {
        return;
      } else if (traps.has(mnemonic)) {
        if (!entered.has(next)) later.push([next, rule]);
        return;
      } else rule = advance(instruction, rule);
      address = next;
      if (entered.get(address)?.fixed === true) return;
    }
  };
  const drain = (): void => {
    for (;;) {
      const [address, rule] = waiting.pop() ?? later.shift() ?? [undefined, undefined];
      if (address === undefined) return;
      follow(address, rule!);
    }
  };
  const enter = (address: bigint, depth: number): void => {
    if (before.has(address)) return;
    waiting.push([address, { sp: depth, bp: undefined, callerBp: 'register', left: undefined, root: address }]);
    drain();
  };
  // a subroutine within a function is entered by its calls alone; what they lead to grows meanwhile
  const enterCalled = (): void => {
    for (const target of called) if (!entered.has(target)) enter(target, WORD);
  };
  for (const { address, depth } of roots) {
    if (before.has(address)) continue;
    atSwitch = undefined;
    enter(address, depth);
    const found = atSwitch;
    enterCalled();
    followSwitch(address, found);
    enterCalled();
  }
  return { before, calls, jumps, called };

  /** Blocks that nothing else leads to, in the function that begins at `root`. */
  function followSwitch(root: bigint, rule: StackRule | undefined): void {
    if (rule === undefined) return;
    const next = roots.reduce((least, { address }) => (address > root && address < least ? address : least), end);
    for (let address = root; address < next;) {
      const known = before.has(address);
      if (!known) {
        follow(address, rule);
        drain();
      }
      address += BigInt(at(address)?.instruction.length ?? 1);
    }
  }
}

/** Where direct jumps lead, all code taken one instruction after the other. */
function jumpTargets(bytes: Uint8Array, start: bigint): Set<bigint> {
  const targets = new Set<bigint>();
  for (let at = 0, count = 0; at < bytes.length && count < MAX_INSTRUCTIONS; count++) {
    const placed = place(bytes, at, start);
    if (placed?.target !== undefined && isJump(placed.instruction.mnemonic)) targets.add(placed.target);
    at += placed?.instruction.length ?? 1;
  }
  return targets;
}
