/** Assembly text as the translator's stages see guest code before any of it is executed, and random programs of that kind. */
import * as fc from 'fast-check';
import { decode } from '../../cpu/decoder.ts';
import type { Instruction } from '../../cpu/instruction.ts';
import type { Guest } from '../../cpu/translator/discover.ts';
import { assemble } from '../../toolchain/assembler/index.ts';

export const CODE = 0x40_0000n;

export interface GuestCode extends Guest {
  readonly end: bigint;
  /** Of a label. */
  at(label: string): bigint;
  /** The name of the label at an address, or the address. */
  name(rip: bigint): string;
  /** for a property that fails */
  [fc.toStringMethod](): string;
}

export interface GuestOptions {
  /** where computed jumps have gone: labels, by the label of the jump */
  readonly targets?: Readonly<Record<string, readonly string[]>>;
  /** labels of instructions that have not been executed */
  readonly cold?: readonly string[];
}

export function guestCode(text: string, { targets = {}, cold = [] }: GuestOptions = {}): GuestCode {
  const { sections, symbols } = assemble(`${text}\n`, { sections: { '.text': CODE } });
  const { bytes } = sections.get('.text')!;
  const labels = new Map([...symbols].map(([name, { address }]) => [name, address]));
  const at = (label: string): bigint => {
    const address = labels.get(label);
    if (address === undefined) throw new Error(`no label ${label}`);
    return address;
  };
  const names = new Map([...labels].map(([name, address]) => [address, name]));
  const hidden = new Set(cold.map(at));
  const known = new Map(Object.entries(targets).map(([from, to]) => [at(from), to.map(at)]));
  return {
    end: CODE + BigInt(bytes.length),
    at,
    name: (rip) => names.get(rip) ?? `0x${rip.toString(16)}`,
    [fc.toStringMethod]: () => `${JSON.stringify({ targets, cold })}\n${text}\n`,
    targetsOf: (rip) => known.get(rip) ?? [],
    instructionAt(rip): Instruction | undefined {
      const offset = Number(rip - CODE);
      if (offset < 0 || offset >= bytes.length || hidden.has(rip)) return undefined;
      const decoded = decode(bytes, offset, bytes.length);
      return typeof decoded === 'object' ? decoded : undefined;
    },
  };
}

const plain = [
  'addq %rcx, %rax',
  'subl $1, %ecx',
  'movq %rdx, %rsi',
  'movq (%rdi), %rax',
  'movl %eax, 8(%rdi)',
  'cmpq %rax, %rcx',
  'cpuid',
  'nop',
  'incq %r8',
  'leaq 5(%rax), %rdx',
  'sete %bl',
  'adcq %rax, %rdx',
  'movups (%rdi), %xmm1',
  'paddd %xmm1, %xmm2',
];
const conditions = ['e', 'ne', 'b', 'g', 's'];

/** Blocks that go anywhere: to the next, by branches, jump tables, calls and returns that need not match. */
export const randomGuestCode: fc.Arbitrary<GuestCode> = fc.integer({ min: 1, max: 8 }).chain((count) => {
  const block = fc.integer({ min: 0, max: count - 1 }).map((n) => `b${n}`);
  const direct = fc.oneof(
    fc.constant(''),
    fc.tuple(fc.constantFrom(...conditions), block).map(([condition, to]) => `j${condition} ${to}`),
    block.map((to) => `jmp ${to}`),
    block.map((to) => `call ${to}`),
    block.map((to) => `loop ${to}`),
    fc.constantFrom('ret', 'hlt', 'ud2', 'syscall'),
  );
  const ending = fc.oneof(
    direct.map((text) => ({ text, targets: [] as string[] })),
    fc.record({ text: fc.constantFrom('jmp *%rax', 'call *%rdx'), targets: fc.array(block, { maxLength: 4 }) }),
  );
  const body = fc.array(fc.constantFrom(...plain), { maxLength: 5 });
  return fc
    .array(fc.tuple(body, ending, fc.integer({ min: 0, max: 9 })), { minLength: count, maxLength: count })
    .map((blocks) => {
      const lines = blocks.map(([instructions, { text }, cold], n) =>
        [`b${n}: ${instructions.join('; ')}`, `c${n}: ${cold === 0 ? 'nop' : ''}`, `e${n}: ${text}`].join('\n'),
      );
      return guestCode([...lines, 'last: hlt'].join('\n'), {
        targets: Object.fromEntries(blocks.map(([, { targets }], n) => [`e${n}`, targets])),
        cold: blocks.flatMap(([, , cold], n) => (cold === 0 ? [`c${n}`] : [])),
      });
    });
});
