/** The names of an image's functions, as kallsyms and stack traces show them. */
import { demangle } from '../../toolchain/elf/index.ts';
import { fail } from '../errno.ts';
import { constants } from '../layout/constants.ts';
import type { KernelSymbol } from '../symbols.ts';
import { insideImage, type RexImage } from './image.ts';
import type { RexFunction } from './request.ts';

/** bytes a kallsyms name may have, without its NUL */
const MAX_NAME = constants.KSYM_NAME_LEN - 1;

/** A tag for an image: 16 hexadecimal digits mixed from its address (splitmix64's finalizer). */
export function imageTag(address: bigint): string {
  const mixed = [0xbf58476d1ce4e5b9n, 0x94d049bb133111ebn].reduce(
    (value, factor, step) => BigInt.asUintN(64, (value ^ (value >> BigInt(30 - 3 * step))) * factor),
    address,
  );
  return (mixed ^ (mixed >> 31n)).toString(16).padStart(16, '0');
}

/** `rex_prog_<tag>::<demangled name>`; sizes end with the image. EINVAL for a start outside it, EFAULT, E2BIG. */
export function textSymbols(image: RexImage, tag: string, functions: Iterable<RexFunction>): KernelSymbol[] {
  return Array.from(functions, ({ offset, size, name }) => {
    if (!insideImage(image, offset, 1)) fail('EINVAL');
    const room = BigInt(image.size) - offset;
    return {
      name: `rex_prog_${tag}::${demangle(name)}`.slice(0, MAX_NAME),
      address: image.address + offset,
      size: Number(size < room ? size : room),
      kind: 't',
    };
  });
}
