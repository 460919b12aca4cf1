/** The registers that gdb sees, in its order and with its names: one table, from which packets and target.xml are made. */
import type { RegisterValue } from '../types.ts';
import { hexOfValue } from './text.ts';

export interface RegisterRow {
  /** gdb's */
  readonly name: string;
  readonly bits: number;
  /** gdb's type of it */
  readonly type: string;
  /** where `info registers` of a group shows it, beside its type's own */
  readonly group?: string;
  /** the debugger's name of it; undefined: it is computed, and is not written */
  readonly source: string | undefined;
  /** What gdb is shown, of the value of `source`. */
  readonly show?: (value: bigint) => bigint;
  /** the other way */
  readonly store?: (shown: bigint) => bigint;
}

export interface RegisterFeature {
  readonly name: string;
  readonly registers: readonly RegisterRow[];
}

const same = (names: readonly string[], bits: number, type: string, group?: string): RegisterRow[] =>
  names.map((name) => ({ name, bits, type, ...(group === undefined ? undefined : { group }), source: name }));

const numbered = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

const floating = (name: string, source: string): RegisterRow => ({
  name,
  bits: 32,
  type: 'int',
  group: 'float',
  source,
});

/** The tag word has two bits a register, 0 valid and 3 empty; FXSAVE's has one, 1 in use. */
const fullTags = (inUse: bigint): bigint => {
  let tags = 0n;
  for (let n = 7n; n >= 0n; n--) tags = (tags << 2n) | (((inUse >> n) & 1n) === 1n ? 0n : 3n);
  return tags;
};
const usedTags = (tags: bigint): bigint => {
  let inUse = 0n;
  for (let n = 7n; n >= 0n; n--) inUse = (inUse << 1n) | (((tags >> (2n * n)) & 3n) === 3n ? 0n : 1n);
  return inUse;
};

const core: readonly RegisterRow[] = [
  ...same(['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi'], 64, 'int64'),
  ...same(['rbp', 'rsp'], 64, 'data_ptr'),
  ...same(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'], 64, 'int64'),
  { name: 'rip', bits: 64, type: 'code_ptr', source: 'rip' },
  { name: 'eflags', bits: 32, type: 'i386_eflags', source: 'rflags' },
  ...same(['cs', 'ss', 'ds', 'es', 'fs', 'gs'], 32, 'int32'),
  ...same(numbered('st', 8), 80, 'i387_ext'),
  floating('fctrl', 'fctrl'),
  floating('fstat', 'fstat'),
  { ...floating('ftag', 'ftag'), show: fullTags, store: usedTags },
  floating('fiseg', 'fcs'),
  floating('fioff', 'fip'),
  floating('foseg', 'fds'),
  floating('fooff', 'fdp'),
  floating('fop', 'fop'),
];

const sse: readonly RegisterRow[] = [
  ...same(numbered('xmm', 16), 128, 'vec128'),
  { name: 'mxcsr', bits: 32, type: 'i386_mxcsr', group: 'vector', source: 'mxcsr' },
];

/** The number of the system call that a task is in; -1 none. */
export const ORIG_RAX = 'orig_rax';

const system: readonly RegisterRow[] = [
  ...same(['k_gs_base', 'cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer'], 64, 'int64', 'system'),
];

export const registerFeatures: readonly RegisterFeature[] = [
  { name: 'org.gnu.gdb.i386.core', registers: core },
  { name: 'org.gnu.gdb.i386.sse', registers: sse },
  { name: 'org.gnu.gdb.i386.linux', registers: [{ name: ORIG_RAX, bits: 64, type: 'int64', source: undefined }] },
  { name: 'org.gnu.gdb.i386.segments', registers: same(['fs_base', 'gs_base'], 64, 'int64') },
  { name: 'org.kernel-in-a-box.i386.system', registers: system },
];

/** All of them by gdb's number. */
export const registerRows: readonly RegisterRow[] = registerFeatures.flatMap(({ registers }) => registers);

/** As `p` and `g` have it; `x` for what is not known. */
export function registerHex(row: RegisterRow, value: bigint | undefined): string {
  return value === undefined ? 'x'.repeat(row.bits / 4) : hexOfValue(value, row.bits);
}

/** A row's value among those of the debugger. */
export function shownValue({ source, show }: RegisterRow, values: ReadonlyMap<string, bigint>): bigint | undefined {
  const value = source === undefined ? undefined : values.get(source);
  return value === undefined || show === undefined ? value : show(value);
}

export const valuesByName = (values: readonly RegisterValue[]): Map<string, bigint> =>
  new Map(values.map(({ name, value }) => [name, value]));
