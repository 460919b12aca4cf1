import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { latin1Bytes } from '../kernel/fs/bytes.ts';
import { AT_FDCWD, AtFlag, MAX_FILE_SIZE, OpenFlag, PIPE_CAPACITY } from '../kernel/fs/constants.ts';
import {
  closeOnExec,
  copyFileTable,
  fileOf,
  installDescriptor,
  openFile,
  releaseFileTable,
  shareFileTable,
} from '../kernel/fs/files.ts';
import { mkdirs, readFile, writeFile } from '../kernel/fs/inodes.ts';
import { absolutePath, resolve } from '../kernel/fs/paths.ts';
import { closeStdin, pushStdin } from '../kernel/fs/stdio.ts';
import { isWait } from '../kernel/native.ts';
import { sleepOn } from '../kernel/sleepers.ts';
import { fileSyscalls } from '../kernel/syscalls/files.ts';
import { BUFFER, createFileMachine, list, makePipe, outcome, text, UNMAPPED } from './support/file-machine.ts';
import { freePages } from '../kernel/mm/physical.ts';
import { KTIME_MAX } from '../kernel/time.ts';

test('descriptors: the lowest free number, and no more than 1024', () => {
  const { kernel, task, call } = createFileMachine();
  assert.is(call('dup', 0), 3);
  assert.is(call('dup', 0), 4);
  call('close', 3);
  assert.is(call('open', '/', 0), 3);
  assert.is(call('fcntl', 0, 0, 100), 100);
  assert.is(call('fcntl', 0, 0, 1024), 'EINVAL');
  for (let fd = 5; fd < 1024; fd++) if (fd !== 100) assert.is(call('dup', 0), fd);
  const { references } = fileOf(kernel, task, 0);
  assert.is(call('dup', 0), 'EMFILE');
  assert.is(call('pipe', BUFFER), 'EMFILE');
  assert.is(kernel.fileSystem.pipes.size, 0);
  assert.is(fileOf(kernel, task, 0).references, references);
  for (const fd of [1024, -1, 0xffff_ffffn, 1n << 40n]) {
    const expected = fd === 1n << 40n ? 0 : 'EBADF';
    assert.is(call('close', fd), expected, `close(${fd})`);
  }
});

test('an open that is refused makes nothing, truncates nothing and costs nothing', () => {
  const { kernel, call } = createFileMachine();
  const flags = OpenFlag.create | OpenFlag.writeOnly | OpenFlag.truncate;
  const kept = call('open', '/tmp/kept', flags, 0o600) as number;
  call('write', kept, latin1Bytes('abc'), 3);
  const state = (): unknown => [
    kernel.fileSystem.inodes.size,
    kernel.openFiles.size,
    kernel.pages.charged,
    [...resolve(kernel, '/tmp', { start: kernel.fileSystem.root, follow: true }).inode!.entries.keys()],
    text(readFile(kernel, '/tmp/kept')),
  ];
  const refused = (path: string, error: string): void => {
    const before = state();
    assert.is(call('open', path, flags, 0o600), error);
    assert.equal(state(), before);
  };
  // as if there were so many bytes less: an inode and a name fit, the file or its descriptor do not
  const free = freePages(kernel) * 4096;
  const { charged } = kernel.pages;
  let errors = 0;
  for (let left = 0; left <= 3000; left += 4) {
    kernel.pages.charged = charged + free - left;
    const before = state();
    const result = call('open', '/tmp/new', flags, 0o600);
    if (typeof result === 'number') {
      call('close', result);
      call('unlink', '/tmp/new');
    } else errors++;
    assert.equal(state(), before, `${left} bytes left: ${String(result)}`);
  }
  assert.ok(errors > 300, `${errors} refused`);
  kernel.pages.charged = charged;
  while (typeof call('dup', kept) === 'number');
  refused('/tmp/new', 'EMFILE');
  refused('/tmp/kept', 'EMFILE');
  call('close', kept);
  // it is being executed
  resolve(kernel, '/tmp/kept', { start: kernel.fileSystem.root, follow: true }).inode!.writers = -1;
  for (let n = 0; n < 3; n++) refused('/tmp/kept', 'ETXTBSY');
});

test('dup2 and dup3', () => {
  const { kernel, task, call } = createFileMachine();
  const fd = call('open', '/tmp/x', OpenFlag.create | OpenFlag.readWrite, 0o600) as number;
  assert.is(call('dup2', fd, 9), 9);
  assert.is(call('dup2', fd, fd), fd);
  assert.is(call('dup2', 8, 8), 'EBADF');
  assert.is(call('dup2', fd, 1024), 'EBADF');
  assert.is(call('dup3', fd, fd, 0), 'EINVAL');
  assert.is(call('dup3', fd, 10, OpenFlag.closeOnExec), 10);
  assert.is(call('fcntl', 9, 1), 0);
  assert.is(call('fcntl', 10, 1), 1);
  assert.is(fileOf(kernel, task, fd).references, 3);
  call('write', fd, latin1Bytes('abc'), 3);
  assert.is(call('lseek', 9, 0, 1), 3);
  closeOnExec(kernel, task.fileTable);
  assert.is(call('fcntl', 10, 1), 'EBADF');
  assert.is(fileOf(kernel, task, fd).references, 2);
});

test('file tables are copied, shared and released', () => {
  const { kernel, task } = createFileMachine();
  const file = installDescriptor(kernel, task, openFile(kernel, 'stdout', 0, 1, 'x'), false);
  const copy = copyFileTable(kernel, task.fileTable);
  assert.is(fileOf(kernel, task, file).references, 2);
  assert.is(shareFileTable(kernel, task.fileTable), task.fileTable);
  releaseFileTable(kernel, task.fileTable);
  assert.is(fileOf(kernel, task, file).references, 2);
  releaseFileTable(kernel, task.fileTable);
  assert.is(kernel.openFiles.size, 4);
  releaseFileTable(kernel, copy);
  assert.is(kernel.openFiles.size, 0);
  assert.is(
    outcome(() => fileOf(kernel, task, 0)),
    'EBADF',
  );
});

test('pipes: bytes come out as they went in, and a wait changes nothing', () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 150_000 }));
  const operation = fc.record({ writes: fc.boolean(), size });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      const machine = createFileMachine();
      const { kernel, call, peek } = machine;
      const { reader, writer } = makePipe(machine);
      let written = 0;
      let taken = 0;
      const byte = (position: number): number => (position * 7 + (position >> 8)) & 0xff;
      for (const { writes, size: length } of operations) {
        const before = structuredClone(kernel.fileSystem.pipes);
        const bytes = Uint8Array.from({ length: writes ? length : 0 }, (_, n) => byte(written + n));
        const result = writes ? call('write', writer, bytes, length) : call('read', reader, BUFFER, length);
        const held = written - taken;
        if (typeof result === 'object') {
          assert.equal(kernel.fileSystem.pipes, before);
          assert.ok(writes ? PIPE_CAPACITY - held < Math.min(length, 4096) : held === 0);
        } else if (writes) {
          assert.is(result, length <= 4096 ? length : Math.min(length, PIPE_CAPACITY - held));
          written += result as number;
        } else {
          assert.is(result, Math.min(length, held));
          const got = peek(result as number);
          assert.ok(got.every((value, n) => value === byte(taken + n)));
          taken += result as number;
        }
        const [pipe] = kernel.fileSystem.pipes.values();
        assert.is(pipe!.length, written - taken);
        assert.ok(pipe!.chunks.length <= 40, `${pipe!.chunks.length} chunks`);
      }
    }),
    { numRuns: 60 },
  );
});

test('pipes: ends', () => {
  const machine = createFileMachine();
  const { kernel, task, call } = machine;
  const { reader, writer } = makePipe(machine, OpenFlag.nonBlock);
  assert.is(call('read', reader, BUFFER, 1), 'EAGAIN');
  assert.is(call('read', writer, BUFFER, 1), 'EBADF');
  assert.is(call('write', reader, 'x', 1), 'EBADF');
  assert.is(call('lseek', reader, 0, 0), 'ESPIPE');
  assert.is(call('pread64', reader, BUFFER, 1, 0), 'ESPIPE');
  assert.is(call('fstat', reader, BUFFER), 0);
  assert.is(call('write', writer, 'x', 1), 1);
  assert.is(call('read', reader, UNMAPPED, 1), 'EFAULT');
  call('close', writer);
  assert.is(call('read', reader, BUFFER, 10), 1);
  assert.is(call('read', reader, BUFFER, 10), 0);
  call('close', reader);
  assert.is(kernel.fileSystem.pipes.size, 0);

  const second = makePipe(machine);
  call('close', second.reader);
  assert.is(call('write', second.writer, 'x', 1), 'EPIPE');
  assert.is(task.signals.pending[0]?.number, 13);
});

test('a sleeping reader is woken by bytes and by the last writer', () => {
  const machine = createFileMachine();
  const { call, fork } = machine;
  const { reader, writer } = makePipe(machine);
  const wait = call('read', reader, BUFFER, 1);
  assert.ok(isWait(wait));
  const sleeper = fork();
  const sleep = (): void => sleepOn(machine.kernel, sleeper, isWait(wait) ? wait.wait : [], undefined);
  sleep();
  call('write', writer, 'x', 1);
  assert.is(sleeper.state, 'runnable');
  sleep();
  call('close', writer);
  assert.is(sleeper.state, 'runnable');
});

test('regular files behave as a growing array', () => {
  const position = fc.integer({ min: 0, max: 9000 });
  const size = fc.integer({ min: 0, max: 5000 });
  const operation = fc.oneof(
    fc.record({ type: fc.constant('write' as const), size, value: fc.integer({ min: 0, max: 255 }) }),
    fc.record({ type: fc.constant('pwrite' as const), size, position, value: fc.integer({ min: 0, max: 255 }) }),
    fc.record({ type: fc.constant('read' as const), size }),
    fc.record({ type: fc.constant('pread' as const), size, position }),
    fc.record({
      type: fc.constant('seek' as const),
      position: fc.integer({ min: -9000, max: 9000 }),
      whence: fc.nat(2),
    }),
    fc.record({ type: fc.constant('truncate' as const), position }),
  );
  fc.assert(
    fc.property(fc.boolean(), fc.array(operation, { maxLength: 40 }), (append, operations) => {
      const { kernel, call, peek } = createFileMachine();
      const flags = OpenFlag.create | OpenFlag.readWrite | (append ? OpenFlag.append : 0);
      const fd = call('open', '/tmp/x', flags, 0o600) as number;
      let model = new Uint8Array(0);
      let at = 0;
      const resize = (length: number): void => {
        const resized = new Uint8Array(length);
        resized.set(model.subarray(0, length));
        model = resized;
      };
      const put = (from: number, bytes: Uint8Array): number => {
        const start = append ? model.length : from;
        if (bytes.length > 0 && start + bytes.length > model.length) resize(start + bytes.length);
        if (bytes.length > 0) model.set(bytes, start);
        return start + bytes.length;
      };
      for (const step of operations) {
        if (step.type === 'write' || step.type === 'pwrite') {
          const bytes = new Uint8Array(step.size).fill(step.value);
          if (step.type === 'pwrite') {
            assert.is(call('pwrite64', fd, bytes, bytes.length, step.position), bytes.length);
            put(step.position, bytes);
          } else {
            assert.is(call('write', fd, bytes, bytes.length), bytes.length);
            at = put(at, bytes);
          }
        } else if (step.type === 'read' || step.type === 'pread') {
          const from = step.type === 'read' ? at : step.position;
          const expected = model.slice(from, from + step.size);
          const args = step.type === 'read' ? [] : [from];
          assert.is(call(step.type === 'read' ? 'read' : 'pread64', fd, BUFFER, step.size, ...args), expected.length);
          assert.equal(peek(expected.length), expected);
          if (step.type === 'read') at += expected.length;
        } else if (step.type === 'seek') {
          const target = [0, at, model.length][step.whence]! + step.position;
          assert.is(call('lseek', fd, step.position, step.whence), target < 0 ? 'EINVAL' : target);
          if (target >= 0) at = target;
        } else {
          assert.is(call('ftruncate', fd, step.position), 0);
          resize(step.position);
        }
        assert.equal(readFile(kernel, '/tmp/x'), model);
      }
    }),
    { numRuns: 100 },
  );
});

test('sizes are bounded', () => {
  const { kernel, call } = createFileMachine();
  const fd = call('open', '/tmp/x', OpenFlag.create | OpenFlag.readWrite, 0o600) as number;
  assert.is(call('ftruncate', fd, MAX_FILE_SIZE + 1), 'EFBIG');
  assert.is(call('ftruncate', fd, -1), 'EINVAL');
  assert.is(call('pwrite64', fd, 'abc', 3, MAX_FILE_SIZE), 'EFBIG');
  assert.is(call('pwrite64', fd, 'abc', 3, (1n << 63n) - 1n), 'EFBIG');
  assert.is(call('pwrite64', fd, 'abc', 3, -1), 'EINVAL');
  assert.is(call('lseek', fd, 1n << 62n, 0), 'EINVAL');
  assert.is(call('ftruncate', fd, MAX_FILE_SIZE), 0);
  assert.is(kernel.fileSystem.cachedPages, 0);
  assert.is(call('pwrite64', fd, 'abc', 3, MAX_FILE_SIZE - 2), 2);
  assert.is(kernel.fileSystem.cachedPages, 1);
  assert.is(
    outcome(() => readFile(kernel, '/tmp/x')),
    'EFBIG',
  );
  call('ftruncate', fd, 0);
  assert.is(kernel.fileSystem.cachedPages, 0);
});

test('a bad pointer loses nothing', () => {
  const { kernel, call, peek } = createFileMachine();
  pushStdin(kernel, latin1Bytes('typed'));
  assert.is(call('read', 0, UNMAPPED, 5), 'EFAULT');
  assert.is(call('read', 0, BUFFER, 100), 5);
  assert.is(text(peek(5)), 'typed');
  const fd = call('open', '/tmp/x', OpenFlag.create | OpenFlag.readWrite, 0o600) as number;
  assert.is(call('write', fd, UNMAPPED, 5), 'EFAULT');
  assert.is(call('write', fd, BUFFER, -1), 'EFAULT');
  call('write', fd, 'abc', 3);
  call('lseek', fd, 0, 0);
  assert.is(call('read', fd, UNMAPPED, 3), 'EFAULT');
  assert.is(call('lseek', fd, 0, 1), 0);
  assert.is(call('pipe', UNMAPPED), 'EFAULT');
  assert.is(kernel.fileSystem.pipes.size, 0);
  assert.is(call('getcwd', UNMAPPED, 10), 'EFAULT');
  assert.is(call('stat', '/', UNMAPPED), 'EFAULT');
});

test('readv and writev', () => {
  const { call, peek } = createFileMachine();
  const vector = (...parts: readonly (readonly [bigint, number])[]): Uint8Array =>
    new Uint8Array(BigUint64Array.from(parts.flatMap(([address, length]) => [address, BigInt(length)])).buffer);
  const fd = call('open', '/tmp/x', OpenFlag.create | OpenFlag.readWrite, 0o600) as number;
  const source = call('open', '/proc/version', 0) as number;
  call('read', source, BUFFER, 13);
  assert.is(call('writev', fd, vector([BUFFER, 5], [BUFFER, 0], [BUFFER + 5n, 8]), 3), 13);
  call('lseek', fd, 0, 0);
  assert.is(call('readv', fd, vector([BUFFER + 100n, 6], [BUFFER + 200n, 100]), 2), 13);
  assert.is(text(peek(6, BUFFER + 100n)), 'Linux ');
  assert.is(text(peek(7, BUFFER + 200n)), 'version');
  assert.is(call('writev', fd, vector([BUFFER, 5], [UNMAPPED, 5]), 2), 5);
  assert.is(call('writev', fd, vector([UNMAPPED, 5], [BUFFER, 5]), 2), 'EFAULT');
  assert.is(call('writev', fd, vector([BUFFER, -1]), 1), 'EINVAL');
  assert.is(call('writev', fd, BUFFER, 1025), 'EINVAL');
  assert.is(call('writev', fd, BUFFER, 0), 0);
});

test('standard streams', () => {
  const { kernel, task, call } = createFileMachine();
  assert.equal(call('read', 0, BUFFER, 1), { wait: ['stdin'] });
  assert.is(call('read', 0, BUFFER, 0), 0);
  closeStdin(kernel);
  assert.is(call('read', 0, BUFFER, 1), 0);
  assert.is(call('write', 1, 'out', 3), 3);
  assert.is(call('write', 2, 'err', 3), 3);
  assert.equal(
    kernel.events.flatMap((event) => (event.type === 'write' ? [[event.pid, event.stream, text(event.bytes)]] : [])),
    [
      [task.pid, 'stdout', 'out'],
      [task.pid, 'stderr', 'err'],
    ],
  );
  for (const fd of [0, 1, 2]) assert.is(call('ioctl', fd, 0x5401, BUFFER), 'ENOTTY');
  task.signals.pending.push({ number: 10, code: 0, pid: 1, address: 0n });
  kernel.fileSystem.stdin.closed = false;
  assert.is(call('read', 0, BUFFER, 1), 'ERESTARTSYS');
});

test('devices', () => {
  const { call, peek } = createFileMachine();
  const open = (name: string): number => call('open', `/dev/${name}`, OpenFlag.readWrite) as number;
  assert.is(call('read', open('null'), BUFFER, 8), 0);
  assert.is(call('write', open('null'), 'abc', 3), 3);
  assert.is(call('write', open('full'), 'abc', 3), 'ENOSPC');
  assert.is(call('read', open('urandom'), BUFFER, 13), 13);
  assert.ok(peek(13).some((byte) => byte !== 0));
  assert.is(call('read', open('zero'), BUFFER, 13), 13);
  assert.ok(peek(13).every((byte) => byte === 0));
  assert.is(call('write', open('stdout'), 'abc', 3), 3);
});

test('struct stat', () => {
  const { kernel, call, peek } = createFileMachine();
  writeFile(kernel, '/tmp/x', new Uint8Array(1000), 0o640);
  const rows: readonly (readonly [string, number, number])[] = [
    ['/tmp/x', 0o100640, 1000],
    ['/tmp', 0o041777, 0],
    ['/dev/null', 0o020666, 0],
    ['/proc/version', 0o100444, 0],
    ['/proc/self/fd/1', 0o010600, 0],
  ];
  for (const [path, mode, size] of rows) {
    assert.is(call('stat', path, BUFFER), 0, path);
    const view = new DataView(peek(144).buffer);
    assert.is(view.getUint32(24, true), mode, path);
    assert.is(Number(view.getBigUint64(48, true)), size, path);
  }
  call('stat', '/dev/null', BUFFER);
  assert.is(new DataView(peek(144).buffer).getBigUint64(40, true), 0x103n);
  call('lstat', '/dev/stdin', BUFFER);
  assert.is(new DataView(peek(144).buffer).getUint32(24, true), 0o120777);
  assert.is(call('newfstatat', 1, '', BUFFER, AtFlag.emptyPath), 0);
  assert.is(call('newfstatat', AT_FDCWD, '', BUFFER, 0), 'ENOENT');
  assert.is(call('newfstatat', 99, 'x', BUFFER, 0), 'EBADF');
  assert.is(call('newfstatat', 1, 'x', BUFFER, 0), 'ENOTDIR');
});

test('getdents64 gives every name once, while names go', () => {
  const machine = createFileMachine();
  const { kernel, call } = machine;
  const expected = Array.from({ length: 100 }, (_, n) => `file-${`${n}`.padStart(3, '0')}`);
  for (const name of expected) writeFile(kernel, `/tmp/${name}`, new Uint8Array(0));
  assert.equal(list(machine, '/tmp', 4096), ['.', '..', ...expected]);
  const removing = (names: string[]): void => names.forEach((name) => void call('unlink', `/tmp/${name}`));
  assert.equal(list(machine, '/tmp', 100, removing), ['.', '..', ...expected]);
  assert.equal(list(machine, '/tmp', 100), ['.', '..']);
  const fd = call('open', '/tmp', 0) as number;
  assert.is(call('getdents64', fd, BUFFER, 10), 'EINVAL');
  assert.is(call('read', fd, BUFFER, 10), 'EISDIR');
  assert.is(call('getdents64', 0, BUFFER, 100), 'ENOTDIR');
});

test('getcwd, chdir and the at calls', () => {
  const { kernel, task, call, peek } = createFileMachine();
  mkdirs(kernel, '/tmp/d/e');
  assert.is(call('chdir', '/tmp/d'), 0);
  assert.is(call('getcwd', BUFFER, 100), 7);
  assert.is(text(peek(7)), '/tmp/d\0');
  assert.is(call('getcwd', BUFFER, 6), 'ERANGE');
  assert.is(absolutePath(kernel, task, 'e/../e'), '/tmp/d/e');
  const directory = call('open', 'e', OpenFlag.directory) as number;
  assert.is(call('mkdirat', directory, 'f', 0o777), 0);
  assert.ok(typeof call('openat', directory, 'g', OpenFlag.create, 0o666) === 'number');
  assert.is(resolve(kernel, '/tmp/d/e/g').inode?.mode, 0o644);
  assert.is(call('renameat', directory, 'g', AT_FDCWD, 'h'), 0);
  assert.is(call('readlinkat', AT_FDCWD, '/proc/self/cwd', BUFFER, 4), 4);
  assert.is(text(peek(4)), '/tmp');
  assert.is(call('unlinkat', AT_FDCWD, 'h', 0), 0);
  assert.is(call('unlinkat', directory, 'f', AtFlag.removeDirectory), 0);
  assert.is(call('fchdir', directory), 0);
  assert.is(call('fchdir', 1), 'ENOTDIR');
});

test('poll', () => {
  const machine = createFileMachine();
  const { kernel, task, call, peek } = machine;
  const { reader, writer } = makePipe(machine);
  const entries = (...rows: readonly (readonly [number, number])[]): Uint8Array =>
    new Uint8Array(Int32Array.from(rows.flat()).buffer);
  const again = (timeout: number) => call('poll', entries([reader, 1], [-1, 1]), 2, timeout);
  const poll = (timeout: number) => {
    task.waitsUntil = undefined;
    return again(timeout);
  };
  assert.is(poll(0), 0);
  assert.equal(poll(-1), { wait: ['pipe:1:read'], deadline: KTIME_MAX });
  assert.equal(poll(5), { wait: ['pipe:1:read'], deadline: 5_000_000n });
  kernel.roundStart = 4_999_999n;
  assert.equal(again(5), { wait: ['pipe:1:read'], deadline: 5_000_000n });
  kernel.roundStart = 5_000_000n;
  assert.is(again(5), 0);
  task.waitsUntil = undefined;
  call('write', writer, 'x', 1);
  assert.is(poll(-1), 1);
  assert.is(call('poll', entries([99, 1], [writer, 4], [reader, 5]), 3, 0), 3);
  const revents = (n: number): number => new DataView(peek(24, 0x10000n).buffer).getUint16(n * 8 + 6, true);
  assert.equal([revents(0), revents(1), revents(2)], [0x20, 4, 1]);
  assert.is(call('poll', BUFFER, 1025, 0), 'EINVAL');
  kernel.fileSystem.stdin.closed = true;
  assert.is(call('poll', entries([0, 1]), 1, -1), 1);
});

test('fcntl and ioctl', () => {
  const { call } = createFileMachine();
  const fd = call('open', '/tmp/x', OpenFlag.create | OpenFlag.readWrite | OpenFlag.closeOnExec, 0o600) as number;
  assert.is(call('fcntl', fd, 3), OpenFlag.readWrite);
  assert.is(call('fcntl', fd, 1), 1);
  assert.is(call('fcntl', fd, 4, OpenFlag.append | OpenFlag.create | 1), 0);
  assert.is(call('fcntl', fd, 3), OpenFlag.readWrite | OpenFlag.append);
  assert.is(call('fcntl', fd, 1030, 20), 20);
  assert.is(call('fcntl', fd, 77), 'EINVAL');
  const neither = call('open', '/tmp/x', OpenFlag.accessMode) as number;
  assert.is(call('read', neither, BUFFER, 1), 'EBADF');
  assert.is(call('write', neither, BUFFER, 1), 'EBADF');
  assert.is(call('ioctl', 20, 0x5450, 0), 0);
  assert.is(call('fcntl', 20, 1), 0);
  assert.is(call('ioctl', fd, 0x5421, Uint8Array.of(1, 0, 0, 0)), 0);
  assert.is(call('fcntl', fd, 3), OpenFlag.readWrite | OpenFlag.append | OpenFlag.nonBlock);
});

test('sendfile', () => {
  const { kernel, call } = createFileMachine();
  writeFile(kernel, '/tmp/x', latin1Bytes('0123456789'));
  const source = call('open', '/tmp/x', 0) as number;
  const target = call('open', '/tmp/y', OpenFlag.create | OpenFlag.writeOnly, 0o600) as number;
  assert.is(call('sendfile', target, source, 0, 4), 4);
  assert.is(call('sendfile', target, source, Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0), 100), 2);
  assert.is(call('lseek', source, 0, 1), 4);
  assert.is(text(readFile(kernel, '/tmp/y')), '012389');
  assert.is(call('sendfile', source, target, 0, 4), 'EBADF');
});

test('no argument brings the host down', () => {
  const interesting = fc.oneof(
    fc.constantFrom(
      0n,
      1n,
      2n,
      3n,
      4n,
      5n,
      0xffff_ffffn,
      (1n << 64n) - 1n,
      (1n << 63n) - 1n,
      1n << 63n,
      BUFFER,
      UNMAPPED,
    ),
    fc.constantFrom('', '/', '.', '/tmp', '/tmp/x', '/proc/self/fd/0', '/dev/zero', '/proc/self/comm', '../..'),
    fc.bigInt({ min: 0n, max: 70000n }),
  );
  const step = fc.record({
    name: fc.constantFrom(...fileSyscalls.map(({ name }) => name)),
    args: fc.array(interesting, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { kernel, call } = createFileMachine();
      for (const { name, args } of steps) {
        const result = call(name, ...args);
        assert.ok(isWait(result) || typeof result === 'string' || Number.isSafeInteger(result), `${name}: ${result}`);
      }
      const referenced = [...kernel.fileTables.values()].flatMap(({ descriptors }) => descriptors);
      for (const file of kernel.openFiles.values()) {
        assert.is(file.references, referenced.filter((descriptor) => descriptor?.file === file.id).length);
      }
    }),
    { numRuns: 300 },
  );
});

test.run();
