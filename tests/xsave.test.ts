/** XSAVE, XSAVEOPT, XSAVEC, XRSTOR, XGETBV, XSETBV: by the manual, and beside the processor under us. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Vector } from '../cpu/fault.ts';
import { Slot } from '../cpu/state.ts';
import { assemble } from '../toolchain/assembler/index.ts';
import { runOnOurCpu } from './native/our-cpu.ts';
import { createRandom } from './native/random.ts';
import { missingPart, runOnRealCpu } from './native/real-cpu.ts';
import { caseText, Layout, type Case, type Outcome } from './native/state.ts';
import { avxMachine } from './support/avx-machine.ts';
import { At, type BareCpu } from './support/bare-cpu.ts';

const ONES = 0xffff_ffff_ffff_ffffn;

test('xsetbv takes what makes sense', () => {
  const after = (value: number, index = 0): bigint | number => {
    const bare = avxMachine(7n);
    const { vector } = bare.execute(`mov $${value}, %eax; xor %edx, %edx; mov $${index}, %ecx; xsetbv`);
    return vector === -1 ? bare.cpu.slots[Slot.xcr0]! : vector;
  };
  assert.equal(
    [1, 3, 7].map((value) => after(value)),
    [1n, 3n, 7n],
  );
  for (const value of [0, 2, 4, 5, 6, 8, 0x207]) assert.is(after(value), Vector.GP, `${value}`);
  assert.is(after(7, 1), Vector.GP);
});

test('xgetbv: what is turned on, and what of it is in use', () => {
  const bare = avxMachine(7n);
  const read = (index: number): bigint => {
    assert.is(bare.execute(`mov $${index}, %ecx; xgetbv`).vector, -1);
    return bare.registers.rax;
  };
  assert.equal([read(0), read(1)], [7n, 3n]);
  bare.cpu.slots[Slot.xmm + 4 * 9 + 3] = 1n;
  assert.equal([read(0), read(1)], [7n, 7n]);
  assert.is(bare.execute('mov $2, %ecx; xgetbv').vector, Vector.GP);
});

const UPPER = 576;
/** Words of the area. */
const word = ({ memory }: BareCpu, offset: number): bigint => memory.view.getBigUint64(At.data + offset, true);
const put = ({ memory }: BareCpu, offset: number, value: bigint): void =>
  memory.view.setBigUint64(At.data + offset, value, true);
const runOn = (bare: BareCpu, instruction: string, mask: number, address: number = At.data): number =>
  bare.execute(`mov $${mask}, %eax; xor %edx, %edx; mov $${address}, %ebx; ${instruction} (%rbx)`).vector;
function filled(): BareCpu {
  const bare = avxMachine(7n);
  for (let n = 0; n < 64; n++) bare.cpu.slots[Slot.xmm + n] = BigInt(n + 1) * 0x0101_0101n;
  return bare;
}

test('xsave writes the parts that are asked for, and says which they are', () => {
  for (const mask of [0, 1, 2, 3, 4, 5, 6, 7, 0xff]) {
    const bare = filled();
    bare.memory.bytes.fill(0xee, At.data, At.data + 832);
    put(bare, 512, 0n);
    assert.is(runOn(bare, 'xsave64', mask), -1);
    const untouched = 0xeeee_eeee_eeee_eeeen;
    assert.is(word(bare, 512), BigInt(mask & 7), `${mask}: header`);
    assert.is(word(bare, 0) === untouched, (mask & 1) === 0, `${mask}: x87`);
    assert.is(word(bare, 24) === untouched, (mask & 6) === 0, `${mask}: MXCSR`);
    assert.is(word(bare, 160 + 16 * 3), (mask & 2) === 0 ? untouched : 13n * 0x0101_0101n, `${mask}: xmm3`);
    assert.is(word(bare, UPPER + 16 * 3 + 8), (mask & 4) === 0 ? untouched : 16n * 0x0101_0101n, `${mask}: ymm3`);
    assert.is(word(bare, 464), untouched, `${mask}: the system's words`);
    assert.is(word(bare, 520), untouched, `${mask}: the rest of the header`);
  }
});

test('xsavec and xsaveopt leave out what is as after reset', () => {
  const bare = filled();
  for (let n = 0; n < 16; n++) bare.cpu.slots.fill(0n, Slot.xmm + n * 4 + 2, Slot.xmm + n * 4 + 4);
  for (const instruction of ['xsavec', 'xsaveopt']) {
    bare.memory.bytes.fill(0xee, At.data, At.data + 832);
    put(bare, 512, 0n);
    assert.is(runOn(bare, instruction, 7), -1);
    assert.is(word(bare, 512), 3n, instruction);
    assert.is(word(bare, UPPER), 0xeeee_eeee_eeee_eeeen, instruction);
    assert.is(word(bare, 520), instruction === 'xsavec' ? (1n << 63n) | 7n : 0xeeee_eeee_eeee_eeeen, instruction);
  }
});

test('xrstor brings back what each of them saved; what the header does not list becomes as after reset', () => {
  for (const instruction of ['xsave', 'xsave64', 'xsavec', 'xsavec64', 'xsaveopt']) {
    const bare = filled();
    const before = bare.cpu.slots.slice(Slot.xmm, Slot.xmm + 64);
    assert.is(runOn(bare, instruction, 7), -1);
    bare.cpu.slots.fill(ONES, Slot.xmm, Slot.xmm + 64);
    assert.is(runOn(bare, 'xrstor', 7), -1);
    assert.equal(bare.cpu.slots.slice(Slot.xmm, Slot.xmm + 64), before, instruction);
    put(bare, 512, word(bare, 512) & ~4n);
    assert.is(runOn(bare, 'xrstor', 4), -1);
    assert.equal(
      [0, 1, 2, 3].map((n) => bare.cpu.slots[Slot.xmm + 4 + n]),
      [before[4], before[5], 0n, 0n],
    );
    put(bare, 512, 0n);
    assert.is(runOn(bare, 'xrstor', 3), -1);
    assert.equal(
      [Slot.xmm, Slot.fcw, Slot.ftw, Slot.fsw].map((slot) => bare.cpu.slots[slot]),
      [0n, 0x37fn, 0n, 0n],
    );
  }
});

test('xrstor refuses what no xsave writes; all of them an area that is not aligned', () => {
  const refused = (change: (bare: BareCpu) => void): void => {
    const bare = filled();
    runOn(bare, 'xsave', 7);
    change(bare);
    const before = bare.cpu.slots.slice(Slot.xmm, Slot.xmm + 64);
    assert.is(runOn(bare, 'xrstor', 7), Vector.GP);
    assert.equal(bare.cpu.slots.slice(Slot.xmm, Slot.xmm + 64), before);
  };
  refused((bare) => put(bare, 512, 8n)); // a part that XCR0 does not have
  refused((bare) => put(bare, 520, 1n)); // neither form
  refused((bare) => put(bare, 528, 1n)); // reserved
  refused((bare) => put(bare, 520, (1n << 63n) | 3n)); // lists what it has no place for
  refused((bare) => {
    put(bare, 520, (1n << 63n) | 7n);
    put(bare, 568, 1n); // reserved in the compacted form
  });
  refused((bare) => put(bare, 24, 0x1_0000n)); // MXCSR
  for (const instruction of ['xsave', 'xsavec', 'xsaveopt', 'xrstor']) {
    assert.is(runOn(avxMachine(7n), instruction, 7, At.data + 16), Vector.GP, instruction);
  }
});

const AREA = Layout.dataBase + 1024;
/** Offsets of the data page. */
const inArea = (offset: number): number => AREA - Layout.dataBase + offset;

function xsaveCase(seed: number): Case {
  const random = createRandom(seed ^ 0x2545_f491);
  // bits of no part that a processor has count for nothing
  const asked = random.below(8) | (random.chance(0.2) ? random.below(0x800) << 20 : 0);
  const wide = random.chance(0.5) ? '64' : '';
  const restores = random.chance(0.6);
  const address = AREA + (random.chance(0.05) ? 8 * random.below(8) : 0);
  const lines = [`mov $${address}, %edi`, `mov $${asked}, %eax`, 'xor %edx, %edx'];
  const store = (offset: number, value: bigint): void => {
    lines.push(`movabs $${value}, %rbx`, `mov %rbx, ${offset}(%rdi)`);
  };
  const few = (value: bigint, other: bigint): bigint => (random.chance(0.07) ? other : value);
  if (restores) {
    const compacted = random.chance(0.5);
    const listed = BigInt(random.below(8));
    const places = listed | BigInt(random.below(8));
    store(512, few(listed, listed | (1n << 40n)));
    store(520, few(compacted ? (1n << 63n) | few(places, places & BigInt(random.below(8))) : 0n, 1n));
    for (let offset = 528; offset < 576; offset += 8) store(offset, few(0n, random.chance(0.5) ? 1n : 0n));
    store(24, few(0x1f80n, 0x1_1f80n) | (BigInt(random.below(64)) << 32n));
    store(0, 0x37fn);
    lines.push(`mov $${asked}, %eax`, `xrstor${wide} (%rdi)`);
  } else {
    // the bits of parts that are not asked for stay
    store(512, BigInt(random.below(8)));
    lines.push(`xsave${wide} (%rdi)`);
  }
  const { bytes } = assemble(lines.join('\n'), { sections: { '.text': 0n } }).sections.get('.text')!;
  return {
    code: [...bytes],
    seed,
    set: new Map([
      ['fcw', 0x37fn],
      ['fsw', 0n],
      ['ftw', 0n],
    ]),
  };
}

/** What is the same on all processors: not the x87's pointers, nor which of its parts and of SSE's count as in use. */
function comparable(outcome: Outcome): unknown {
  const memory = [...outcome.memory].filter(
    ([offset]) => offset < inArea(0) || (offset >= inArea(160) && offset < inArea(512)) || offset >= inArea(520),
  );
  const { trap, rip, gpr, xmm, ymm, mxcsr } = outcome;
  return { trap, rip, gpr, xmm, ymm, mxcsr, memory, upper: (outcome.memory.get(inArea(512)) ?? 0n) & 4n };
}

const missing = missingPart();
const cases = Number(process.env['CASES'] ?? 1000);
if (missing !== undefined) test.skip(`skipped: ${missing}`, () => {});
else {
  test(`${cases} areas saved and restored as by this processor`, () => {
    const all = Array.from({ length: cases }, (_, n) => xsaveCase(n + 1));
    const real = runOnRealCpu(all);
    let faults = 0;
    all.forEach((one, n) => {
      if (real[n]!.trap !== Vector.BP) faults++;
      assert.equal(comparable(runOnOurCpu(one)), comparable(real[n]!), caseText(one));
    });
    assert.ok(faults > cases / 50 && faults < cases / 2, `${faults} faults`);
  });
}

test.run();
