/** VEX-encoded forms of SSE definitions: each is the SSE instruction's own, run for both halves of a ymm register. */
import type { Algebra, Semantics } from '../algebra.ts';
import type { Instruction, MemoryOperand, Operand, Width, XmmOperand } from '../instruction.ts';

type Half = 0 | 1;

/** How operands and halves of a VEX-encoded form correspond to those of the SSE form. */
export interface VexShape {
  /** the operand that stands for the destination's old value: 1 for a source of its own, 0 for the first operand itself; without it, zeros do */
  readonly first?: 0 | 1;
  /** bytes of the source that the upper half begins with, where it takes the same register or memory as the lower one */
  readonly widens?: 2 | 4 | 8;
  /** the results of both halves are the two quadwords of an xmm register */
  readonly narrows?: true;
  /** bits of the immediate that the lower half takes before the upper one */
  readonly immediateBits?: number;
}

/** The SSE instruction that a VEX-encoded one is for each half. */
interface Legacy {
  readonly halves: readonly [Instruction, Instruction];
  readonly destination: Operand;
  readonly first: XmmOperand | undefined;
  readonly wide: boolean;
  /** 256 bits of memory, both halves of which are loaded before anything else */
  readonly memory: MemoryOperand | undefined;
}

function legacyOf(i: Instruction, { first, immediateBits = 0 }: VexShape): Legacy {
  const [target, ...sources] = i.operands as [Operand, ...Operand[]];
  const destination = target.kind === 3 && target.width === 256 ? { ...target, width: 128 as const } : target;
  const rest = first === 1 ? sources.slice(1) : sources;
  const shifted = rest.map((operand): Operand =>
    operand.kind === 2 ? { ...operand, value: operand.value >> BigInt(immediateBits) } : operand,
  );
  return {
    halves: [
      { ...i, operands: [destination, ...rest] },
      { ...i, operands: [destination, ...shifted] },
    ],
    destination,
    first: first === undefined ? undefined : (i.operands[first] as XmmOperand),
    wide: i.operands.some((operand) => operand.width === 256),
    memory: sources.find((operand) => operand.kind === 1 && operand.width === 256) as MemoryOperand | undefined,
  };
}

/**
 * An algebra to run SSE definitions with: what they call their destination reads as the first source, memory needs no
 * alignment, what they write into a vector is kept for the end, and so are floating-point exceptions.
 */
interface View<V, C, X> {
  readonly algebra: Algebra<V, C, X>;
  /** the instruction and the half that follow */
  legacy: Legacy;
  shape: VexShape;
  half: Half;
  loaded: readonly [X, X] | undefined;
  /** the vector that was written last, and where to */
  result: X | undefined;
  target: XmmOperand | undefined;
}

const ZERO_PICKS = (by: number): readonly number[] => Array.from({ length: 16 }, (_, n) => (n + by < 16 ? n + by : -1));
const spreads: Readonly<Record<2 | 4 | 8, readonly number[]>> = {
  2: ZERO_PICKS(2),
  4: ZERO_PICKS(4),
  8: ZERO_PICKS(8),
};

/** Every operation of `a`, bound to it. */
function delegated<V, C, X>(a: Algebra<V, C, X>): Record<string, unknown> {
  const methods: Record<string, unknown> = { always: a.always, never: a.never };
  for (let at: object | null = a; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const name of Object.getOwnPropertyNames(at)) {
      const { value } = Object.getOwnPropertyDescriptor(at, name)!;
      if (typeof value === 'function' && name !== 'constructor') methods[name] ??= (value as () => void).bind(a);
    }
  }
  return methods;
}

const NOTHING = {
  halves: [] as never,
  destination: undefined as never,
  first: undefined,
  wide: false,
  memory: undefined,
};

function createView<V, C, X>(a: Algebra<V, C, X>): View<V, C, X> {
  const algebra = delegated(a) as unknown as Algebra<V, C, X>;
  const view: View<V, C, X> = {
    algebra,
    legacy: NOTHING,
    shape: {},
    half: 0,
    loaded: undefined,
    result: undefined,
    target: undefined,
  };
  const old = (): X => (view.legacy.first === undefined ? a.zeroVector() : a.readHalf(view.legacy.first, view.half));
  /** The half of a source, as the SSE form has it. */
  const source = (operand: Operand): X => {
    const half = operand.width === 256 ? view.half : 0;
    if (operand === view.legacy.memory) return view.loaded![half];
    if (operand.kind === 3 || (operand.kind === 1 && operand.width === 128)) return a.readHalf(operand, half);
    return a.withLane(a.zeroVector(), operand.width as Width, 0, a.read(operand));
  };
  const spread = (operand: Operand): X => {
    const value = source(operand);
    const { widens } = view.shape;
    return widens === undefined || view.half === 0 ? value : a.shuffleBytes(value, value, spreads[widens]);
  };
  const keep = (operand: Operand, value: X): void => {
    view.result = value;
    view.target = operand as XmmOperand;
  };
  Object.assign(algebra, {
    read: (operand: Operand): V => {
      if (operand === view.legacy.destination && operand.kind === 3) return a.lane(old(), operand.width as Width, 0);
      if (operand.width === 256) return a.lane(source(operand), 64, 0);
      const value = a.read(operand);
      const { widens } = view.shape;
      const skips = operand.kind === 1 && widens !== undefined && view.half === 1;
      return skips ? a.shr(value, a.constant(BigInt(8 * widens)), 64) : value;
    },
    write: (operand: Operand, value: V): void => {
      if (operand.kind === 3) keep(operand, a.withLane(old(), operand.width as Width, 0, value));
      else a.write(operand, value);
    },
    readVector: (operand: Operand): X => (operand === view.legacy.destination ? old() : spread(operand)),
    writeVector: keep,
    // those of both halves are told together
    settleFloatExceptions: (): void => {
      if (!view.legacy.wide) a.settleFloatExceptions();
    },
  });
  return view;
}

const views = new WeakMap<object, View<never, never, never>>();
const legacies = new WeakMap<Instruction, Legacy>();

/** The VEX-encoded form of an SSE instruction; bits of the destination above what it writes become zero. */
export function vex(semantics: Semantics, shape: VexShape): Semantics {
  return <V, C, X>(a: Algebra<V, C, X>, i: Instruction) => {
    let view = views.get(a) as View<V, C, X> | undefined;
    if (view === undefined) views.set(a, (view = createView(a)) as unknown as View<never, never, never>);
    let legacy = legacies.get(i);
    if (legacy === undefined) legacies.set(i, (legacy = legacyOf(i, shape)));
    view.legacy = legacy;
    view.shape = shape;
    view.target = undefined;
    view.half = 0;
    const { memory } = legacy;
    view.loaded = memory === undefined ? undefined : [a.readHalf(memory, 0), a.readHalf(memory, 1)];
    semantics(view.algebra, legacy.halves[0]);
    const low = view.result!;
    const { target } = view as { target: XmmOperand | undefined };
    if (target === undefined) return;
    let high = a.zeroVector();
    if (legacy.wide) {
      view.half = 1;
      semantics(view.algebra, legacy.halves[1]);
      high = view.result!;
      a.settleFloatExceptions();
    }
    if (shape.narrows === true && legacy.wide) {
      a.writeHalf(target, 0, a.withLane(low, 64, 1, a.lane(high, 64, 0)));
      a.writeHalf(target, 1, a.zeroVector());
      return;
    }
    a.writeHalf(target, 0, low);
    a.writeHalf(target, 1, high);
  };
}
