import { checkRexImage } from '../entry-insertion/index.ts';
import { R_X86_64_GLOB_DAT, R_X86_64_RELATIVE, SHF_EXECINSTR, SHN_UNDEF } from '../elf/constants.ts';
import { readElf, sectionData, type ElfFile } from '../elf/index.ts';
import { BuildError } from './error.ts';
import { floatingPointProblems } from './floating-point.ts';
import { redZoneAccesses } from './red-zone.ts';

/** How many problems of one kind are listed. */
const MAX_LISTED = 5;

/** The names declared in the text of rex/src/ffi.rs: the kernel symbols a Rex program can need. */
export function declaredKernelSymbols(ffi: string): ReadonlySet<string> {
  return new Set(Array.from(ffi.matchAll(/^\s*pub (?:safe )?(?:static|fn) (\w+)/gm), (match) => match[1]!));
}

/** lld makes no others for a PIE without shared objects, as long as the flags are those of .cargo/config.toml. */
function relocationProblems(elf: ElfFile): string[] {
  const types = new Set(elf.relocations.map(({ type }) => type));
  types.delete(R_X86_64_RELATIVE);
  types.delete(R_X86_64_GLOB_DAT);
  return Array.from(types, (type) => `got relocation type ${type}, expected R_X86_64_RELATIVE or R_X86_64_GLOB_DAT`);
}

function redZoneProblems(elf: ElfFile): string[] {
  return elf.sections
    .filter((section) => (section.flags & SHF_EXECINSTR) !== 0)
    .flatMap((section) => redZoneAccesses(sectionData(elf, section), section.address))
    .map((address) => `the instruction at 0x${address.toString(16)} reaches below rsp`);
}

/**
 * The kernel symbols `image` leaves undefined, sorted.
 * Throws `BuildError` with everything that keeps the kernel from loading or interrupting it, `ElfError` when it is no ELF.
 */
export function checkImage(name: string, image: Uint8Array, kernelSymbols: ReadonlySet<string>): string[] {
  const elf = readElf(image);
  const problems = [
    ...checkRexImage(image, { kernelSymbols }),
    ...relocationProblems(elf),
    ...redZoneProblems(elf),
    ...floatingPointProblems(elf).slice(0, MAX_LISTED),
  ];
  if (problems.length > 0) throw new BuildError(`${name}: ${problems.join('; ')}`);
  return elf.dynamicSymbols
    .slice(1)
    .filter(({ sectionIndex }) => sectionIndex === SHN_UNDEF)
    .map((symbol) => symbol.name)
    .sort();
}
