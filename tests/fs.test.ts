import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { latin1Bytes } from '../kernel/fs/bytes.ts';
import { OpenFlag } from '../kernel/fs/constants.ts';
import { inodeCharge } from '../kernel/fs/inode-uses.ts';
import { KPROBE_PMU_TYPE, mkdirs, readFile, writeFile } from '../kernel/fs/inodes.ts';
import { makeDirectory, makeLink, makeSymlink, removeDirectory, rename, unlink } from '../kernel/fs/names.ts';
import { pathOf, resolve } from '../kernel/fs/paths.ts';
import { inodeOf, NAME_CHARGE } from '../kernel/fs/tree.ts';
import type { Inode } from '../kernel/fs/types.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { freePages } from '../kernel/mm/physical.ts';
import { BUFFER, createFileMachine, list, makePipe, outcome, text, UNMAPPED } from './support/file-machine.ts';

const where = (kernel: Kernel, path: string, follow = true) =>
  outcome(() => {
    const found = resolve(kernel, path, { follow });
    return found.inode === undefined ? 'ENOENT' : pathOf(kernel, found);
  });

test('paths resolve as namei does', () => {
  const { kernel } = createFileMachine();
  mkdirs(kernel, '/a/b/c');
  writeFile(kernel, '/a/file', latin1Bytes('x'));
  makeSymlink(kernel, 'b', '/a/link');
  makeSymlink(kernel, '/a/file', '/a/b/absolute');
  makeSymlink(kernel, '../file', '/a/b/relative');
  makeSymlink(kernel, 'loop2', '/a/loop1');
  makeSymlink(kernel, 'loop1', '/a/loop2');
  makeSymlink(kernel, 'gone', '/a/dangling');
  makeSymlink(kernel, 'file/', '/a/slashed');
  const rows: readonly (readonly [string, string])[] = [
    ['/', '/'],
    ['//a///b//', '/a/b'],
    ['/..', '/'],
    ['/../../a/./b/../b', '/a/b'],
    ['/a/link', '/a/b'],
    ['/a/link/c', '/a/b/c'],
    ['/a/link/../file', '/a/file'],
    ['/a/b/absolute', '/a/file'],
    ['/a/b/relative', '/a/file'],
    ['/a/file/', 'ENOTDIR'],
    ['/a/file/x', 'ENOTDIR'],
    ['/a/file/..', 'ENOTDIR'],
    ['/a/slashed', 'ENOTDIR'],
    ['/a/none', 'ENOENT'],
    ['/none/x', 'ENOENT'],
    ['/a/dangling', 'ENOENT'],
    ['/a/loop1', 'ELOOP'],
    ['', 'ENOENT'],
    [`/${'n'.repeat(255)}`, 'ENOENT'],
    [`/${'n'.repeat(256)}`, 'ENAMETOOLONG'],
    ['/a/'.padEnd(4095, '/'), '/a'],
    ['/a/'.padEnd(4096, '/'), 'ENAMETOOLONG'],
    ['/sys/kernel/debug/tracing/trace', '/sys/kernel/tracing/trace'],
  ];
  for (const [path, expected] of rows) assert.is(where(kernel, path), expected, path.slice(0, 40));
  assert.is(where(kernel, '/a/link', false), '/a/link');
  assert.is(where(kernel, '/a/link/', false), '/a/b');
});

test('forty links are followed, one more is not', () => {
  const { kernel } = createFileMachine();
  writeFile(kernel, '/tmp/0', new Uint8Array(0));
  for (let n = 1; n <= 41; n++) makeSymlink(kernel, `${n - 1}`, `/tmp/${n}`);
  assert.is(where(kernel, '/tmp/40'), '/tmp/0');
  assert.is(where(kernel, '/tmp/41'), 'ELOOP');
});

test('the host reads and writes files', () => {
  const { kernel } = createFileMachine();
  writeFile(kernel, '/opt/näme/file', latin1Bytes('one'), 0o755);
  assert.is(text(readFile(kernel, '/opt/näme/file')), 'one');
  writeFile(kernel, '/opt/näme/file', latin1Bytes('2'));
  assert.is(text(readFile(kernel, '/opt/näme/file')), '2');
  assert.is(readFile(kernel, '/opt/none'), undefined);
  assert.is(readFile(kernel, '/opt'), undefined);
  assert.is(text(readFile(kernel, '/proc/version'))?.startsWith('Linux version 7.1.0-rex '), true);
  assert.is(
    outcome(() => writeFile(kernel, '/opt', new Uint8Array(0))),
    'EISDIR',
  );
  assert.is(
    outcome(() => writeFile(kernel, '/opt/näme/file/x', new Uint8Array(0))),
    'ENOTDIR',
  );
  assert.is(
    outcome(() => writeFile(kernel, '/proc/x', new Uint8Array(0))),
    'ENOENT',
  );
  assert.is(
    outcome(() => writeFile(kernel, '/sys/x/y', new Uint8Array(0))),
    'EPERM',
  );
  const free = freePages(kernel);
  assert.is(
    outcome(() => writeFile(kernel, '/opt/näme/file', new Uint8Array(kernel.memory.size))),
    'ENOSPC',
  );
  assert.is(text(readFile(kernel, '/opt/näme/file')), '2');
  assert.is(freePages(kernel), free);
});

/** What names and inodes are charged, the root excepted. */
function treeCharge({ fileSystem: { inodes } }: Kernel): number {
  let bytes = 0;
  for (const { entries, target } of inodes.values()) bytes += inodeCharge(target) + NAME_CHARGE * entries.size;
  return bytes - inodeCharge('');
}

const cachedPages = ({ fileSystem: { inodes } }: Kernel): number =>
  [...inodes.values()].reduce((sum, { pages }) => sum + pages.size, 0);

/** What must hold of any tree: counts and parents agree with the names; whoever has none is gone, as nobody uses it. */
function checkTree(kernel: Kernel): void {
  const { fileSystem } = kernel;
  const names = new Map<number, number>();
  const subdirectories = new Map<number, number>();
  const visit = (directory: Inode): void => {
    for (const id of directory.entries.values()) {
      const inode = inodeOf(kernel, id);
      assert.ok(inode, `a name of ${directory.id} means inode ${id}, which is not there`);
      names.set(id, (names.get(id) ?? 0) + 1);
      if (inode.type !== 'directory') continue;
      assert.is(inode.parent, directory.id);
      subdirectories.set(directory.id, (subdirectories.get(directory.id) ?? 0) + 1);
      visit(inode);
    }
  };
  visit(inodeOf(kernel, fileSystem.root)!);
  for (const inode of fileSystem.inodes.values()) {
    const expected = inode.type === 'directory' ? 2 + (subdirectories.get(inode.id) ?? 0) : names.get(inode.id);
    assert.is(inode.links, expected, `links of inode ${inode.id}`);
  }
  assert.is(names.size + 1, fileSystem.inodes.size);
}

test('names: whatever is done, the tree stays consistent', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `/tmp/${parts.join('/')}`);
  const operation = fc.oneof(
    fc.record({ type: fc.constantFrom('mkdir', 'rmdir', 'unlink', 'create'), from: path, to: path }),
    fc.record({ type: fc.constantFrom('rename', 'link', 'symlink'), from: path, to: path }),
  );
  const actions: Readonly<Record<string, (kernel: Kernel, from: string, to: string) => void>> = {
    mkdir: (kernel, from) => void makeDirectory(kernel, from, 0o755),
    rmdir: (kernel, from) => removeDirectory(kernel, from),
    unlink: (kernel, from) => unlink(kernel, from),
    create: (kernel, from, to) => writeFile(kernel, from, latin1Bytes(to)),
    rename: (kernel, from, to) => rename(kernel, from, {}, to, {}),
    link: (kernel, from, to) => makeLink(kernel, from, { follow: false }, to, {}),
    symlink: (kernel, from, to) => void makeSymlink(kernel, from, to),
  };
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const { kernel } = createFileMachine();
      const others = kernel.pages.charged - treeCharge(kernel);
      for (const { type, from, to } of operations) {
        outcome(() => actions[type]!(kernel, from, to));
        checkTree(kernel);
        assert.is(kernel.pages.charged - treeCharge(kernel), others);
        assert.is(kernel.fileSystem.cachedPages, cachedPages(kernel));
      }
    }),
    { numRuns: 60 },
  );
});

test('names: errors', () => {
  const machine = createFileMachine();
  const { kernel, call } = machine;
  mkdirs(kernel, '/tmp/d/e');
  writeFile(kernel, '/tmp/f', latin1Bytes('f'));
  const rows: readonly (readonly [string, readonly (string | number)[], string | number])[] = [
    ['mkdir', ['/tmp/d', 0o755], 'EEXIST'],
    ['mkdir', ['/tmp/x/y', 0o755], 'ENOENT'],
    ['mkdir', ['/tmp/f/y', 0o755], 'ENOTDIR'],
    ['mkdir', ['/tmp/new/', 0o755], 0],
    ['mkdir', ['/proc/new', 0o755], 'ENOENT'],
    ['rmdir', ['/tmp/d'], 'ENOTEMPTY'],
    ['rmdir', ['/tmp/f'], 'ENOTDIR'],
    ['rmdir', ['/'], 'EBUSY'],
    ['rmdir', ['/tmp/new/.'], 'EINVAL'],
    ['rmdir', ['/tmp/new/'], 0],
    ['rmdir', ['/proc'], 'EBUSY'],
    ['unlink', ['/tmp/d'], 'EISDIR'],
    ['unlink', ['/tmp/none'], 'ENOENT'],
    ['unlink', ['/proc/version'], 'EPERM'],
    ['link', ['/tmp/d', '/tmp/l'], 'EPERM'],
    ['link', ['/proc/version', '/tmp/l'], 'EXDEV'],
    ['link', ['/tmp/f', '/tmp/d'], 'EEXIST'],
    ['symlink', ['', '/tmp/l'], 'ENOENT'],
    ['readlink', ['/tmp/f', Number(BUFFER), 10], 'EINVAL'],
    ['rename', ['/tmp/d', '/tmp/d/e/x'], 'EINVAL'],
    ['rename', ['/tmp/f', '/tmp/d'], 'EISDIR'],
    ['rename', ['/tmp/d', '/tmp/f'], 'ENOTDIR'],
    ['rename', ['/tmp/d/e', '/tmp/d'], 'ENOTEMPTY'],
    ['rename', ['/tmp/f', '/tmp/.'], 'EBUSY'],
    ['rename', ['/tmp/f', '/tmp/f'], 0],
    ['open', ['/tmp/new/', OpenFlag.create | 1, 0o644], 'EISDIR'],
    ['open', ['/tmp/d', OpenFlag.writeOnly], 'EISDIR'],
    ['open', ['/tmp/f', OpenFlag.directory], 'ENOTDIR'],
    ['open', ['/tmp/f', OpenFlag.create | OpenFlag.exclusive, 0o644], 'EEXIST'],
    ['open', ['/proc/version', OpenFlag.readWrite], 'EACCES'],
    ['access', ['/tmp/f', 4], 0],
    ['access', ['/tmp/f', 1], 'EACCES'],
    ['access', ['/sys/kernel/debug/tracing', 0], 0],
    ['chdir', ['/tmp/f'], 'ENOTDIR'],
  ];
  for (const [name, args, expected] of rows) assert.is(call(name, ...args), expected, `${name}(${args.join(', ')})`);
  assert.is(call('open', Number(UNMAPPED), 0), 'EFAULT');
});

test('a removed file lives on until it is closed, and its space comes back', () => {
  const { kernel, call, peek } = createFileMachine();
  const used = (): number => kernel.fileSystem.cachedPages * 4096 + kernel.pages.charged;
  const before = used();
  const fd = call('open', '/tmp/x', OpenFlag.create | OpenFlag.readWrite, 0o600) as number;
  call('write', fd, latin1Bytes('still here'), 10);
  assert.is(call('unlink', '/tmp/x'), 0);
  assert.is(call('pread64', fd, BUFFER, 10, 0), 10);
  assert.is(text(peek(10)), 'still here');
  assert.ok(used() > before);
  call('close', fd);
  assert.is(used(), before);
  const memory = call('memfd_create', 'm', 0) as number;
  assert.is(call('write', memory, latin1Bytes('abc'), 3), 3);
  call('close', memory);
  assert.is(used(), before);
});

test('a removed working directory', () => {
  const { kernel, call } = createFileMachine();
  call('mkdir', '/tmp/here', 0o755);
  call('chdir', '/tmp/here');
  assert.is(call('rmdir', '/tmp/here'), 0);
  assert.is(call('getcwd', BUFFER, 100), 'ENOENT');
  assert.is(call('open', 'x', OpenFlag.create, 0o600), 'ENOENT');
  assert.is(call('chdir', '..'), 0);
  call('unlink', '/none');
  call('close', call('open', '/tmp', 0) as number);
  checkTree(kernel);
});

test('/proc follows the tasks', () => {
  const machine = createFileMachine();
  const { kernel, task, call, peek } = machine;
  const read = (path: string): string | undefined => text(readFile(kernel, path));
  assert.is(read(`/proc/${task.pid}/comm`), 'loader\n');
  assert.match(read(`/proc/${task.pid}/status`)!, /^Name:\tloader\n[^]*Pid:\t1\n/);
  assert.is(read(`/proc/${task.pid}/stat`)!.split(' ').length, 52);
  assert.match(read(`/proc/${task.pid}/maps`)!, /^00010000-00110000 rw-p 00000000 00:00 0 \n$/);
  assert.is(read('/proc/99/comm'), undefined);
  assert.is(call('readlink', '/proc/self', BUFFER, 10), 1);
  assert.is(text(peek(1)), '1');
  call('readlink', '/proc/self/exe', BUFFER, 100);
  assert.is(text(peek(9)), '/bin/test');
  const comm = call('open', '/proc/self/comm', OpenFlag.readWrite) as number;
  assert.is(call('write', comm, 'renamed\n', 8), 8);
  assert.is(task.comm, 'renamed');
  assert.ok(list(machine, '/proc', 4096).includes('1'));
  assert.equal(list(machine, '/proc/self/fd', 4096), ['.', '..', '0', '1', '2', '3', '4']);
  kernel.tasks.delete(task.pid);
  assert.is(call('open', '/proc/1/stat', 0), 'ENOENT');
  assert.is(call('read', comm, BUFFER, 100), 7);
});

test('/proc/self/fd leads to the file itself', () => {
  const machine = createFileMachine();
  const { call, peek } = machine;
  const fd = call('open', '/tmp/x', OpenFlag.create | OpenFlag.readWrite, 0o600) as number;
  call('write', fd, 'abc', 3);
  call('unlink', '/tmp/x');
  const again = call('open', `/proc/self/fd/${fd}`, 0) as number;
  assert.is(call('read', again, BUFFER, 10), 3);
  assert.is(text(peek(3)), 'abc');
  const { reader, writer } = makePipe(machine);
  const second = call('open', `/proc/self/fd/${writer}`, OpenFlag.writeOnly) as number;
  call('close', writer);
  assert.is(call('write', second, 'y', 1), 1);
  assert.is(call('read', reader, BUFFER, 10), 1);
  call('close', second);
  assert.is(call('read', reader, BUFFER, 10), 0);
  assert.is(call('open', '/proc/self/fd/1/x', 0), 'ENOTDIR');
});

test('what loaders read', () => {
  const { kernel } = createFileMachine();
  const read = (path: string): string | undefined => text(readFile(kernel, path));
  assert.is(read('/sys/bus/event_source/devices/kprobe/type'), `${KPROBE_PMU_TYPE}\n`);
  assert.is(read('/sys/bus/event_source/devices/kprobe/format/retprobe'), 'config:0\n');
  assert.is(read('/sys/devices/system/cpu/online'), '0\n');
  assert.is(read('/proc/sys/kernel/osrelease'), '7.1.0-rex\n');
  assert.match(read('/proc/kallsyms')!, /^[0-9a-f]{16} T __x64_sys_dup$/m);
  assert.match(read('/proc/meminfo')!, /^MemTotal: +16384 kB$/m);
  assert.match(read('/proc/cpuinfo')!, /^processor\t: 0$/m);
});

test('every generated file can be opened and read to its end', () => {
  const machine = createFileMachine();
  const { call } = machine;
  const visit = (path: string): void => {
    for (const name of list(machine, path, 8192).slice(2)) {
      const at = `${path}/${name}`;
      const fd = call('open', at, OpenFlag.nonBlock | OpenFlag.noFollow);
      if (fd === 'ELOOP' || name === 'fd') continue;
      assert.type(fd, 'number', at);
      const count = call('read', fd as number, BUFFER, 1 << 16);
      if (count === 'EISDIR') visit(at);
      else assert.ok(typeof count === 'number' || count === 'EAGAIN', at);
      call('close', fd as number);
    }
  };
  visit('/proc');
  visit('/sys');
});

test('trace is read, trace_pipe consumes', () => {
  const { kernel, call, peek } = createFileMachine();
  const pipe = call('open', '/sys/kernel/debug/tracing/trace_pipe', 0) as number;
  assert.equal(call('read', pipe, BUFFER, 100), { wait: ['trace'] });
  kernel.bpf.trace.push('first line', 'second line');
  assert.match(
    text(readFile(kernel, '/sys/kernel/tracing/trace'))!,
    /^# tracer: nop\n[^]*\nfirst line\nsecond line\n$/,
  );
  assert.is(call('read', pipe, UNMAPPED, 100), 'EFAULT');
  assert.is(call('read', pipe, BUFFER, 5), 5);
  assert.is(text(peek(5)), 'first');
  assert.equal(kernel.bpf.trace, ['second line']);
  assert.is(call('read', pipe, BUFFER, 100), 18);
  assert.is(text(peek(18)), ' line\nsecond line\n');
  assert.equal(call('read', pipe, BUFFER, 100), { wait: ['trace'] });
  kernel.bpf.trace.push('third');
  call('close', call('open', '/sys/kernel/tracing/trace', OpenFlag.writeOnly | OpenFlag.truncate) as number);
  assert.equal(kernel.bpf.trace, []);
});

test.run();
