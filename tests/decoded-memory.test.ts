/** Decoded instructions are bounded, however much code there is, and what is forgotten is only decoded again. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../cpu/engine.ts';
import { forgetDecoded, PAGE_SIZE, rememberDecoded } from '../cpu/memory.ts';
import { decode } from '../cpu/decoder.ts';
import { At, createBareCpu } from './support/bare-cpu.ts';

/** as memory.ts has it, with the page that goes beyond it */
const MOST = (48 << 20) + (34 << 10);

const nop = decode(Uint8Array.of(0x90), 0, 1);
if (typeof nop !== 'object') throw new Error('a nop is an instruction');

test('what is taken of them is counted, and given back', () => {
  const { memory } = createBareCpu();
  const before = memory.decodedSize;
  for (const at of [0, 1, 1, 700, PAGE_SIZE]) rememberDecoded(memory, At.data + at, nop);
  assert.ok(memory.decodedSize > before + 2 * PAGE_SIZE);
  assert.is(memory.decodedCounts[At.data / PAGE_SIZE], 3);
  forgetDecoded(memory, At.data, 2 * PAGE_SIZE);
  assert.is(memory.decodedSize, before);
  assert.is(memory.decodedCounts[At.data / PAGE_SIZE], 0);
});

test('more than fits is forgotten, first what no translation follows from', () => {
  const { memory } = createBareCpu();
  rememberDecoded(memory, At.code, nop);
  memory.translated[At.code / PAGE_SIZE] = 1;
  for (let at = 0x100000; at < memory.size; at += PAGE_SIZE / 2) {
    rememberDecoded(memory, at, nop);
    assert.ok(memory.decodedSize <= MOST, `${memory.decodedSize} bytes at ${at.toString(16)}`);
  }
  assert.equal(memory.forgotten, []);
  assert.ok(memory.decoded[At.code / PAGE_SIZE] !== undefined);
});

test('a program of more code than is remembered comes to the same in both engines', () => {
  const results = (['interpreter', 'translator'] as const).map((engine) => {
    const { cpu, memory, registers } = createBareCpu();
    // all of the 2 MiB that are mapped, from 64 KiB on: `add $5, %eax`, and back to the beginning
    const code = memory.bytes.subarray(At.code, (2 << 20) - 16);
    for (let at = 0; at + 8 < code.length; at += 3) code.set([0x83, 0xc0, 0x05], at);
    const end = Math.floor((code.length - 8) / 3) * 3;
    const back = new DataView(code.buffer, code.byteOffset + end);
    back.setUint8(0, 0xe9);
    back.setInt32(1, -end - 5, true);
    forgetDecoded(memory, 0, memory.size);
    registers.rip = BigInt(At.code);
    const host = { native: () => 'done' as const, random: () => 1n };
    createEngine(memory, engine).run(cpu, host, 1_500_000);
    assert.ok(memory.decodedSize <= MOST);
    return [registers.rax, registers.rip, cpu.retired];
  });
  assert.equal(results[0], results[1]);
});

test.run();
