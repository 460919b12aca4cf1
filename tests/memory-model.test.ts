// What mmap's family, fork, exit and changes of files make of user memory, against a model: a cell of content a page.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { Errno } from '../kernel/errno.ts';
import { resizeContent, writeContent } from '../kernel/fs/content.ts';
import { closeDescriptor, installDescriptor } from '../kernel/fs/files.ts';
import { openUnnamed } from '../kernel/fs/opening.ts';
import type { Inode } from '../kernel/fs/types.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { copyAddressSpace, releaseAddressSpace } from '../kernel/mm/address-space.ts';
import { findArea, MapFlag } from '../kernel/mm/areas.ts';
import { peekUser } from '../kernel/mm/peek-user.ts';
import { allocatePage, freePages } from '../kernel/mm/physical.ts';
import { allRanges } from '../kernel/mm/ranges.ts';
import { copyFromUser, copyToUser } from '../kernel/mm/user-memory.ts';
import { memorySyscalls } from '../kernel/syscalls/memory.ts';
import type { Task } from '../kernel/task.ts';
import { createBareKernel } from './support/bare-kernel.ts';
import { bareSyscalls } from './support/bare-syscalls.ts';
import { outcome } from './support/file-machine.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const RUNS = Number(process.env['RUNS'] ?? (slow ? 5000 : 150));
const PAGE = 4096n;
const PAGE_SIZE = 4096;
/** in three tables, of which two are far from the first */
const ARENAS = [0x5000_0000n - 8n * PAGE, 0x40_0000_0000n, 0x2000_0000_0000n];
const ARENA_PAGES = 16;
const FILE_PAGES = 12;
const [EFAULT, ENOMEM] = [14, 12];

/** The first byte of a page; the last one is the same. */
interface Cell {
  value: number;
}

interface Source {
  /** of a file or of shared memory, by page; a cell that is missing is zero */
  readonly cells: Map<number, Cell>;
  /** pages */
  size: number;
}

interface Page {
  readonly protection: number;
  readonly shared: boolean;
  readonly source: Source | undefined;
  readonly index: number;
  /** a private page that has been written, or is anonymous */
  own: Cell | undefined;
}

type Memory = Map<bigint, Page>;

function cellAt({ cells }: Source, index: number): Cell {
  let cell = cells.get(index);
  if (cell === undefined) cells.set(index, (cell = { value: 0 }));
  return cell;
}

/** What is in a page; undefined: SIGBUS. */
function valueOf({ own, source, index }: Page): number | undefined {
  if (source !== undefined && index >= source.size) return undefined;
  return own?.value ?? source?.cells.get(index)?.value ?? 0;
}

const READS = 3;
const canRead = ({ protection }: Page): boolean => (protection & READS) !== 0;

/** One of the model's processes, and the task that is to be like it. */
interface Process {
  readonly task: Task;
  readonly memory: Memory;
}

interface Machine {
  readonly kernel: Kernel;
  readonly fd: number;
  readonly inode: Inode;
  readonly file: Source;
  readonly processes: Process[];
}

function createMachine(): Machine & { readonly call: ReturnType<typeof bareSyscalls> } {
  const bare = createBareKernel(64 << 20);
  const { kernel, task } = bare;
  const open = openUnnamed(kernel, '/file');
  const inode = kernel.fileSystem.inodes.get(open.object)!;
  const fd = installDescriptor(kernel, task, open, false);
  const call = bareSyscalls(bare, memorySyscalls);
  return { kernel, fd, inode, call, file: { cells: new Map(), size: 0 }, processes: [{ task, memory: new Map() }] };
}

const pageValue = (value: number): Uint8Array => new Uint8Array(PAGE_SIZE).fill(value, 0, 1).fill(value, PAGE_SIZE - 1);

function write(kernel: Kernel, { task, memory }: Process, at: bigint, value: number): void {
  const page = memory.get(at);
  const allowed = page !== undefined && (page.protection & 2) !== 0 && valueOf(page) !== undefined;
  let result = 'written';
  try {
    copyToUser(kernel, task, at, Uint8Array.of(value));
    copyToUser(kernel, task, at + PAGE - 1n, Uint8Array.of(value));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    result = error.code;
  }
  assert.is(result, allowed ? 'written' : 'EFAULT', `write at ${at.toString(16)}`);
  if (!allowed) return;
  if (page.shared) cellAt(page.source!, page.index).value = value;
  else if (page.own === undefined) page.own = { value };
  else page.own.value = value;
}

/** Every page that the model has, and none beside them. */
function compare(kernel: Kernel, { task, memory }: Process, reads: boolean): void {
  const space = kernel.addressSpaces.get(task.addressSpace!)!;
  let pages = 0;
  for (const area of allRanges(space.areas)) pages += Number((area.end - area.start) / PAGE);
  // the task's own area has 256
  assert.is(pages - 256, memory.size, 'pages in areas');
  for (const [at, page] of memory) {
    const where = `page ${at.toString(16)}`;
    assert.is(findArea(space, at)?.protection, page.protection, where);
    const expected = valueOf(page);
    assert.equal([...peekUser(kernel, task, at + PAGE - 1n, 1)], expected === undefined ? [] : [expected], where);
    if (!reads) continue;
    let got: number | string;
    try {
      got = copyFromUser(kernel, task, at, 1)[0]!;
    } catch (error) {
      if (!(error instanceof Errno)) throw error;
      got = error.code;
    }
    assert.is(got, canRead(page) && expected !== undefined ? expected : 'EFAULT', where);
  }
}

/** Pages of the arenas; those of one arena follow each other. */
const pageAddress = (n: number): bigint => ARENAS[Math.floor(n / ARENA_PAGES)]! + BigInt(n % ARENA_PAGES) * PAGE;

const anyPage = fc.nat(ARENAS.length * ARENA_PAGES - 1);
const anyLength = fc.integer({ min: 1, max: 6 });
const anyProtection = fc.constantFrom(0, 1, 3, 3, 3, 5, 7);
const anyKind = fc.constantFrom('zeros', 'shared zeros', 'private file', 'shared file');
const anyStep = fc.record({
  action: fc.constantFrom(
    ...([
      'map',
      'map',
      'map',
      'unmap',
      'protect',
      'advise',
      'remap',
      'write',
      'write',
      'write',
      'fork',
      'exit',
    ] as const),
    ...(['write file', 'resize file', 'read'] as const),
  ),
  who: fc.nat(7),
  page: anyPage,
  length: anyLength,
  other: anyLength,
  protection: anyProtection,
  kind: anyKind,
  value: fc.integer({ min: 1, max: 255 }),
});
type Step = typeof anyStep extends fc.Arbitrary<infer Value> ? Value : never;

function makeProcess({ kernel, processes }: Machine, parent: Process): void {
  const space = copyAddressSpace(kernel, kernel.addressSpaces.get(parent.task.addressSpace!)!);
  const task: Task = { ...parent.task, pid: kernel.nextPid++, addressSpace: space.id };
  kernel.tasks.set(task.pid, task);
  const memory = new Map([...parent.memory].map(([at, page]) => [at, { ...page, own: page.own && { ...page.own } }]));
  processes.push({ task, memory });
}

function endProcess({ kernel, processes }: Machine, process: Process): void {
  releaseAddressSpace(kernel, process.task.addressSpace!);
  kernel.tasks.delete(process.task.pid);
  processes.splice(processes.indexOf(process), 1);
}

function perform(machine: ReturnType<typeof createMachine>, step: Step): void {
  const { kernel, call, processes, file, inode, fd } = machine;
  const process = processes[step.who % processes.length]!;
  const { memory, task } = process;
  kernel.perCpu[0]!.current = task.pid;
  const start = pageAddress(step.page);
  const size = BigInt(step.length) * PAGE;
  const addresses = Array.from({ length: step.length }, (_, n) => start + BigInt(n) * PAGE);
  const mapped = addresses.filter((at) => memory.has(at));
  const whole = mapped.length === addresses.length;
  if (step.action === 'map') {
    const shared = step.kind.startsWith('shared');
    const isFile = step.kind.endsWith('file');
    const sharing = shared ? MapFlag.shared : MapFlag.private;
    const flags = MapFlag.fixed | sharing | (isFile ? 0 : MapFlag.anonymous);
    const offset = step.other;
    assert.is(
      call('mmap', start, size, step.protection, flags, isFile ? fd : -1, isFile ? offset * PAGE_SIZE : 0),
      Number(start),
    );
    const source = isFile ? file : shared ? { cells: new Map(), size: step.length } : undefined;
    addresses.forEach((at, n) => {
      const page = { protection: step.protection, shared, source, index: isFile ? offset + n : n };
      memory.set(at, { ...page, own: source === undefined ? { value: 0 } : undefined });
    });
  } else if (step.action === 'unmap') {
    assert.is(call('munmap', start, size), 0);
    for (const at of mapped) memory.delete(at);
  } else if (step.action === 'protect') {
    assert.is(call('mprotect', start, size, step.protection), whole ? 0 : -ENOMEM);
    for (const at of addresses) {
      const page = memory.get(at);
      if (page === undefined) break;
      memory.set(at, { ...page, protection: step.protection });
    }
  } else if (step.action === 'advise') {
    assert.is(call('madvise', start, size, 4), whole ? 0 : -ENOMEM);
    for (const at of mapped) {
      const page = memory.get(at)!;
      memory.set(at, { ...page, own: page.source === undefined ? { value: 0 } : undefined });
    }
  } else if (step.action === 'remap') {
    remap(machine, process, addresses, step.other);
  } else if (step.action === 'write') {
    write(kernel, process, start, step.value);
  } else if (step.action === 'fork') {
    if (processes.length < 4) makeProcess(machine, process);
  } else if (step.action === 'exit') {
    if (processes.length > 1 && process !== processes[0]) endProcess(machine, process);
  } else if (step.action === 'write file') {
    const index = step.page % FILE_PAGES;
    writeContent(kernel, inode, index * PAGE_SIZE, pageValue(step.value));
    cellAt(file, index).value = step.value;
    file.size = Math.max(file.size, index + 1);
  } else if (step.action === 'resize file') {
    const pages = step.page % FILE_PAGES;
    resizeContent(kernel, inode, pages * PAGE_SIZE);
    file.size = pages;
    for (const index of file.cells.keys()) if (index >= pages) file.cells.delete(index);
    for (const { memory: each } of processes) {
      for (const page of each.values()) if (page.source === file && page.index >= pages) page.own = undefined;
    }
  }
}

/** Of `addresses`, all in one area as Linux wants it, to `count` pages. */
function remap(
  { call, kernel }: ReturnType<typeof createMachine>,
  { memory, task }: Process,
  addresses: bigint[],
  count: number,
): void {
  const [start, old] = [addresses[0]!, addresses.length];
  const area = findArea(kernel.addressSpaces.get(task.addressSpace!)!, start);
  const inOne = area !== undefined && start + BigInt(old) * PAGE <= area.end;
  const result = call('mremap', start, BigInt(old) * PAGE, BigInt(count) * PAGE, 1);
  if (!inOne) return assert.is(result, -EFAULT);
  const moved = addresses.map((at) => memory.get(at)!);
  for (const at of addresses) memory.delete(at);
  const first = moved[0]!;
  for (let n = 0; n < count; n++) {
    const at = BigInt(result) + BigInt(n) * PAGE;
    assert.is(memory.has(at), false, `${at.toString(16)} is free`);
    const fresh = { ...first, index: first.index + n, own: first.source === undefined ? { value: 0 } : undefined };
    memory.set(at, moved[n] ?? fresh);
  }
}

test('random calls in several processes', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
      const machine = createMachine();
      const { kernel, processes, fd } = machine;
      const [free, charged] = [freePages(kernel), kernel.pages.charged];
      for (const step of steps) {
        perform(machine, step);
        for (const process of processes) compare(kernel, process, step.action === 'read');
      }
      while (processes.length > 1) endProcess(machine, processes.at(-1)!);
      const [first] = processes;
      kernel.perCpu[0]!.current = first!.task.pid;
      for (const at of first!.memory.keys()) assert.is(machine.call('munmap', at, PAGE), 0);
      // the file's pages are its own
      resizeContent(kernel, machine.inode, 0);
      assert.is(freePages(kernel), free, 'free pages');
      assert.is(kernel.pages.charged, charged);
      assert.is(kernel.fileSystem.cachedPages, 0);
      const { mappings, references, writers } = machine.inode;
      assert.equal([mappings.size, references, writers], [0, 1, 1]);
      closeDescriptor(kernel, first!.task, fd);
      assert.is(kernel.fileSystem.inodes.has(machine.inode.id), false);
    }),
    { numRuns: RUNS },
  );
});

test('page tables that an extension has made a circle of end, and so does every call over them', () => {
  const { kernel, call, processes, inode } = createMachine();
  const { task } = processes[0]!;
  const space = kernel.addressSpaces.get(task.addressSpace!)!;
  assert.is(
    call('mmap', ARENAS[0]!, 1n << 46n, 3, MapFlag.fixed | MapFlag.private | MapFlag.anonymous, -1, 0),
    Number(ARENAS[0]),
  );
  const circle = allocatePage(kernel);
  const beyond = BigInt(kernel.memory.size);
  // entries that name the table that they are in, one outside memory, and what is no address at all
  const entries = [BigInt(circle) | 7n, beyond | 7n, 0xffff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n];
  for (let n = 0; n < 512; n++) kernel.memory.view.setBigUint64(circle + n * 8, entries[n % 7] ?? entries[0]!, true);
  for (let n = 1; n < 256; n++) kernel.memory.view.setBigUint64(space.pageTable + n * 8, BigInt(circle) | 7n, true);
  for (const name of ['mprotect', 'madvise'] as const) {
    assert.is(call(name, ARENAS[0]!, 1n << 46n, name === 'madvise' ? 4 : 1), 0);
  }
  outcome(() => copyToUser(kernel, task, ARENAS[2]!, Uint8Array.of(1)));
  outcome(() => releaseAddressSpace(kernel, copyAddressSpace(kernel, space).id));
  assert.type(call('mremap', ARENAS[0]!, 1n << 45n, (1n << 45n) + PAGE, 1), 'number');
  assert.is(call('munmap', 0x1000, (1n << 47n) - 0x2000n), 0);
  releaseAddressSpace(kernel, space.id);
  assert.is(inode.references, 1);
});

test.run();
