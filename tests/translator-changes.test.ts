/** Code, mappings and breakpoints that change while translated code runs. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { interpreter } from '../cpu/engine.ts';
import { flushPage, flushTlb, Pte, refreshMode } from '../cpu/paging.ts';
import { Slot } from '../cpu/state.ts';
import {
  At,
  differencesOfProgram,
  mapWindow,
  patch,
  runTwins,
  windowEntry,
  type Intervention,
  type Program,
  type TwinMachine,
} from './support/assembly-twins.ts';

const same = (program: Program, interventions: readonly Intervention[] = []): void =>
  assert.equal(differencesOfProgram(program, interventions), []);

const slow = process.env['TEST_TIER'] === 'slow';
/** The same with the host's act after every number of instructions, or every so many. */
function sameAtEach(program: Program, act: (machine: TwinMachine) => void, step = slow ? 1 : 3): void {
  const { retired } = runTwins(program);
  assert.ok(retired > 20 && retired < 2000, `${retired} instructions`);
  for (let after = 1; after < retired; after += step) {
    const { differences } = runTwins(program, [{ after, act }]);
    if (differences.length > 0) throw new Error(`at ${after} of ${retired}:\n${differences.join('\n')}`);
  }
}

const WINDOW_CODE = At.window + 4096;
const FRAME = At.frames + 4096;
/** mov $N, %eax; add %rax, %rbx; ret: what a test puts into the window and calls */
const routine = (n: number): number[] => [0xb8, n, 0, 0, 0, 0x48, 0x01, 0xc3, 0xc3];
const withRoutine: Program['begin'] = (machine) => patch(machine, FRAME, routine(1));

const selfModifying: Readonly<Record<string, string>> = {
  'the next instruction': `
    mov $20, %r8d
  loop:
    mov %r8b, target+1(%rip)
  target:
    mov $0, %eax
    add %rax, %rbx
    dec %r8d
    jnz loop
    hlt`,
  'the same block, further on, in the middle of other changes': `
    mov $20, %r8d
  loop:
    add %r8, %rcx
    xor %rcx, %rdx
    incb target+2(%rip)
    adc %rdx, %rsi
    lea 3(%rsi), %rdi
  target:
    add $1, %rbx
    dec %r8d
    jnz loop
    hlt`,
  'a loop changes its own beginning': `
    mov $20, %r8d
  loop:
    add $1, %rbx
    addb $3, loop+3(%rip)
    dec %r8d
    jnz loop
    hlt`,
  'the immediate operand that counts, of its own store': `
    mov $9, %r8d
  loop:
    movb $5, loop+6(%rip)
    addb $7, loop+6(%rip)
    dec %r8d
    jnz loop
    hlt`,
  'another block of the page': `
    mov $30, %r8d
  loop:
    test $3, %r8b
    jnz other
    incb other+3(%rip)
  other:
    add $1, %rbx
    dec %r8d
    jnz loop
    hlt`,
  'a function that is called': `
    mov $30, %r8d
  loop:
    call function
    mov %r8b, function+1(%rip)
    dec %r8d
    jnz loop
    hlt
  function:
    mov $1, %eax
    add %rax, %rbx
    ret`,
  'a function that changes its caller': `
    mov $30, %r8d
  loop:
    call function
  behind:
    add $1, %rbx
    dec %r8d
    jnz loop
    hlt
  function:
    incb behind+3(%rip)
    add %rbx, %rcx
    ret`,
  'an instruction becomes another: nop, inc, ud2 that is jumped over': `
    mov $30, %r8d
    mov $0xc3ff48, %esi
  loop:
    movl $0x90909090, target(%rip)
    test $1, %r8b
    jz target
    mov %esi, target(%rip)
  target:
    nop; nop; nop; nop
    add %rbx, %rdx
    dec %r8d
    jnz loop
    hlt`,
  'by string instructions': `
    mov $20, %r8d
  loop:
    lea patch(%rip), %rsi
    lea target(%rip), %rdi
    mov $5, %ecx
    rep movsb
    lea target+1(%rip), %rdi
    mov %r8b, %al
    stosb
  target:
    mov $1, %ebx
    add %rbx, %rdx
    dec %r8d
    jnz loop
    hlt
  patch:
    mov $0x01020304, %ebx`,
  'by a push': `
    mov $20, %r8d
  loop:
    lea target+8(%rip), %rsp
    mov %r8, %rax
    shl $32, %rax
    or bytes(%rip), %rax
    push %rax
  target:
    nop; nop; nop; nop
    nop; nop; nop; nop
    add %rbx, %rdx
    dec %r8d
    jnz loop
    hlt
  bytes:
    # add $imm32, %rbx has its immediate in the upper half: 48 81 c3, behind a nop
    .byte 0x90, 0x48, 0x81, 0xc3, 0, 0, 0, 0`,
  'by a vector': `
    mov $20, %r8d
  loop:
    movups bytes(%rip), %xmm0
    movd %r8d, %xmm1
    por %xmm1, %xmm0
    movups %xmm0, target(%rip)
  target:
    .byte 0, 0, 0, 0, 0x90, 0x90, 0x90, 0x90
    .byte 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90
    add %rax, %rbx
    dec %r8d
    jnz loop
    hlt
  bytes:
    .byte 0, 0, 0, 0, 0x48, 0xff, 0xc3, 0x90
    .byte 0x90, 0x48, 0xff, 0xc2, 0x90, 0x90, 0x48, 0xff`,
};

for (const [name, text] of Object.entries(selfModifying)) {
  test(`self-modifying code: ${name}`, () => same({ text, budget: 3000 }));
}

test('code of another page, through another mapping', () => {
  const text = `
    mov $30, %r8d
    mov $${WINDOW_CODE}, %r9d
    mov $${FRAME}, %r10d
  loop:
    call *%r9
    mov %r8b, 1(%r10)
    test $7, %r8b
    jnz 1f
    mov %r8b, 1(%r9)
  1:
    dec %r8d
    jnz loop
    hlt`;
  same({ text, begin: withRoutine });
});

test('an instruction on two pages: either half is written', () => {
  // add $imm32, %rbx; ret: with 3 bytes on the first page
  const begin: Program['begin'] = (machine) => patch(machine, FRAME - 3, [0x48, 0x81, 0xc3, 1, 0, 0, 0, 0xc3]);
  const text = `
    mov $40, %r8d
    mov $${WINDOW_CODE - 3}, %r9d
    mov $${FRAME}, %r10d
  loop:
    call *%r9
    incb (%r10)
    test $3, %r8b
    jnz 1f
    # to sub, and back
    xorb $0x28, -1(%r10)
  1:
    dec %r8d
    jnz loop
    hlt`;
  same({ text, begin });
});

test('stores that cross from data into code', () => {
  const text = `
    mov $20, %r8d
    mov $${WINDOW_CODE}, %r9d
    mov $0xb8000000, %eax
  loop:
    call *%r9
    mov %r8, %rcx
    shl $40, %rcx
    mov $0xb8000000, %edx
    or %rdx, %rcx
    mov %rcx, -3(%r9)
    dec %r8d
    jnz loop
    hlt`;
  same({ text, begin: withRoutine });
});

test('code that is written faster than it is worth translating', () => {
  const text = `
    mov $400, %r8d
  loop:
    mov %r8b, target+1(%rip)
  target:
    mov $0, %eax
    add %rax, %rbx
    dec %r8d
    jnz loop
    hlt`;
  const { differences, stats } = runTwins({ text, options: { patience: 64 } });
  assert.equal(differences, []);
  assert.ok(stats!.translations < 200, `${stats!.translations} translations`);
});

test('code that another processor writes', () => {
  // the second one is interpreted in both machines: what counts is that the first sees what it has done
  const text = `
    mov $12, %r8d
  loop:
    call function
    native 1
    dec %r8d
    jnz loop
    hlt
  function:
    mov $1, %eax
    add %rax, %rbx
    ret
  writer:
    incb function+1(%rip)
    hlt`;
  const host = { native: (): 'done' => 'done', random: () => 0n };
  const natives: Program['natives'] = {
    1: ({ cpus, labels }) => {
      const other = cpus[1]!;
      other.registers.rip = labels.get('writer')!;
      other.words[Slot.halted * 2] = 0;
      interpreter.run(other, host, 10);
    },
  };
  same({ text, natives, cpus: 2 });
});

test('the host writes code between runs, and arms and disarms an int3 in a loop', () => {
  const text = `
    mov $12, %r8d
  loop:
    add $1, %rbx
  probed:
    nop
    add %rbx, %rcx
    call function
    dec %r8d
    jnz loop
    hlt
  function:
    lea 1(%rdx,%rdx), %rdx
    ret`;
  const program = { text, handlers: { 3: 'add (%rsp), %rsi; iretq' } };
  const at = (machine: TwinMachine): number => Number(machine.labels.get('probed')!);
  sameAtEach(program, (machine) => patch(machine, at(machine), [0xcc]));
  for (let after = 3; after < 60; after += 5) {
    same(program, [
      { after, act: (machine) => patch(machine, at(machine), [0xcc]) },
      { after: after + 17, act: (machine) => patch(machine, at(machine), [0x90]) },
      { after: after + 26, act: (machine) => patch(machine, at(machine) + 3, [0xd9]) },
    ]);
  }
});

test('a native function in a loop writes the code around it', () => {
  const text = `
    mov $20, %r8d
  loop:
    add $1, %rbx
    native 1
    add $1, %rcx
    dec %r8d
    jnz loop
    hlt`;
  const natives: Program['natives'] = {
    1: (machine) => {
      const at = Number(machine.labels.get('loop')!);
      patch(machine, at + 3, [Number(machine.cpu.registers.r8 & 63n)]);
      patch(machine, at + 13, [Number(machine.cpu.registers.rbx & 63n)]);
    },
  };
  same({ text, natives });
});

/** Calls the routine and reads and writes data of the window; faults go on behind it. */
const user = `
    mov $14, %r8d
    mov $${WINDOW_CODE}, %r9d
    mov $${At.window + 8192}, %r10d
  loop:
    lea 1f(%rip), %r14
    call *%r9
  1:
    mov $${At.stackTop}, %esp
    lea 2f(%rip), %r14
    mov (%r10), %rcx
    add %r8, %rcx
    mov %rcx, 8(%r10)
    movups (%r10), %xmm1
    paddd %xmm1, %xmm2
    movups %xmm2, 16(%r10)
  2:
    dec %r8d
    jnz loop
    hlt`;
const resumed = `
    pop %r13
    mov %cr2, %r12
    add %r13, %r15
    rol $5, %r15
    add %r12, %r15
    add (%rsp), %r15
    mov %r14, (%rsp)
    iretq`;
const using: Program = { text: user, handlers: { 14: resumed, 13: resumed }, begin: withRoutine };
const RW = Pte.present | Pte.write;

const remappings: Readonly<Record<string, (machine: TwinMachine) => void>> = {
  'code is unmapped': (machine) => mapWindow(machine, 1, 0, 0n),
  'code may not be executed': (machine) => mapWindow(machine, 1, FRAME, RW | Pte.noExecute),
  'code is another': (machine) => {
    patch(machine, At.frames, routine(77));
    mapWindow(machine, 1, At.frames, RW);
  },
  'data are unmapped': (machine) => mapWindow(machine, 2, 0, 0n),
  'data may only be read': (machine) => mapWindow(machine, 2, At.frames + 8192, Pte.present),
  'data are others': (machine) => mapWindow(machine, 2, At.frames + 12288, RW),
  'data become the code': (machine) => mapWindow(machine, 2, FRAME, RW),
  'another address space': (machine) => {
    const { cpu, memory } = machine;
    // a copy of the top, under which the window has other pages
    memory.bytes.copyWithin(0x32000, At.tables, At.tables + 4096);
    cpu.slots[Slot.cr3] = 0x32000n;
    memory.view.setBigUint64(windowEntry(2), BigInt(At.frames + 16384) | RW, true);
    flushTlb(cpu);
  },
  'accessed and dirty are cleared': (machine) => {
    for (const page of [1, 2]) mapWindow(machine, page, At.frames + page * 4096, RW);
  },
};
for (const [name, act] of Object.entries(remappings)) {
  test(`mappings that the host changes: ${name}`, () => sameAtEach(using, act));
}

/** Entries of page tables that the guest changes and changes back; `forget` makes the processor look. */
function changesMappings(forget: (page: number) => string): void {
  for (const [page, entry] of [
    [1, '0'],
    [2, '0'],
    [2, `${At.frames + 8192 + 1}`],
    [2, `${At.frames + 4096 + 3}`],
    [1, `${At.frames + 4096 + 3}`],
  ] as const) {
    const change = (bits: string): string => `
      movq $${bits}, ${windowEntry(page)}
      ${forget(page)}`;
    const old = `${At.frames + page * 4096 + 3}`;
    const text = user
      .replace('loop:', `loop:\n cmp $9, %r8d; jne 7f; ${change(entry)}\n 7: cmp $5, %r8d; jne 8f; ${change(old)}\n 8:`)
      .replace('2:\n', `2:\n cmp $7, %r8d; jne 9f; mov %cr3, %rax; mov %rax, %cr3\n 9:\n`);
    same({ ...using, text });
  }
}

test('mappings that the guest changes', () => changesMappings((page) => `invlpg ${At.window + page * 4096}`));

test('entries of page tables that change while the processor has not been told: what it knew holds until cr3 is loaded', () =>
  changesMappings(() => ''));

test('SSE is turned off and on, and write protection', () => {
  const text = `
    mov $30, %r8d
    mov $${At.window + 8192}, %r10d
    movq $${At.frames + 8192 + 1}, ${windowEntry(2)}
    invlpg ${At.window + 8192}
  loop:
    lea 1f(%rip), %r14
    paddd %xmm1, %xmm2
    inc %rbx
  1:
    lea 2f(%rip), %r14
    mov %rbx, (%r10)
    inc %rcx
  2:
    mov %cr0, %rax
    test $3, %r8b
    jnz 3f
    xor $8, %rax
    mov %rax, %cr0
  3:
    test $5, %r8b
    jnz 4f
    xor $0x10000, %rax
    mov %rax, %cr0
  4:
    dec %r8d
    jnz loop
    hlt`;
  const plain = resumed.replace('pop %r13', 'xor %r13d, %r13d');
  same({ text, handlers: { 14: resumed, 7: plain, 6: plain } });
});

const counting = `
    mov $10, %r8d
    mov $${At.data}, %r10d
  loop:
    add %r8, (%r10)
    mov 4(%r10), %eax
    add %rax, %rbx
    mov %rbx, 64(%r10)
  here:
    lea (%rbx,%r8,4), %rcx
    dec %r8d
    jnz loop
    hlt`;
/** counts, sums up DR6 and where, and lets the instruction pass */
const debugHandler = `
    mov %dr6, %r12
    add %r12, %r15
    rol $3, %r15
    add (%rsp), %r15
    orl $0x10000, 16(%rsp)
    iretq`.replaceAll('%dr', '%db');

test('breakpoints that the host sets and takes away while a loop runs', () => {
  const program = { text: counting, handlers: { 1: debugHandler } };
  const set = (control: bigint, label?: string) => (machine: TwinMachine) => {
    const { cpu, labels } = machine;
    cpu.slots[Slot.debug] = label === undefined ? BigInt(At.data) : labels.get(label)!;
    cpu.slots[Slot.debug + 5] = control;
    refreshMode(cpu);
  };
  for (const on of [set(0xd0401n), set(0xf0401n), set(0x401n, 'here'), set(0x401n, 'loop')]) {
    sameAtEach(program, on, slow ? 1 : 7);
    for (let after = 5; after < 50; after += 7) {
      same(program, [
        { after, act: on },
        { after: after + 19, act: set(0x400n) },
      ]);
    }
  }
});

test('breakpoints that the guest sets while a loop runs', () => {
  for (const [control, address] of [
    ['0xd0401', `$${At.data}`],
    ['0xf0401', `$${At.data + 4}`],
    ['0x401', '$here'],
  ] as const) {
    const text = counting.replace(
      'here:',
      `cmp $7, %r8d; jne 1f
       mov ${address}, %rax; mov %rax, %db0; mov $${control}, %eax; mov %rax, %db7
    1: cmp $3, %r8d; jne here; mov $0x400, %eax; mov %rax, %db7
       here:`,
    );
    same({ text, handlers: { 1: debugHandler } });
  }
});

test('pages of the window come and go while code of them runs', () => {
  // the window holds the loop itself; it is moved to another frame with other numbers in it
  const loop = [0x48, 0x83, 0xc3, 0x01, 0xff, 0xc9, 0x75, 0xf8, 0xc3];
  const program: Program = {
    text: `
      mov $${WINDOW_CODE}, %r9d
      mov $3, %r8d
    again:
      mov $15, %ecx
      call *%r9
      dec %r8d
      jnz again
      hlt`,
    begin: (machine) => {
      patch(machine, FRAME, loop);
      patch(machine, At.frames + 12288, loop.with(3, 100));
    },
  };
  sameAtEach(program, (machine) => mapWindow(machine, 1, At.frames + 12288, RW));
  sameAtEach(program, (machine) => {
    patch(machine, FRAME + 3, [50]);
    flushPage(machine.cpu, BigInt(WINDOW_CODE));
  });
});

test.run();
