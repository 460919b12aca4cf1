/** What each kind of stop waits for: one table, a row a kind. */
import { isCanonical } from '../../cpu/paging.ts';
import { KERNEL_HALF } from '../../kernel/layout/address-map.ts';
import { Signal } from '../../kernel/signal.ts';
import type { Context } from '../context.ts';
import { DebuggerError, quote } from '../error.ts';
import { checkAddress, readMemory } from '../memory.ts';
import { findRegister } from '../registers/index.ts';
import { codeAt } from '../source/loaded-code.ts';
import { addressesOfName, hasCode, kernelNameHint } from '../symbols.ts';
import { whoseTurn } from '../turn.ts';
import type { StopKind, StopTarget } from '../types.ts';
import {
  dispatcherKind,
  faultKind,
  helperKind,
  kprobeKind,
  landingPadKind,
  mapKind,
  panicKind,
  programKind,
  syscallKind,
} from './kernel-kinds.ts';
import type { Cause, Details, EventType, Moment, Trigger } from './trigger.ts';

export type TargetOf<Kind extends StopKind> = Extract<StopTarget, { readonly kind: Kind }>;

export interface StopKindRow<Kind extends StopKind> {
  /** DebuggerError for what can never be met. */
  check?(target: TargetOf<Kind>, context: Context): void;
  /** its addresses change with what is loaded */
  readonly whenLoaded?: boolean;
  resolve(target: TargetOf<Kind>, context: Context): Trigger;
}

/** lines of sources, bytes of memory and lengths of names: what is accepted at most */
const MOST_LINES = 10_000_000;
const MOST_BYTES = 65_536;
const LONGEST_NAME = 1000;

const addressKind: StopKindRow<'address'> = {
  check: ({ address }) => void checkAddress('stop', address),
  resolve: ({ address }) => ({ addresses: [address], met: () => ({ address }) }),
};

function checkName(what: string, name: string): void {
  if (name.length > 0 && name.length <= LONGEST_NAME) return;
  throw new DebuggerError('range', `a ${what} of ${name.length} characters: expected 1 to ${LONGEST_NAME}`);
}

const symbolKind: StopKindRow<'symbol'> = {
  check({ name, offset = 0n }, context) {
    checkName('symbol', name);
    const found = addressesOfName(context, name);
    for (const { address } of found) checkAddress(`stop at ${name}`, address + offset);
    // what is loaded later may have any name, but not one that only just misses the kernel's
    const hint = found.length > 0 ? '' : kernelNameHint(context.kernel, name);
    if (hint !== '') throw new DebuggerError('unknown-name', `nothing loaded is called ${quote(name)}${hint}`);
  },
  whenLoaded: true,
  resolve({ name, offset = 0n }, context) {
    const found = addressesOfName(context, name).filter(({ address }) => isCanonical(address + offset));
    return {
      addresses: [...new Set(found.map(({ address }) => address + offset))],
      met({ cause, pid }) {
        const at = cause.kind === 'address' ? cause.address - offset : undefined;
        const place = found.find((each) => each.address === at && hasCode(context, each, pid));
        return place === undefined ? undefined : { symbol: name, address: place.address + offset };
      },
    };
  },
};

/**
 * Whether what is before an address is of another line, or of another function: a line may be told of several times in a row,
 * with what is inlined into it between.
 */
function isBeginning({ kernel, sources }: Context, address: bigint, file: string, line: number): boolean {
  const tasks = address < KERNEL_HALF ? [...kernel.tasks.values()] : [undefined];
  const task = tasks.find((each) => codeAt(kernel, sources.files, address, each) !== undefined);
  const [here, before] = [sources.placesAt(address, task), sources.placesAt(address - 1n, task)];
  const own = here.findLast((place) => place.line === line && (place.file === file || place.file.endsWith(`/${file}`)));
  return !before.some((place) => place.line === line && place.file === own?.file && place.function === own.function);
}

const lineKind: StopKindRow<'line'> = {
  check({ file, line }) {
    checkName('file name', file);
    if (Number.isSafeInteger(line) && line > 0 && line <= MOST_LINES) return;
    throw new DebuggerError('range', `${file}: got line ${line}, expected 1 to ${MOST_LINES}`);
  },
  whenLoaded: true,
  resolve({ file, line }, context) {
    const { kernel, sources } = context;
    const addresses = sources.addressesOf(file, line).filter((address) => isBeginning(context, address, file, line));
    const isThere = (address: bigint, pid: number): boolean => {
      if (address >= KERNEL_HALF) return true;
      const code = codeAt(kernel, sources.files, address, kernel.tasks.get(pid));
      return code?.file.debug?.addressesOf(file, line).includes(address - code.bias) === true;
    };
    return {
      addresses,
      met({ cause, pid }) {
        if (cause.kind !== 'address' || !addresses.includes(cause.address)) return undefined;
        return isThere(cause.address, pid) ? { file, line, address: cause.address } : undefined;
      },
    };
  },
};

const registerKind: StopKindRow<'register'> = {
  check: ({ register }) => void findRegister(register),
  resolve({ register }) {
    const row = findRegister(register);
    return {
      register: row,
      met({ cause }) {
        if (cause.kind !== 'register' || cause.row !== row) return undefined;
        return { register: row.name, old: cause.before, new: cause.after };
      },
    };
  },
};

/** Tasks of one address space; 0: a native function has sent the task to sleep that it was called by. */
function shareMemory({ kernel }: Context, pid: number, other: number): boolean {
  const [one, two] = [kernel.tasks.get(pid), kernel.tasks.get(other)];
  return pid === 0 || pid === other || (one !== undefined && one.addressSpace === two?.addressSpace);
}

/** As a number where it is one, else its first bytes. */
const contentOf = (bytes: Uint8Array): bigint | string =>
  bytes.length <= 8
    ? bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
    : [...bytes.subarray(0, 32)].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** The box names one watch that an instruction has met: another is met too where it is of the same bytes, or they change. */
function isMetToo(
  { address, length, access }: TargetOf<'memory'>,
  { access: by, watch }: Extract<Cause, { kind: 'memory' }>,
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
): boolean {
  if (access !== 'access' && access !== by) return false;
  if (watch.address === address && watch.length === length) return true;
  return before !== undefined && after !== undefined && before.some((byte, n) => byte !== after[n]);
}

const memoryKind: StopKindRow<'memory'> = {
  check({ address, length }) {
    checkAddress('watch', address);
    if (!Number.isSafeInteger(length) || length < 1 || length > MOST_BYTES) {
      throw new DebuggerError('range', `watch: got a length of ${length} bytes, expected 1 to ${MOST_BYTES}`);
    }
    checkAddress('watch: the last byte', address + BigInt(length - 1));
  },
  resolve(target, context) {
    const { address, length, access, pid } = target;
    // by identity a hit says whose it is
    const watch = { address, length, access };
    let old = readMemory(context.kernel, address, length, pid ?? 0);
    return {
      watch,
      met({ cause, pid: who }) {
        if (cause.kind !== 'memory') return undefined;
        if (address < KERNEL_HALF && pid !== undefined && !shareMemory(context, who, pid)) return undefined;
        const now = readMemory(context.kernel, address, length, pid ?? who);
        const before = old;
        old = now;
        // gone with its mapping, which is no access
        if (now === undefined) return undefined;
        if (cause.watch !== watch && !isMetToo(target, cause, before, now)) return undefined;
        return {
          access: cause.access,
          address: cause.address,
          ...(before === undefined ? undefined : { old: contentOf(before) }),
          new: contentOf(now),
        };
      },
    };
  },
};

const signalNames = new Map(Object.entries(Signal).map(([name, number]) => [number as number, name]));

/** Of the kernel's own event; undefined where it is about another process than `pid`. */
function eventDetails({ cause }: Moment, type: EventType, pid: number | undefined): Details | undefined {
  if (cause.kind !== 'event' || cause.event.type !== type) return undefined;
  const { event } = cause;
  if (pid !== undefined && event.pid !== pid) return undefined;
  switch (event.type) {
    case 'fork':
      return { event: 'fork', pid: event.pid, child: event.child };
    case 'exec':
      return { event: 'exec', pid: event.pid, path: event.path };
    case 'exit':
      return { event: 'exit', pid: event.pid, comm: event.comm, status: event.status };
    case 'signal':
      return { event: 'signal', pid: event.pid, signal: signalNames.get(event.signal) ?? event.signal };
    default:
      return undefined;
  }
}

const processKind: StopKindRow<'process'> = {
  check({ pid }) {
    if (pid === undefined || (Number.isSafeInteger(pid) && pid > 0)) return;
    throw new DebuggerError('range', `got process ${pid}, expected a whole number above 0`);
  },
  resolve: ({ event, pid }) => ({ event, met: (moment) => eventDetails(moment, event, pid) }),
};

const kinds: { readonly [Kind in StopKind]: StopKindRow<Kind> } = {
  address: addressKind,
  symbol: symbolKind,
  line: lineKind,
  register: registerKind,
  memory: memoryKind,
  syscall: syscallKind,
  kprobe: kprobeKind,
  program: programKind,
  helper: helperKind,
  map: mapKind,
  dispatcher: dispatcherKind,
  panic: panicKind,
  'landing-pad': landingPadKind,
  fault: faultKind,
  process: processKind,
};

function rowOf(target: StopTarget): StopKindRow<StopKind> {
  if (Object.hasOwn(kinds, target.kind)) return kinds[target.kind] as unknown as StopKindRow<StopKind>;
  throw new DebuggerError('unsupported', `there is no kind of stop ${quote(String(target.kind))}`);
}

/** As it is kept: a user address that is nobody's is that of the process whose turn it is. */
export function settleTarget(target: StopTarget, { kernel }: Context): StopTarget {
  if (target.kind !== 'memory' || target.pid !== undefined || target.address >= KERNEL_HALF) return { ...target };
  const { pid } = whoseTurn(kernel);
  return pid === 0 ? { ...target } : { ...target, pid };
}

/** DebuggerError for what can never be met. */
export const checkTarget = (target: StopTarget, context: Context): void => rowOf(target).check?.(target, context);
export const resolveTarget = (target: StopTarget, context: Context): Trigger => rowOf(target).resolve(target, context);
export const changesWhenLoaded = (target: StopTarget): boolean => rowOf(target).whenLoaded === true;
