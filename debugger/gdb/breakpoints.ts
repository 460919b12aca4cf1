/** Z and z packets: gdb's breakpoints and watchpoints as stops of the debugger. */
import type { Debugger, StopTarget } from '../types.ts';
import { Errno, PacketError } from './errors.ts';

/** What gdb calls the kinds of `Z`. */
export type BreakpointKind = 'swbreak' | 'hwbreak' | 'watch' | 'rwatch' | 'awatch';
const kinds: readonly BreakpointKind[] = ['swbreak', 'hwbreak', 'watch', 'rwatch', 'awatch'];
const accesses = { watch: 'write', rwatch: 'read', awatch: 'access' } as const;

/** more are refused */
const MOST = 4096;
/** bytes of a watchpoint */
const LONGEST = 65_536;
const KERNEL_HALF = 0x8000_0000_0000_0000n;

export interface Breakpoint {
  readonly kind: BreakpointKind;
  readonly address: bigint;
}

export interface Breakpoints {
  /** @throws {PacketError | DebuggerError} `length`: bytes of a watchpoint; `pid`: whose, where the address is a program's */
  insert(type: number, address: bigint, length: number, pid: number): void;
  /** One that does not exist is removed already. */
  remove(type: number, address: bigint, length: number): void;
  /** By the number of the debugger's stop. */
  find(stop: number): Breakpoint | undefined;
  clear(): void;
  /** whether there are watchpoints */
  readonly watching: boolean;
}

function targetOf(kind: BreakpointKind, address: bigint, length: number, pid: number): StopTarget {
  if (kind === 'swbreak' || kind === 'hwbreak') return { kind: 'address', address };
  if (length < 1 || length > LONGEST) {
    throw new PacketError(Errno.EINVAL, `got a watchpoint of ${length} bytes, expected 1 to ${LONGEST}`);
  }
  const whose = address < KERNEL_HALF && pid > 0 ? { pid } : {};
  return { kind: 'memory', address, length, access: accesses[kind], ...whose };
}

export function createBreakpoints(host: Debugger): Breakpoints {
  const byKey = new Map<string, { readonly stop: number; readonly breakpoint: Breakpoint }>();
  const kindOf = (type: number): BreakpointKind => {
    const kind = kinds[type];
    if (kind !== undefined) return kind;
    throw new PacketError(Errno.EINVAL, `got breakpoint type ${type}, expected 0 to ${kinds.length - 1}`);
  };
  // kinds of software breakpoints are lengths of instructions they replace: nothing is replaced here
  const keyOf = (type: number, address: bigint, length: number): string =>
    `${kindOf(type)} ${address} ${type < 2 ? 1 : length}`;
  return {
    insert(type, address, length, pid) {
      const key = keyOf(type, address, length);
      if (byKey.has(key)) return;
      if (byKey.size >= MOST) throw new PacketError(Errno.EMFILE, `there are ${MOST} breakpoints already`);
      const kind = kindOf(type);
      const { id } = host.addStop(targetOf(kind, address, length, pid));
      byKey.set(key, { stop: id, breakpoint: { kind, address } });
    },
    remove(type, address, length) {
      const key = keyOf(type, address, length);
      const known = byKey.get(key);
      if (known === undefined) return;
      byKey.delete(key);
      host.removeStop(known.stop);
    },
    find(stop) {
      for (const known of byKey.values()) if (known.stop === stop) return known.breakpoint;
      return undefined;
    },
    clear() {
      for (const { stop } of byKey.values()) host.removeStop(stop);
      byKey.clear();
    },
    get watching() {
      return [...byKey.values()].some(({ breakpoint }) => breakpoint.kind in accesses);
    },
  };
}
