/** Exceptions in the middle of translated code: what they push, what they have left undone, how the program goes on. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { At, differencesOfProgram, runTwins, WINDOW_PAGES, type Program } from './support/assembly-twins.ts';

const END = At.window + WINDOW_PAGES * 4096;

/** Sums up what an exception pushed, and goes on at r14. */
const resumed = (error: boolean): string => `
  ${error ? 'pop %r13' : 'xor %r13d, %r13d'}
  mov %cr2, %r12
  add %r12, %r15
  rol $7, %r15
  add %r13, %r15
  add (%rsp), %r15
  rol $9, %r15
  add 24(%rsp), %r15
  add 16(%rsp), %r15
  mov %r14, (%rsp)
  iretq`;

const handlers = {
  0: resumed(false),
  6: resumed(false),
  11: resumed(true),
  12: resumed(true),
  13: resumed(true),
  14: resumed(true),
  19: resumed(false),
};

/** `access` at rdi, which goes from `from` on in steps, among others that change registers and flags. */
const around = (access: string, from: bigint, count: number, step = 1): string => `
  mov $0x${from.toString(16)}, %rdi
  mov $${count}, %r8d
  lea again(%rip), %r14
  mov $${At.stackTop - 256}, %rbp
  mov $7, %eax
loop:
  add $3, %rbx
  movd %ebx, %xmm2
  inc %rax
  adc %rbx, %rdx
  ${access}
  add %rax, %rcx
  sbb %rcx, %rsi
again:
  add $${step}, %rdi
  pushf
  popq 8(%rbp)
  add 8(%rbp), %r11
  dec %r8d
  jnz loop
  hlt`;

const same = (program: Program): void => assert.equal(differencesOfProgram(program), []);

const accesses = [
  'mov (%rdi), %al',
  'mov (%rdi), %ax',
  'mov (%rdi), %eax',
  'mov (%rdi), %rax',
  'mov %al, (%rdi)',
  'mov %rax, (%rdi)',
  'add %rax, (%rdi)',
  'add (%rdi), %rax',
  'lock xadd %rax, (%rdi)',
  'xchg %eax, (%rdi)',
  'cmpxchg %rbx, (%rdi)',
  'lock cmpxchg16b (%rdi)',
  'movups (%rdi), %xmm1',
  'movups %xmm2, (%rdi)',
  'movaps (%rdi), %xmm1',
  'movaps %xmm2, (%rdi)',
  'paddd (%rdi), %xmm1',
  'movq (%rdi), %xmm1',
  'movss %xmm2, (%rdi)',
  'push (%rdi)',
  'pop (%rdi)',
  'mov (%rdi), %eax; mov 8(%rdi), %edx; mov 200(%rdi), %ebx',
  'mov %eax, (%rdi); mov %edx, 8(%rdi); mov -8(%rdi), %ebx',
  'mov -20(%rdi), %eax; mov %ebx, -3(%rdi); add %al, 40(%rdi)',
  'setc (%rdi)',
  'cmovc (%rdi), %ebx',
  'btsl $3, (%rdi)',
  'bts %rax, (%rdi)',
  'shll $2, (%rdi)',
  'movsq; sub $8, %rdi',
  'stosq; sub $8, %rdi',
  'mov %rdi, %r9; mov $2, %ecx; rep stosq; mov %r9, %rdi',
  'mov %rsp, %r9; mov %rdi, %rsp; push %rax; mov %r9, %rsp',
  'mov %rsp, %r9; mov %rdi, %rsp; pop %rax; mov %r9, %rsp',
  'call *(%rdi)',
  'jmp *(%rdi)',
  'divl (%rdi)',
  'cvtsi2sdq (%rdi), %xmm3',
  'addsd (%rdi), %xmm3',
  'pcmpistri $0, (%rdi), %xmm2',
  'fldl (%rdi); fstp %st(0)',
];

/** where: first address, and the others behind it */
const places: readonly (readonly [name: string, from: bigint, count: number])[] = [
  ['the end of what is mapped', BigInt(END - 210), 4 + 14],
  ['the end itself', BigInt(END - 18), 22],
  ['the beginning of it', BigInt(At.window - 18), 22],
  ['from page to page', BigInt(At.window + 4096 - 18), 22],
  ['the end of the lower half', 0x7fff_ffff_ffeen, 22],
  ['no address', 0x8000_0000_0000n - 3n, 6],
  ['the end of the address space', 0xffff_ffff_ffff_fff0n, 22],
];

for (const [name, from, count] of places) {
  test(`accesses: ${name}`, () => {
    for (const [n, access] of accesses.entries()) {
      const program = { text: around(access, from, count), handlers, budget: 1500 };
      const found = runTwins(program, [], n % 3 === 0 ? 3 : Infinity).differences;
      if (found.length > 0) throw new Error(`${access}\n${found.join('\n')}`);
    }
  });
}

test('pages that may only be read, and pages that are not there, between others', () => {
  for (const access of accesses) {
    const text = around(access, BigInt(At.window + 4096 - 40), 86, 96);
    const begin: Program['begin'] = ({ cpu, memory }) => {
      memory.view.setBigUint64(0x5000 + 8, BigInt(At.frames + 4096) | 1n, true);
      memory.view.setBigUint64(0x5000 + 16, 0n, true);
      assert.is(cpu.retired, 0);
    };
    const found = runTwins({ text, handlers, begin }).differences;
    if (found.length > 0) throw new Error(`${access}\n${found.join('\n')}`);
  }
});

test('divisions: by zero, quotients that do not fit, the smallest number by minus one', () => {
  const values = ['$0', '$1', '$-1', '$2', '$0x80000000', '$0x8000000000000000', '$0x7fffffffffffffff', '$0x100'];
  for (const division of ['div', 'idiv']) {
    for (const [size, high, low, by] of [
      ['b', '%ah', '%al', '%cl'],
      ['w', '%dx', '%ax', '%cx'],
      ['l', '%edx', '%eax', '%ecx'],
      ['q', '%rdx', '%rax', '%rcx'],
    ] as const) {
      const cases = values.flatMap((a) =>
        values.flatMap((c) =>
          ['$0', '$-1', '$1'].map(
            (d, n) => `
    movabs ${a}, %rax; movabs ${c}, %rcx; mov ${d}, %rdx
    add %rax, %rbx
    lea 1f(%rip), %r14
    ${size === 'b' && n === 1 ? 'mov $0xff, %ah' : ''}
    ${division}${size} ${by}
    inc %rsi
1:  add %rax, %rdi; adc %rdx, %rdi; xor ${low}, ${low}; or ${high}, ${low}`,
          ),
        ),
      );
      const found = runTwins({ text: `${cases.join('\n')}\nhlt`, handlers }).differences;
      assert.equal(found, [], `${division}${size}`);
    }
  }
});

test('jumps, calls and returns out of the address space, and past its end', () => {
  const begin: Program['begin'] = ({ memory }) => {
    // at the end of the lower half: nop; jmp .+2 and beyond; add %al, %dl
    memory.bytes.fill(0x90, 0x31000, 0x32000);
    memory.bytes.set([0xeb, 0x10], 0x31fd);
    memory.bytes.set([0xe8, 0x00, 0x10, 0x00, 0x00], 0x31fc0);
    memory.bytes.set([0x75, 0x70], 0x31fa0);
  };
  const last = At.lastPage;
  const jumps = [
    ['mov $0x800000000000, %rax', 'jmp *%rax'],
    ['mov $0x800000000000, %rax', 'call *%rax'],
    ['mov $0x800000000000, %rax; push %rax', 'ret'],
    ['mov $0x800000000000, %rax; push %rax', 'ret $16'],
    ['mov $0xffff7fffffffffff, %rax; mov %rax, -8(%rsp)', 'jmp *-8(%rsp)'],
    ['mov $0xffff7fffffffffff, %rax; mov %rax, -64(%rsp)', 'call *-64(%rsp)'],
    [`mov $${last + 0xff0n}, %rax`, 'jmp *%rax'],
    [`mov $${last + 0xffdn}, %rax`, 'jmp *%rax'],
    [`mov $${last + 0xffcn}, %rax`, 'call *%rax'],
    [`mov $${last + 0xfc0n}, %rax`, 'jmp *%rax'],
    [`mov $${last + 0xfa0n}, %rax; or $1, %ebx`, 'jmp *%rax'],
  ];
  for (const [prepare, jump] of jumps) {
    const text = `
      mov $5, %r8d
      lea again(%rip), %r14
    loop:
      inc %rbx
      ${prepare}
      add %rbx, %rcx
      ${jump}
    again:
      dec %r8d
      jnz loop
      hlt`;
    same({ text, handlers, begin, budget: 2000 });
  }
});

test('a stack that ends: pushes, calls, frames, deliveries that fault again', () => {
  for (const access of [
    'push %rax',
    'call next; next: nop',
    '.byte 0xc8, 0x20, 0, 0',
    'pushf',
    'push $5; push $6',
    'int $3',
  ]) {
    const text = `
      mov $${END - WINDOW_PAGES * 4096 + 24}, %rsp
      mov $6, %r8d
      lea again(%rip), %r14
    loop:
      inc %rbx
      ${access}
    again:
      dec %r8d
      jnz loop
      hlt`;
    // in kernel mode the delivery has the same stack: a double fault, and that is the end
    same({ text, handlers, budget: 500 });
  }
});

test('#UD and int3 in translated code', () => {
  const text = `
      mov $40, %r8d
      lea again(%rip), %r14
    loop:
      inc %rbx
      test $3, %bl
      jz skip
      lea again(%rip), %r14
      ud2
      inc %rcx
    again:
      int3
      .byte 0x06
    skip:
      lea skip(%rip), %r14
      dec %r8d
      jnz loop
      hlt`;
  same({ text, handlers: { ...handlers, 3: 'inc %rsi; iretq' }, budget: 3000 });
});

test.run();
