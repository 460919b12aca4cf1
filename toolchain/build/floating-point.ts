import { Decoder, DecoderOptions, Mnemonic, OpKind, Register } from 'iced-x86';
import { SHF_EXECINSTR, STT_FUNC } from '../elf/constants.ts';
import { demangle, sectionData, type ElfFile, type ElfSymbol } from '../elf/index.ts';

/** What the compiler makes of copies and comparisons of 16 bytes. */
const plainMoves: ReadonlySet<Mnemonic> = new Set([
  Mnemonic.Movups,
  Mnemonic.Movaps,
  Mnemonic.Movdqu,
  Mnemonic.Movdqa,
  Mnemonic.Movupd,
  Mnemonic.Movapd,
  Mnemonic.Xorps,
  Mnemonic.Xorpd,
  Mnemonic.Pxor,
  Mnemonic.Pand,
  Mnemonic.Por,
  Mnemonic.Pcmpeqb,
  Mnemonic.Pmovmskb,
]);

/** xmm, ymm, zmm and mask registers, or x87 and MMX. */
const isFloating = (register: Register): boolean =>
  (register >= Register.XMM0 && register <= Register.K7) || (register >= Register.ST0 && register <= Register.MM7);

interface Use {
  readonly address: bigint;
  readonly mnemonic: string;
}

/** The x87, MMX and vector instructions of `code` that are no plain moves. */
function computations(code: Uint8Array, address: bigint): Use[] {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.ip = address;
  const found: Use[] = [];
  while (decoder.canDecode) {
    const instruction = decoder.decode();
    const mnemonic = Mnemonic[instruction.mnemonic]!.toLowerCase();
    let touches = mnemonic.startsWith('f');
    for (let operand = 0; operand < instruction.opCount; operand++) {
      if (instruction.opKind(operand) === OpKind.Register) touches ||= isFloating(instruction.opRegister(operand));
    }
    if (touches && !plainMoves.has(instruction.mnemonic)) {
      found.push({ address: instruction.ip, mnemonic });
    }
    instruction.free();
  }
  decoder.free();
  return found;
}

/** A function of `core` itself: compiled before, and free to be vectorised. `f64`'s methods are there for floats only. */
function belongsToCore(path: string): boolean {
  return /^<?(core|compiler_builtins)::/.test(path) && !/\bf(16|32|64|128)\b|flt2dec|dec2flt/.test(path);
}

function functionsOf(elf: ElfFile): ElfSymbol[] {
  return elf.symbols.filter(({ type, size }) => type === STT_FUNC && size > 0n);
}

/**
 * Where the functions of a Rex image compute with floating point or vectors, a sentence each. Programs may not: nobody
 * saves those registers for them upstream. Copies of 16 bytes are left alone, and so is prebuilt `core`.
 */
export function floatingPointProblems(elf: ElfFile): string[] {
  const functions = functionsOf(elf);
  const problems: string[] = [];
  for (const section of elf.sections) {
    if ((section.flags & SHF_EXECINSTR) === 0) continue;
    for (const { address, mnemonic } of computations(sectionData(elf, section), section.address)) {
      const owner = functions.find(({ value, size }) => address >= value && address < value + size);
      const path = owner === undefined ? '' : demangle(owner.name);
      if (belongsToCore(path)) continue;
      const where = owner === undefined ? '' : ` in ${path}`;
      problems.push(
        `\`${mnemonic}\` at 0x${address.toString(16)}${where}: floating point and SIMD are not for programs`,
      );
    }
  }
  return problems;
}
