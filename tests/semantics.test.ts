/** What the differential tests leave out: state that our processor has and a program on Linux cannot compare. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runOnOurCpu } from './native/our-cpu.ts';
import { Layout, startOf, type Case, type Outcome } from './native/state.ts';

const IMAGE = Layout.dataBase + 1024;
const SAVE = [0x0f, 0xae, 0x00]; // fxsave [rax]
const RESTORE = [0x0f, 0xae, 0x08]; // fxrstor [rax]
const CLEAR_XMM3 = [0x66, 0x0f, 0xef, 0xdb]; // pxor xmm3, xmm3
const SEED = 5;

function run(code: readonly number[], settings: Readonly<Record<string, bigint>>): { start: Case; outcome: Outcome } {
  const start: Case = { code, seed: SEED, set: new Map(Object.entries({ mxcsr: 0x1f80n, ...settings })) };
  return { start, outcome: runOnOurCpu(start) };
}

test('fxsave writes MXCSR and the registers where the manual says', () => {
  const { start, outcome } = run(SAVE, { rax: BigInt(IMAGE) });
  assert.is(outcome.trap, 3);
  assert.is(outcome.memory.get(1024)! & 0xffffn, startOf(start).x87[0]);
  assert.is(outcome.memory.get(1024 + 24), 0x1f80n | (0xffffn << 32n));
  startOf(start).xmm.forEach((half, n) => {
    assert.is(outcome.memory.get(1024 + 160 + n * 8) ?? half, half, `half ${n}`);
  });
});

test('fxrstor brings back what fxsave wrote', () => {
  const { start, outcome } = run([...SAVE, ...CLEAR_XMM3, ...RESTORE], { rax: BigInt(IMAGE) });
  assert.is(outcome.trap, 3);
  assert.equal(outcome.xmm, startOf(start).xmm);
  assert.is(outcome.mxcsr, 0x1f80n);
});

test('a misaligned image is #GP, one that does not fit its page #PF with nothing written', () => {
  assert.is(run(SAVE, { rax: BigInt(IMAGE + 8) }).outcome.trap, 13);
  const { outcome } = run(SAVE, { rax: BigInt(Layout.dataBase + Layout.page - 256) });
  assert.is(outcome.trap, 14);
  // the last byte is probed first, as on the AMD processor the golden cases come from
  assert.is(outcome.cr2, BigInt(Layout.dataBase + Layout.page + 255));
  assert.is(outcome.memory.size, 0);
});

test('an unmasked exception is #XM: sticky flag set, destination kept', () => {
  const DIVSD = [0xf2, 0x0f, 0x5e, 0xc1]; // divsd xmm0, xmm1
  const clear = [0x66, 0x0f, 0xef, 0xc9]; // pxor xmm1, xmm1
  const one = [0xf2, 0x48, 0x0f, 0x2a, 0xc0]; // cvtsi2sd xmm0, rax
  const { start, outcome } = run([...clear, ...one, ...DIVSD], { rax: 1n, mxcsr: 0x1d80n });
  assert.is(outcome.trap, 19);
  assert.is(outcome.rip, BigInt(Layout.codeStart + clear.length + one.length));
  assert.is(outcome.mxcsr, 0x1d84n);
  assert.is(outcome.xmm[0], 0x3ff0_0000_0000_0000n);
  assert.is(outcome.xmm[1], startOf(start).xmm[1]);
});

test('string instructions stop at the faulting element with the count of what is left', () => {
  const end = BigInt(Layout.dataBase + Layout.page);
  const { outcome } = run([0xf3, 0xaa], { rdi: end - 3n, rcx: 10n, rax: 0x5an, rflags: 0x202n }); // rep stosb
  assert.is(outcome.trap, 14);
  assert.is(outcome.gpr[1], 7n);
  assert.is(outcome.gpr[7], end);
});

test('the native-call trap is #UD in user mode', () => {
  assert.is(run([0x0f, 0x3f, 1, 0, 0, 0], {}).outcome.trap, 6);
});

test.run();
