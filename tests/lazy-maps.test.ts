// An array larger than the box's memory costs what is touched of it; what was never touched reads as zeros.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../cpu/interpreter.ts';
import { operationsOf } from '../kernel/bpf-maps/index.ts';
import { u32Bytes } from '../kernel/bpf-maps/map-type.ts';
import { createMap, putMap } from '../kernel/bpf/maps.ts';
import type { BpfMap } from '../kernel/bpf/types.ts';
import { Errno } from '../kernel/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { readKernel, writeKernel } from '../kernel/mm/kernel-memory.ts';
import { freePages } from '../kernel/mm/physical.ts';
import { call, createKernelMachine, enter } from './support/kernel-machine.ts';

/** as BMC declares its cache: 4.9 GB */
const shape = { type: 2, name: 'map_kcache', keySize: 4, valueSize: 1520, maxEntries: 3_250_000, flags: 0 };
/** a page of values and the tables that lead to it */
const PAGES_A_TOUCH = 4;

const source = `
	.text
	.globl	test_store
	.type	test_store, @function
	# (%rdi) += %rsi, read first
test_store:
	mov	(%rdi), %rax
	add	%rsi, (%rdi)
	ret
	.size	test_store, . - test_store
	.globl	test_fill
	.type	test_fill, @function
	# a byte into each of %rcx pages from %rdi on
test_fill:
	movb	$1, (%rdi)
	add	$4096, %rdi
	dec	%rcx
	jnz	test_fill
	ret
	.size	test_fill, . - test_fill
`;

const at = (kernel: Kernel, map: BpfMap, index: number): bigint =>
  operationsOf(map).lookup(kernel, map, u32Bytes(index));

test('a 4.9 GB array in a 16 MiB box: instructions and natives touch single pages', () => {
  const machine = createKernelMachine(source);
  const { kernel } = machine;
  const before = freePages(kernel);
  const map = createMap(kernel, shape);
  assert.ok(before - freePages(kernel) < 2);
  const last = at(kernel, map, shape.maxEntries - 1);
  assert.is(last - at(kernel, map, 0), BigInt(shape.maxEntries - 1) * 1520n);

  const unread = freePages(kernel);
  assert.equal(readKernel(kernel, last, 1520), new Uint8Array(1520));
  assert.is(freePages(kernel), unread, 'a native that reads costs nothing');

  for (const index of [0, 1_000_000, shape.maxEntries - 1]) {
    const address = at(kernel, map, index);
    const free = freePages(kernel);
    assert.is(call(machine, 'test_store', { rdi: address, rsi: 5n }), 0n);
    assert.is(call(machine, 'test_store', { rdi: address, rsi: 1n }), 5n);
    assert.ok(free - freePages(kernel) <= PAGES_A_TOUCH);
    assert.is(new DataView(readKernel(kernel, address, 8)!.buffer).getBigUint64(0, true), 6n);
  }
  assert.ok(writeKernel(kernel, at(kernel, map, 2_000_000), Uint8Array.of(7)));
  assert.is(call(machine, 'test_store', { rdi: at(kernel, map, 2_000_000), rsi: 0n }), 7n);

  putMap(kernel, map.id);
  // page tables of the kernel half stay
  assert.ok(freePages(kernel) > before - 16, `${before - freePages(kernel)} pages are missing`);
  const again = createMap(kernel, shape);
  assert.is(call(machine, 'test_store', { rdi: at(kernel, again, 0), rsi: 0n }), 0n, 'zeros again');
});

test('a program that touches more than there is ends the kernel with a message', () => {
  const machine = createKernelMachine(source);
  const { kernel } = machine;
  const map = createMap(kernel, shape);
  enter(machine, 'test_fill', { rdi: at(kernel, map, 0), rcx: 1n << 20n });
  run(kernel.cpus[0]!, machine.host, 10_000_000);
  assert.match(kernel.dead ?? '', /^Oops: Out of memory: no page for the lazily allocated address ffffc900/);
});

test('a system call that needs more than there is gets ENOMEM, and the rest goes on', () => {
  const machine = createKernelMachine(source);
  const { kernel } = machine;
  const map = createMap(kernel, { ...shape, valueSize: 4096, maxEntries: 100_000 });
  const update = (index: number): string => {
    try {
      operationsOf(map).update(kernel, map, u32Bytes(index), new Uint8Array(4096).fill(1), 0n);
      return 'ok';
    } catch (error) {
      if (error instanceof Errno) return error.code;
      throw error;
    }
  };
  const results: string[] = [];
  for (let n = 0; n < 100_000 && results.at(-1) !== 'ENOMEM'; n++) results.push(update(n));
  assert.is(results.at(-1), 'ENOMEM');
  assert.ok(results.length > 1000 && results.length < 4096);
  assert.is(update(0), 'ok');
  assert.is(readKernel(kernel, at(kernel, map, 99_999), 1)?.[0], 0);
});

test('next to a lazy range, past its end and for instruction fetches there is no page', () => {
  const machine = createKernelMachine(source);
  const { kernel } = machine;
  const map = createMap(kernel, { ...shape, valueSize: 4096, maxEntries: 10 });
  const first = at(kernel, map, 0);
  assert.is(readKernel(kernel, first - 1n, 1), undefined);
  assert.is(readKernel(kernel, first + 40960n, 1), undefined);
  assert.is(readKernel(kernel, first + 40950n, 11), undefined);
  assert.is(writeKernel(kernel, first + 40950n, new Uint8Array(11)), false);
  enter(machine, 'test_store', { rdi: first + 40960n, rsi: 1n });
  run(kernel.cpus[0]!, machine.host, 10_000);
  assert.match(kernel.dead ?? '', /unable to handle page fault/);
});

test.run();
