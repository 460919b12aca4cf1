/** Static ELF programs of a few instructions, for tests of what is around a program. */
import { assemble } from '../../toolchain/assembler/index.ts';
import { ET_EXEC, PF_R, PF_W, PF_X, STT_FUNC } from '../../toolchain/elf/constants.ts';
import { writeElf } from '../../toolchain/elf/index.ts';

const TEXT = 0x40_1000n;
const DATA = 0x40_2000n;
const DATA_SIZE = 4096;

/** What the program's data begins as, and where it is. */
export interface TinyData {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

const zeros: TinyData = { address: DATA, bytes: new Uint8Array(DATA_SIZE) };

/** `source`: GNU assembler statements from `_start` on; `buffer` names its data, a page of zeros by default. */
export function tinyProgram(source: string, { address, bytes } = zeros): Uint8Array {
  const program = assemble(`\t.text\n_start:\n${source}\n`, {
    sections: { '.text': TEXT },
    symbols: { buffer: address },
  });
  const text = program.sections.get('.text')!;
  return writeElf({
    type: ET_EXEC,
    entry: TEXT,
    segments: [
      { flags: PF_R | PF_X, address: TEXT, data: text.bytes, align: 4096 },
      { flags: PF_R | PF_W, address, data: bytes, align: 4096 },
    ],
    sections: [{ name: '.text', flags: 6, address: TEXT, size: text.bytes.length }],
    symbols: [...program.symbols].map(([name, { address }]) => ({
      name,
      value: address,
      type: STT_FUNC,
      section: '.text',
    })),
  });
}

/** exit_group(code) */
export const exit = (code: number): string => `\tmov $${code}, %edi\n\tmov $231, %eax\n\tsyscall\n`;

/** Standard input to standard output, `limit` bytes at a time; exits with 7. */
export const catSource = (limit = 4096): string => `
again:
	xor %edi, %edi
	mov $buffer, %esi
	mov $${limit}, %edx
	xor %eax, %eax
	syscall
	test %rax, %rax
	jle done
	mov %rax, %rdx
	mov $1, %edi
	mov $buffer, %esi
	mov $1, %eax
	syscall
	jmp again
done:
${exit(7)}`;

/** An instruction that the processor does not have: vaddps with 512-bit registers. */
export const unknownInstruction = '\t.byte 0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc2\n';
