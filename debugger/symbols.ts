/** Addresses by name: of the kernel, of extensions' functions, and of what the running programs' files define. */
import type { Kernel } from '../kernel/kernel.ts';
import { SHN_UNDEF, STT_FUNC, STT_NOTYPE, STT_OBJECT } from '../toolchain/elf/constants.ts';
import { demangle } from '../toolchain/elf/index.ts';
import { didYouMean } from '../toolchain/assembler/did-you-mean.ts';
import type { Context } from './context.ts';
import { allCode, codeAt } from './source/loaded-code.ts';
import type { CodeFile } from './source/index.ts';

/** Where something of a name lies; a program's counts only for tasks that have `file` there. */
export interface NamedAddress {
  readonly address: bigint;
  /** of a program; undefined in the kernel's half */
  readonly file: CodeFile | undefined;
}

const KERNEL_HALF = 1n << 63n;
/** as kallsyms names functions of images: `rex_prog_<tag>::name` */
const imagePrefix = /^rex_prog_[0-9a-f]{16}::/;
/** of a file whose symbols have been asked for */
const named = new WeakMap<CodeFile, ReadonlyMap<string, readonly bigint[]>>();
const counted: ReadonlySet<number> = new Set([STT_FUNC, STT_NOTYPE, STT_OBJECT]);

/** The file's own addresses by name, as it is written in the file and demangled. */
function symbolsOf(file: CodeFile): ReadonlyMap<string, readonly bigint[]> {
  const known = named.get(file);
  if (known !== undefined) return known;
  const found = new Map<string, bigint[]>();
  const add = (name: string, value: bigint): void => {
    const list = found.get(name);
    if (list === undefined) found.set(name, [value]);
    else if (!list.includes(value)) list.push(value);
  };
  for (const { name, value, type, sectionIndex } of file.elf?.symbols ?? []) {
    if (name === '' || sectionIndex === SHN_UNDEF || !counted.has(type)) continue;
    add(name, value);
    const readable = demangle(name);
    if (readable !== name) add(readable, value);
  }
  named.set(file, found);
  return found;
}

function* imageAddresses({ symbols }: Kernel, name: string): Generator<bigint> {
  for (const symbol of symbols.sorted) {
    if (symbol.kind === 't' && imagePrefix.test(symbol.name) && symbol.name.replace(imagePrefix, '') === name) {
      yield symbol.address;
    }
  }
}

/** Everything loaded now that is called so; none: nothing is, now. */
export function addressesOfName({ kernel, sources }: Context, name: string): NamedAddress[] {
  const found = new Map<string, NamedAddress>();
  const add = (address: bigint, file?: CodeFile): void => {
    found.set(`${address}${file === undefined ? '' : ` ${file.bytes.length}`}`, { address, file });
  };
  const symbol = kernel.symbols.byName.get(name);
  if (symbol !== undefined) add(symbol.address);
  for (const address of imageAddresses(kernel, name)) add(address);
  for (const { file, bias } of allCode(kernel, sources.files)) {
    for (const value of symbolsOf(file).get(name) ?? []) {
      const address = BigInt.asUintN(64, value + bias);
      add(address, address < KERNEL_HALF ? file : undefined);
    }
  }
  return [...found.values()];
}

/** Whether a task has that file's code at the address. */
export function hasCode({ kernel, sources }: Context, { address, file }: NamedAddress, pid: number): boolean {
  if (file === undefined) return true;
  return codeAt(kernel, sources.files, address, kernel.tasks.get(pid))?.file === file;
}

/** What an expression means by a name: the kernel's, then the task's program's, then any. */
export function addressOfName(context: Context, name: string, pid: number): bigint | undefined {
  const found = addressesOfName(context, name);
  const own =
    found.find((candidate) => candidate.file === undefined) ?? found.find((each) => hasCode(context, each, pid));
  return (own ?? found[0])?.address;
}

/** `; did you mean X?` by the kernel's names, which do not change. */
export const kernelNameHint = (kernel: Kernel, name: string): string =>
  didYouMean(
    name,
    kernel.symbols.sorted.filter(({ kind }) => kind !== 't').map((symbol) => symbol.name),
  );
