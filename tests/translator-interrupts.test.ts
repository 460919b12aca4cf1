/** Interrupts, single steps and rests at every instruction of translated code. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slot } from '../cpu/state.ts';
import {
  At,
  differencesOfProgram,
  runTwins,
  type Intervention,
  type Program,
  type TwinMachine,
} from './support/assembly-twins.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const NMI = 2;
const TIMER = 20;

/** What a handler sees of the interrupted program goes into r15 and memory. */
const handler = `
    push %rax
    mov 8(%rsp), %rax
    add %rax, %r15
    rol $5, %r15
    add 24(%rsp), %r15
    mov %r15, ${At.data + 512}
    incq ${At.data + 520}
    pop %rax
    iretq`;
const handlers = { [NMI]: handler, [TIMER]: handler.replace('iretq', 'nop; iretq'), 1: handler };

const programs: Readonly<Record<string, Program>> = {
  'arithmetic, memory and calls, with interrupts on': {
    text: `
      sti
      mov $6, %r8d
      mov $${At.data}, %r10d
    loop:
      add %r8, (%r10)
      adc $3, %rbx
      call function
      imul %rbx, %rcx
      movd %ecx, %xmm1
      paddd %xmm1, %xmm2
      movups %xmm2, 16(%r10)
      dec %r8d
      jnz loop
      hlt
    function:
      lea 1(%rdx,%rbx), %rdx
      cmp %rdx, %rcx
      setc %al
      ret`,
  },
  'interrupts are turned on and off': {
    text: `
      mov $5, %r8d
    loop:
      cli
      inc %rbx
      pushf
      sti
      add $7, %rcx
      inc %rdx
      cli
      xor %rdx, %rcx
      sti
      nop
      popf
      sti
      cli
      sti
      dec %r8d
      jnz loop
      sti
      jmp over
    over:
      hlt`,
  },
  'sti in front of jumps and calls': {
    text: `
      mov $5, %r8d
    loop:
      cli
      sti
      call function
      cli
      inc %rbx
      sti
      jmp 1f
      nop
    1:
      cli
      dec %r8d
      sti
      jnz loop
      hlt
    function:
      sti
      ret`,
  },
  'a loop that waits': {
    text: `
      mov $3, %r8d
    loop:
      sti
      inc %rbx
      add %rbx, %rcx
      hlt
      dec %r8d
      jnz loop
      hlt`,
  },
  'string instructions': {
    text: `
      sti
      mov $3, %r8d
      cld
    loop:
      mov $${At.window}, %esi
      mov $${At.window + 4000}, %edi
      mov $40, %ecx
      rep movsb
      mov $9, %ecx
      rep stosq
      lodsq
      stosw
      dec %r8d
      jnz loop
      hlt`,
  },
  'system calls of a user, and what it may not do': {
    text: `
      # star, lstar, sfmask: without a change of stacks, which the entry makes itself
      mov $0xc0000081, %ecx
      xor %eax, %eax
      mov $0x00200008, %edx
      wrmsr
      mov $0xc0000082, %ecx
      lea entry(%rip), %rax
      xor %edx, %edx
      wrmsr
      mov $0xc0000084, %ecx
      mov $0x200, %eax
      wrmsr
      lea user(%rip), %rcx
      mov $0x202, %r11d
      mov $4, %r8d
      sysretq
    user:
      inc %rbx
      add %rbx, %rdx
      syscall
      adc %rdx, %rsi
      dec %r8d
      jnz user
      hlt
    entry:
      lea (%rdx,%rbx), %rdi
      mov %rsp, %r9
      mov $${At.stackTop - 512}, %esp
      push %r9
      add %rdi, %rbp
      pop %rsp
      sysretq`,
    handlers: { 13: 'hlt' },
  },
};

const raise =
  (vector: number) =>
  ({ cpu }: TwinMachine) =>
    void cpu.pendingInterrupts.push(vector);

for (const [name, program] of Object.entries(programs)) {
  const whole: Program = { ...program, handlers: { ...handlers, ...program.handlers }, budget: 1500 };
  test(`${name}: in pieces`, () => assert.equal(differencesOfProgram(whole), []));
  for (const vectors of [[NMI], [TIMER], [TIMER, NMI]]) {
    test(`${name}: vector ${vectors.join(' and ')} at every instruction`, () => {
      const { retired } = runTwins(whole);
      for (let after = 1; after <= Math.min(retired, 150); after += slow ? 1 : 2) {
        const interventions = vectors.map((vector, n): Intervention => ({ after: after + 2 * n, act: raise(vector) }));
        const { differences } = runTwins(whole, interventions);
        if (differences.length > 0) throw new Error(`at ${after} of ${retired}:\n${differences.join('\n')}`);
      }
    });
  }
  test(`${name}: a vector every few instructions, as sampling has it`, () => {
    for (const period of slow ? [1, 2, 3, 4, 5, 6, 7, 13, 29] : [3, 7, 13]) {
      const interventions = Array.from({ length: 60 }, (_, n): Intervention => {
        return { after: 1 + n * period, act: raise(n % 3 === 0 ? TIMER : NMI) };
      });
      const { differences } = runTwins(whole, interventions);
      if (differences.length > 0) throw new Error(`every ${period}:\n${differences.join('\n')}`);
    }
  });
  test(`${name}: single steps from every instruction on`, () => {
    const { retired } = runTwins(whole);
    const step =
      (on: boolean) =>
      ({ cpu }: TwinMachine): void => {
        const TF = 0x100n;
        cpu.slots[Slot.rflags] = on ? cpu.slots[Slot.rflags]! | TF : cpu.slots[Slot.rflags]! & ~TF;
      };
    for (let after = 1; after < Math.min(retired, 100); after += slow ? 1 : 5) {
      const { differences } = runTwins(whole, [
        { after, act: step(true) },
        { after: after + 70, act: step(false) },
      ]);
      if (differences.length > 0) throw new Error(`at ${after} of ${retired}:\n${differences.join('\n')}`);
    }
  });
}

test('a program that single-steps itself', () => {
  const text = `
      mov $6, %r8d
    loop:
      inc %rbx
      pushf
      test $1, %r8b
      jz 1f
      orl $0x100, (%rsp)
      jmp 2f
    1:
      andl $~0x100, (%rsp)
    2:
      popf
      add %rbx, %rcx
      lea 3(%rcx), %rdx
      dec %r8d
      jnz loop
      hlt`;
  assert.equal(differencesOfProgram({ text, handlers }), []);
});

test('a native function in a loop raises an interrupt, ends the run, brings its end nearer', () => {
  const text = `
      sti
      mov $12, %r8d
    loop:
      add $5, %rbx
      native 1
      adc %rbx, %rcx
      native 2
      xor %rcx, %rdx
      native 3
      rol $3, %rdx
      native 4
      dec %r8d
      jnz loop
      hlt`;
  const natives: Program['natives'] = {
    1: ({ cpu }) => void cpu.pendingInterrupts.push(TIMER),
    2: ({ cpu }) => void (cpu.leave = (cpu.registers.r8 & 1n) === 1n),
    3: ({ cpu }) => void (cpu.limit = Math.min(cpu.limit, cpu.retired + Number(cpu.registers.r8 & 7n))),
    4: ({ cpu }) => {
      cpu.registers.rax = BigInt(cpu.retired);
      cpu.registers.rflags ^= 1n;
      if (cpu.registers.r8 === 4n) cpu.pendingInterrupts.push(NMI);
    },
  };
  assert.equal(differencesOfProgram({ text, natives, handlers, halts: 30 }), []);
});

test.run();
