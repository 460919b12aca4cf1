import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { checkImage, declaredKernelSymbols } from '../toolchain/build/check-image.ts';
import { BuildError } from '../toolchain/build/error.ts';
import { redZoneAccesses } from '../toolchain/build/red-zone.ts';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url));
const image = new Uint8Array(read('samples/panic/panic.rex'));
const kernelSymbols = declaredKernelSymbols(read('toolchain/rust/rex/src/ffi.rs').toString());

test('the kernel symbols of an image', () => {
  assert.equal(checkImage('panic', image, kernelSymbols), [
    'bpf_map_lookup_elem',
    'bpf_spin_lock',
    'bpf_spin_unlock',
    'current_task',
    'rex_cleanup_entries',
    'rex_landingpad',
    'rex_log_buf',
    'rex_stack_ptr',
    'rex_termination_state',
    'rex_trace_printk',
    'this_cpu_off',
  ]);
});

test('a symbol the crate does not declare is named', () => {
  assert.throws(
    () => checkImage('panic', image, new Set([...kernelSymbols].filter((name) => name !== 'bpf_spin_lock'))),
    (error: unknown) => error instanceof BuildError && /unknown kernel symbol .bpf_spin_lock./.test(error.message),
  );
});

test('memory below rsp is found, memory above is not', () => {
  const code = Uint8Array.from(
    [
      [0x48, 0x89, 0x44, 0x24, 0xf8], // mov [rsp-8], rax
      [0x48, 0x89, 0x44, 0x24, 0x08], // mov [rsp+8], rax
      [0x48, 0x8b, 0x4c, 0xfc, 0xf0], // mov rcx, [rsp+rdi*8-16]
    ].flat(),
  );
  assert.equal(redZoneAccesses(code, 0x1000n), [0x1000n, 0x100an]);
});

test.run();
