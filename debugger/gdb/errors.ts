/** What a packet is answered with when it cannot be done: an errno, and words for a gdb that reads them. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EBADF: 9,
  EFAULT: 14,
  EBUSY: 16,
  EINVAL: 22,
  EMFILE: 24,
} as const;

export class PacketError extends Error {
  override readonly name = 'PacketError';
  /** of Linux */
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

/** `value` unless it is undefined. @throws {PacketError} EINVAL: the packet is not formed as it should be */
export function need<Value>(value: Value | undefined, what: string): Value {
  if (value !== undefined) return value;
  throw new PacketError(Errno.EINVAL, `got no ${what} in the packet, or a malformed one`);
}
