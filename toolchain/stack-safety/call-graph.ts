/** How deep the stack can get behind each function, where that is known; why not, where it is not. */
import { analyseFrame, type Frame } from './frames.ts';
import { addressTaken, type CodeImage, type ImageFunction } from './functions.ts';

/** The panic handler: what runs behind it belongs to the other half of the stack. */
const PANIC_HANDLER = /(^|::)rust_begin_unwind$/;

export const isPanicHandler = ({ name }: ImageFunction): boolean => PANIC_HANDLER.test(name);

export interface Bound {
  /** bytes from the function's return address on, at most; undefined: unknown */
  readonly bytes: number | undefined;
  /** the path to the deepest place, this function first */
  readonly path: readonly ImageFunction[];
  /** why `bytes` is unknown */
  readonly reasons: readonly string[];
}

export interface CallGraph {
  readonly image: CodeImage;
  readonly frames: ReadonlyMap<ImageFunction, Frame>;
  readonly bounds: ReadonlyMap<ImageFunction, Bound>;
}

/** By the rex crate's name of the type, `kprobe`: what `rex::kprobe::prog_run` calls through a program object. */
export type Programs = ReadonlyMap<string, readonly ImageFunction[]>;
const PROGRAM_CALLER = /^rex::(\w+)::prog_run$/;

/** Reasons that are kept of many. */
const MOST_REASONS = 4;

const calleesOf = (frame: Frame): ImageFunction[] =>
  frame.calls.flatMap(({ target }) => (target.kind === 'function' ? [target.function] : []));

/** Functions that can reach themselves (Tarjan's strongly connected components). */
function recursive(frames: ReadonlyMap<ImageFunction, Frame>): Set<ImageFunction> {
  const found = new Set<ImageFunction>();
  const numbers = new Map<ImageFunction, number>();
  const lowest = new Map<ImageFunction, number>();
  const stack: ImageFunction[] = [];
  const onStack = new Set<ImageFunction>();
  const visit = (one: ImageFunction): void => {
    numbers.set(one, numbers.size);
    lowest.set(one, numbers.get(one)!);
    stack.push(one);
    onStack.add(one);
    for (const callee of calleesOf(frames.get(one)!)) {
      if (callee === one) found.add(one);
      if (isPanicHandler(callee)) continue;
      if (!numbers.has(callee)) visit(callee);
      if (onStack.has(callee)) lowest.set(one, Math.min(lowest.get(one)!, lowest.get(callee)!));
    }
    if (lowest.get(one) !== numbers.get(one)) return;
    const component = stack.splice(stack.indexOf(one));
    for (const member of component) {
      onStack.delete(member);
      if (component.length > 1) found.add(member);
    }
  };
  for (const one of frames.keys()) if (!numbers.has(one)) visit(one);
  return found;
}

/** @throws {StackSafetyError} */
export const analyseFrames = (image: CodeImage): Map<ImageFunction, Frame> =>
  new Map(image.functions.map((one) => [one, analyseFrame(image, one)]));

/** The frame with the calls through program objects resolved. */
function withPrograms(one: ImageFunction, frame: Frame, programs: Programs): Frame {
  const type = PROGRAM_CALLER.exec(one.name)?.[1];
  const callees = type === undefined ? undefined : programs.get(type);
  if (callees === undefined) return frame;
  const calls = frame.calls.flatMap((call) =>
    call.target.kind === 'pointer'
      ? callees.map((callee) => ({ ...call, target: { kind: 'function', function: callee } as const }))
      : [call],
  );
  return { ...frame, calls };
}

/** Bounds for the programs given. `analysed` are the frames of all functions of `image`. */
export function buildCallGraph(
  image: CodeImage,
  analysed: ReadonlyMap<ImageFunction, Frame>,
  programs: Programs,
): CallGraph {
  const frames = new Map([...analysed].map(([one, frame]) => [one, withPrograms(one, frame, programs)]));
  const cycles = recursive(frames);
  const bounds = new Map<ImageFunction, Bound>();
  const boundOf = (one: ImageFunction): Bound => {
    const known = bounds.get(one);
    if (known !== undefined) return known;
    const bound = computeBound(one);
    bounds.set(one, bound);
    return bound;
  };
  const computeBound = (one: ImageFunction): Bound => {
    const { size, calls } = frames.get(one)!;
    const reasons = new Set<string>();
    if (size === undefined) reasons.add(`the frame of ${one.name} has no constant size`);
    if (cycles.has(one)) reasons.add(`${one.name} is recursive`);
    let bytes = size ?? 0;
    let path: readonly ImageFunction[] = [];
    for (const { target, depth } of calls) {
      if (target.kind === 'pointer') reasons.add(`${one.name} calls through a pointer`);
      if (target.kind !== 'function' || cycles.has(one)) continue;
      if (isPanicHandler(target.function)) continue;
      const callee = boundOf(target.function);
      for (const reason of callee.reasons) if (reasons.size < MOST_REASONS) reasons.add(reason);
      if (depth + (callee.bytes ?? 0) <= bytes) continue;
      bytes = depth + (callee.bytes ?? 0);
      path = callee.path;
    }
    return { bytes: reasons.size === 0 ? bytes : undefined, path: [one, ...path], reasons: [...reasons] };
  };
  for (const one of frames.keys()) boundOf(one);
  return { image, frames, bounds };
}

/** Crates whose functions are the same in every program, and short of depth. */
const ownCrates: ReadonlySet<string> = new Set(['core', 'rex', 'compiler_builtins', '__rustc']);
/** Pointers in these sections are for the build and the kernel, which calls none of them. */
const isPlan = (where: string): boolean => where.startsWith('rex/') || where.startsWith('.rex.');

/** Whether a demangled name speaks of a crate other than core and rex: `<panic::Account as core::fmt::Display>::fmt`. */
function isProgramsOwn({ name }: ImageFunction): boolean {
  const crates = name.matchAll(/(?<![\w:])([A-Za-z_]\w*)::/g);
  return [...crates].some(([, crate]) => !ownCrates.has(crate!));
}

/**
 * Functions of the program that can be called through a pointer. Where no path from an entry makes such calls, the panic
 * handler still does when it formats a message.
 */
export function ownFunctionsByPointer({ image }: CallGraph): ImageFunction[] {
  return [...addressTaken(image)]
    .filter(([one, places]) => isProgramsOwn(one) && [...places].some((where) => !isPlan(where)))
    .map(([one]) => one);
}
