/** Small linked images from assembly text, for the tool that bounds stacks: code, and pointers that the loader writes. */
import {
  ET_DYN,
  PF_R,
  PF_W,
  PF_X,
  R_X86_64_RELATIVE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_RELA,
  STT_FUNC,
} from '../../toolchain/elf/constants.ts';
import { encodeRelocations, readElf, writeElf } from '../../toolchain/elf/index.ts';
import { assemble } from '../../toolchain/assembler/index.ts';
import { analyseFrames, buildCallGraph, readCode, type CallGraph } from '../../toolchain/stack-safety/index.ts';

const TEXT = 0x1000n;
const SLOTS = 0x3000n;

/** What the rex crate brings along. */
export const runtime = `
__rex_check_stack: ret
__rex_handle_stack_overflow: ud2
rust_begin_unwind: push %rbp; ud2
`;

/**
 * Links functions given as \`name: instructions\`, a line each (\`;\` separates instructions). A function listed in
 * \`pointers\` has its address in a slot of .got, called \`slot_NAME\` in the text.
 */
export function stackImage(source: string, pointers: readonly string[] = []): Uint8Array {
  const lines = (source + runtime).split('\n').filter((line) => line.trim() !== '');
  const text = lines.map((line) => {
    const [, name, body] = /^(\w+):(.*)$/.exec(line.trim())!;
    return `.globl ${name}\n.type ${name}, @function\n${name}:\n${body!.replaceAll(';', '\n')}\n.size ${name}, . - ${name}\n`;
  });
  const slots = new Map(pointers.map((name, n) => [`slot_${name}`, SLOTS + BigInt(n * 8)]));
  const { sections, symbols } = assemble(text.join(''), { sections: { '.text': TEXT }, symbols: slots });
  const code = sections.get('.text')!.bytes;
  const relocations = encodeRelocations(
    pointers.map((name, n) => ({
      offset: SLOTS + BigInt(n * 8),
      type: R_X86_64_RELATIVE,
      symbolIndex: 0,
      addend: symbols.get(name)!.address,
    })),
  );
  const padded = new Uint8Array(Number(SLOTS - TEXT)).fill(0xcc);
  padded.set(code);
  return writeElf({
    type: ET_DYN,
    segments: [
      { flags: PF_R, address: 0n, data: relocations, memorySize: 4096 },
      { flags: PF_R | PF_X, address: TEXT, data: padded },
      { flags: PF_R | PF_W, address: SLOTS, data: new Uint8Array(4096) },
    ],
    sections: [
      { name: '.rela.dyn', type: SHT_RELA, flags: SHF_ALLOC, address: 0n, size: relocations.length, entsize: 24 },
      { name: '.text', flags: SHF_ALLOC | SHF_EXECINSTR, address: TEXT, size: code.length },
      { name: '.got', flags: SHF_ALLOC | SHF_WRITE, address: SLOTS, size: pointers.length * 8 },
    ],
    symbols: lines.map((line) => {
      const name = line.trim().split(':')[0]!;
      const { address, size } = symbols.get(name)!;
      return { name, value: address, size, type: STT_FUNC, section: '.text' };
    }),
  });
}

export function graphOf(bytes: Uint8Array): CallGraph {
  const image = readCode(readElf(bytes));
  return buildCallGraph(image, analyseFrames(image), new Map());
}

/** As entry insertion would list it: the program is the function `name`. */
export function programOf(bytes: Uint8Array, name: string) {
  const { value } = readElf(bytes).symbols.find((symbol) => symbol.name === name)!;
  return { name, section: 'kprobe', programType: 'kprobe', objectAddress: undefined, entryAddress: value };
}
