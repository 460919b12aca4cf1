/** System instructions, in kernel mode and on the way out of it. */
import { test } from 'uvu';
import { forgetAllDecoded } from '../cpu/memory.ts';
import * as assert from 'uvu/assert';
import { Flag, Slot } from '../cpu/state.ts';
import { At, createBareCpu, Selector } from './support/bare-cpu.ts';
import { runOnOurCpu } from './native/our-cpu.ts';
import { Layout } from './native/state.ts';

const Vector = { DE: 0, DB: 1, BP: 3, UD: 6, NM: 7, GP: 13, PF: 14, AC: 17, XM: 19 } as const;
const DATA = BigInt(At.data);

test('a data breakpoint is a trap after the instruction that writes there', () => {
  const { cpu, registers, execute } = createBareCpu();
  // DR7: L0, R/W0 = write, LEN0 = 4
  const { vector, frame } = execute(`
    mov $${At.data}, %rax
    mov %rax, %db0
    mov $0x000d0401, %rcx
    mov %rcx, %db7
    mov (%rax), %edx
    movb $1, 4(%rax)
    movb $1, 3(%rax)
  after:
    nop`);
  assert.is(vector, Vector.DB);
  assert.is(cpu.slots[Slot.debug + 4]! & 15n, 1n);
  assert.is(cpu.memory.bytes[At.data + 3], 1);
  assert.is(Number(frame[0]! - BigInt(At.code)), 7 + 3 + 7 + 3 + 2 + 4 + 4);
  assert.is(registers.rax, DATA);
});

test('an instruction breakpoint is a fault, which the resume flag lets pass once', () => {
  const { cpu, memory, execute } = createBareCpu();
  const program = `
    lea target(%rip), %rax
    mov %rax, %db1
    mov $0x404, %ecx
    mov %rcx, %db7
    nop
  target:
    mov $7, %ebx`;
  const { vector, frame } = execute(program);
  assert.is(vector, Vector.DB);
  assert.is(cpu.slots[Slot.debug + 4]! & 15n, 2n);
  assert.is(cpu.registers.rbx, 0n);
  // a handler that sets RF in the image and returns
  memory.bytes.set([0x48, 0x81, 0x4c, 0x24, 0x10, 0x00, 0x00, 0x01, 0x00, 0x48, 0xcf], At.handlers + 16);
  forgetAllDecoded(memory);
  assert.is(execute(program).vector, -1);
  assert.is(cpu.registers.rbx, 7n);
  assert.is(frame[0], BigInt(At.code) + 19n);
});

test('a fault sets RF in the image of RFLAGS, so that nothing stops the instruction again; a trap does not', () => {
  const imageOf = (source: string, hasErrorCode = false): [vector: number, rf: bigint] => {
    const { vector, frame } = createBareCpu().execute(source);
    return [vector, frame[hasErrorCode ? 3 : 2]! & Flag.RF];
  };
  assert.equal(imageOf('mov 0x7fff000, %rax', true), [Vector.PF, Flag.RF]);
  assert.equal(imageOf('mov $99, %eax; ltr %ax', true), [Vector.GP, Flag.RF]);
  assert.equal(imageOf('ud2'), [Vector.UD, Flag.RF]);
  assert.equal(imageOf('xor %ecx, %ecx; div %ecx'), [Vector.DE, Flag.RF]);
  assert.equal(imageOf('int3'), [Vector.BP, 0n]);
  assert.equal(imageOf('int $0x18'), [0x18, 0n]);
  // what is due before the next instruction finds RF as it is
  const interrupted = createBareCpu();
  interrupted.cpu.pendingInterrupts.push(0x18);
  interrupted.registers.rflags |= Flag.IF | Flag.RF;
  const { vector, frame } = interrupted.execute('nop');
  assert.equal([vector, frame[2]! & Flag.RF], [0x18, Flag.RF]);
});

test('RF lasts for one instruction, also where there is no breakpoint', () => {
  const { registers, execute } = createBareCpu();
  registers.rflags |= Flag.RF;
  execute('nop');
  assert.is(registers.rflags & Flag.RF, 0n);
});

test('debug registers: fixed bits, aliases, upper halves', () => {
  const { registers, execute } = createBareCpu();
  assert.is(execute('mov %db6, %rax; mov %db7, %rbx; mov %db4, %rcx').vector, -1);
  assert.equal([registers.rax, registers.rbx, registers.rcx], [0xffff_0ff0n, 0x400n, 0xffff_0ff0n]);
  assert.is(execute('mov $0x100000000, %rax; mov %rax, %db7').vector, Vector.GP);
  assert.is(execute('mov %cr4, %rax; or $8, %rax; mov %rax, %cr4; mov %db4, %rcx').vector, Vector.UD);
});

test('misaligned accesses of user mode are #AC(0) where CR0.AM and AC ask for it', () => {
  const load = [0x8b, 0x07]; // mov eax, [rdi]
  const start = (rdi: number, rflags: bigint) => ({
    code: load,
    seed: 1,
    set: new Map([
      ['rdi', BigInt(rdi)],
      ['rflags', rflags],
    ]),
  });
  const AC = 0x40202n;
  const misaligned = runOnOurCpu(start(Layout.dataBase + 2, AC));
  assert.equal([misaligned.trap, misaligned.error], [Vector.AC, 0]);
  assert.is(runOnOurCpu(start(Layout.dataBase + 4, AC)).trap, Vector.BP);
  assert.is(runOnOurCpu(start(Layout.dataBase + 2, 0x202n)).trap, Vector.BP);
});

test('SSE asks whether the system has turned it on', () => {
  const withControl = (cr0: bigint, cr4: bigint, source: string): number => {
    const { cpu, execute } = createBareCpu();
    cpu.slots[Slot.cr0] = cpu.slots[Slot.cr0]! | cr0;
    cpu.slots[Slot.cr4] = cpu.slots[Slot.cr4]! & ~cr4;
    return execute(source).vector;
  };
  const [EM, TS, OSFXSR, OSXMMEXCPT] = [4n, 8n, 0x200n, 0x400n];
  assert.is(withControl(0n, 0n, 'addps %xmm0, %xmm1'), -1);
  assert.is(withControl(0n, OSFXSR, 'addps %xmm0, %xmm1'), Vector.UD);
  assert.is(withControl(EM, 0n, 'pshufb %xmm0, %xmm1'), Vector.UD);
  assert.is(withControl(TS, 0n, 'movd %xmm0, %eax'), Vector.NM);
  assert.is(withControl(TS, 0n, 'ldmxcsr 0x20000'), Vector.NM);
  assert.is(withControl(TS, 0n, 'clts; movd %xmm0, %eax'), -1);
  for (const source of ['crc32l %eax, %ebx', 'lfence', 'movnti %eax, 0x20000', 'popcnt %eax, %ebx']) {
    assert.is(withControl(TS | EM, OSFXSR, source), -1, source);
  }
  // 0 / 0 with every mask cleared
  const divide = 'movl $0, 0x20000; ldmxcsr 0x20000; divss %xmm0, %xmm0';
  assert.is(withControl(0n, 0n, divide), Vector.XM);
  assert.is(withControl(0n, OSXMMEXCPT, divide), Vector.UD);
});

test('ports: nothing answers, so bits are ones', () => {
  const { registers, memory, execute } = createBareCpu();
  registers.rax = 0x1234_5678_9abc_def0n;
  assert.is(execute('in $0x60, %al').vector, -1);
  assert.is(registers.rax, 0x1234_5678_9abc_deffn);
  assert.is(execute('in %dx, %eax; out %eax, %dx').vector, -1);
  assert.is(registers.rax, 0xffff_ffffn);
  registers.rdi = DATA;
  registers.rcx = 3n;
  assert.is(execute('.byte 0xf3, 0x66, 0x6d').vector, -1);
  assert.is(memory.view.getBigUint64(At.data, true), 0xffff_ffff_ffffn);
  assert.is(registers.rdi, DATA + 6n);
});

test('selectors and descriptor tables', () => {
  const { registers, memory, execute } = createBareCpu();
  assert.is(execute('sgdt 0x20000; sidt 0x20010; sldt %eax; str %ebx; smsw %ecx').vector, -1);
  assert.is(memory.view.getUint16(At.data, true), 0x4f);
  assert.is(memory.view.getBigUint64(At.data + 2, true), BigInt(At.gdt));
  assert.is(memory.view.getUint16(At.data + 16, true), 0x1ff);
  assert.is(memory.view.getBigUint64(At.data + 18, true), BigInt(At.idt));
  assert.equal([registers.rax, registers.rbx, registers.rcx], [0n, BigInt(Selector.task), 0x8005_0033n]);
  assert.is(execute(`mov $${Selector.code}, %ecx; lar %cx, %eax; setz %bl; lsl %cx, %edx; verr %cx`).vector, -1);
  assert.is(registers.rax, 0xaf_9b00n);
  assert.is(registers.rdx, 0xffff_ffffn);
  assert.is(registers.rflags & 0x40n, 0x40n);
  // code cannot be written; 0 names nothing
  execute(`mov $${Selector.code}, %ecx; verw %cx; setz %al; mov $${Selector.data}, %ecx; verw %cx; setz %bl`);
  assert.equal([registers.rax & 0xffn, registers.rbx & 0xffn], [0n, 1n]);
  execute('mov $99, %eax; xor %ecx, %ecx; lar %cx, %eax');
  assert.is(registers.rax, 99n);
});

test('lmsw sets MP, EM and TS, and cannot leave protected mode', () => {
  const { cpu, execute } = createBareCpu();
  assert.is(execute('mov $0xe, %eax; lmsw %ax').vector, -1);
  assert.is(cpu.slots[Slot.cr0]! & 0xfn, 0xfn);
});

test('far transfers within a privilege', () => {
  const { registers, memory, execute } = createBareCpu();
  memory.bytes.set([0x48, 0xcb], 0x11000); // retfq
  memory.view.setBigUint64(At.data, 0x11000n, true);
  memory.view.setUint16(At.data + 8, Selector.code, true);
  // call far [0x20000] with a 64-bit offset
  assert.is(execute('.byte 0x48, 0xff, 0x1c, 0x25, 0, 0, 2, 0; mov $5, %ebx').vector, -1);
  assert.is(registers.rbx, 5n);
  assert.is(registers.rsp, BigInt(At.stackTop));
  memory.view.setUint16(At.data + 8, Selector.userCode, true);
  assert.is(execute('.byte 0x48, 0xff, 0x2c, 0x25, 0, 0, 2, 0').vector, Vector.GP);
});

test('iretd pops five words of 32 bits', () => {
  const { registers, memory, execute } = createBareCpu();
  const words = [At.code + 0x100, Selector.code, 0x202, 0xe000, Selector.data];
  words.forEach((word, n) => memory.view.setUint32(At.data + n * 4, word, true));
  memory.bytes[At.code + 0x100] = 0xf4;
  registers.rsp = DATA;
  assert.is(execute('.byte 0xcf').vector, -1);
  assert.is(registers.rip, BigInt(At.code + 0x101));
  assert.is(registers.rsp, 0xe000n);
});

test('int1 needs no privilege, int 1 does', () => {
  const run = (code: number[]) => runOnOurCpu({ code, seed: 1, set: new Map() });
  const int1 = run([0xf1]);
  assert.equal([int1.trap, int1.rip], [Vector.DB, BigInt(Layout.codeStart + 1)]);
  const int = run([0xcd, 0x01]);
  assert.equal([int.trap, int.error], [Vector.GP, 1 * 8 + 2]);
});

test("random numbers are the host's; rdpid is TSC_AUX", () => {
  const { cpu, registers, execute } = createBareCpu();
  cpu.slots[Slot.tscAux] = 9n;
  assert.is(execute('stc; rdrand %rax; rdseed %cx; rdpid %rdx').vector, -1);
  assert.is(registers.rax, 0x0123_4567_89ab_cdefn);
  assert.is(registers.rcx & 0xffffn, 0xcdefn);
  assert.is(registers.rdx, 9n);
  assert.is(registers.rflags & 0x8d5n, 1n);
});

test('rcpss and rsqrtss are within 1.5 * 2^-12', () => {
  const scratch = new DataView(new ArrayBuffer(4));
  const apply = (opcode: number, value: number): number => {
    scratch.setFloat32(0, value);
    const set = new Map([['xmm1l', BigInt(scratch.getUint32(0))]]);
    const { xmm } = runOnOurCpu({ code: [0xf3, 0x0f, opcode, 0xc1], seed: 1, set });
    scratch.setUint32(0, Number(xmm[0]! & 0xffff_ffffn));
    return scratch.getFloat32(0);
  };
  for (let n = 1; n < 400; n++) {
    const value = Math.fround((n * 3.77) ** (n % 5) * 2 ** ((n % 61) - 30));
    const bound = 1.5 * 2 ** -12;
    assert.ok(Math.abs(apply(0x53, value) * value - 1) <= bound, `1 / ${value}`);
    assert.ok(Math.abs(apply(0x52, value) * Math.sqrt(value) - 1) <= bound, `1 / sqrt ${value}`);
  }
  assert.equal(
    [apply(0x53, 0), apply(0x53, -0), apply(0x53, Infinity), apply(0x53, -Infinity)],
    [Infinity, -Infinity, 0, -0],
  );
  assert.equal([apply(0x52, 0), apply(0x52, -0), apply(0x52, Infinity)], [Infinity, -Infinity, 0]);
  assert.ok(Number.isNaN(apply(0x52, -1)));
});

test.run();
