/**
 * vFile packets: gdb reads the files of the target from here, the kernel's ELF file, those of what is loaded, and the guest's own.
 * Only reading; the replies are those of gdb's File-I/O.
 */
import type { Box } from '../../box/box.ts';
import { fitting, PACKET_SIZE } from './packets.ts';
import { fromLatin1, hexInteger, joinBytes, textOfHex } from './text.ts';

/** where the kernel's is */
export const KERNEL_PATH = '/boot/vmlinux';

/** errno values of gdb's File-I/O */
const FileErrno = { ENOENT: 2, EBADF: 9, EACCES: 13, EINVAL: 22, ENFILE: 23 } as const;
/** O_ACCMODE, O_APPEND, O_CREAT, O_TRUNC of gdb's File-I/O */
const WRITING = 0x3 | 0x8 | 0x200 | 0x400;
const MOST_OPEN = 64;
/** bytes around the data of a reply to pread */
const REPLY_FRAME = 32;
const S_IFREG_READABLE = 0o100444;

export interface FileServer {
  /** What follows `vFile:`; undefined for an operation that there is not. */
  answer(operation: string): Uint8Array | undefined;
  /** Closes what is open. */
  clear(): void;
}

const failure = (errno: number): Uint8Array => fromLatin1(`F-1,${errno.toString(16)}`);
const success = (result: number): Uint8Array => fromLatin1(`F${result.toString(16)}`);
const withData = (length: number, data: Uint8Array): Uint8Array =>
  joinBytes(fromLatin1(`F${length.toString(16)};`), data);

/** struct stat of gdb's File-I/O, big-endian: 64 bytes. */
function statBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, S_IFREG_READABLE);
  view.setUint32(12, 1); // links
  view.setBigUint64(28, BigInt(size));
  view.setBigUint64(36, 4096n);
  view.setBigUint64(44, BigInt(Math.ceil(size / 512)));
  return bytes;
}

/** `special`: bytes of the files that are not the guest's own, by path. */
export function createFileServer(box: Box, special: (path: string) => Uint8Array | undefined): FileServer {
  const open = new Map<number, Uint8Array>();
  const fileOf = (text: string | undefined): Uint8Array | undefined => open.get(hexInteger(text) ?? -1);

  const operations: Readonly<Record<string, (args: readonly string[]) => Uint8Array>> = {
    // one file system for all processes
    setfs: () => success(0),
    open([name, flags]) {
      const path = textOfHex(name ?? '');
      const wanted = hexInteger(flags);
      if (path === undefined || wanted === undefined) return failure(FileErrno.EINVAL);
      if ((wanted & WRITING) !== 0) return failure(FileErrno.EACCES);
      if (open.size >= MOST_OPEN) return failure(FileErrno.ENFILE);
      const bytes = path.includes('\0') ? undefined : (special(path) ?? box.files.read(path));
      if (bytes === undefined) return failure(FileErrno.ENOENT);
      let descriptor = 3;
      while (open.has(descriptor)) descriptor++;
      open.set(descriptor, bytes);
      return success(descriptor);
    },
    pread([descriptor, count, offset]) {
      const bytes = fileOf(descriptor);
      const [length, start] = [hexInteger(count), hexInteger(offset)];
      if (bytes === undefined) return failure(FileErrno.EBADF);
      if (length === undefined || start === undefined) return failure(FileErrno.EINVAL);
      const wanted = bytes.subarray(start, start + Math.min(length, PACKET_SIZE));
      const data = wanted.subarray(0, fitting(wanted, PACKET_SIZE - REPLY_FRAME));
      return withData(data.length, data);
    },
    fstat([descriptor]) {
      const bytes = fileOf(descriptor);
      return bytes === undefined ? failure(FileErrno.EBADF) : withData(64, statBytes(bytes.length));
    },
    close([descriptor]) {
      return open.delete(hexInteger(descriptor) ?? -1) ? success(0) : failure(FileErrno.EBADF);
    },
    // there is no link among them
    readlink: () => failure(FileErrno.EINVAL),
    pwrite: () => failure(FileErrno.EACCES),
    unlink: () => failure(FileErrno.EACCES),
  };

  return {
    answer(operation) {
      const [name = '', ...rest] = operation.split(':');
      if (!Object.hasOwn(operations, name)) return undefined;
      return operations[name]!(rest.join(':').split(','));
    },
    clear: () => open.clear(),
  };
}
