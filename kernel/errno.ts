/** include/uapi/asm-generic/errno*.h, and the kernel-internal ones that leak or steer restarts. */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  ENOTBLK: 15,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  EDOM: 33,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EBADFD: 77,
  EILSEQ: 84,
  ENOTSOCK: 88,
  EDESTADDRREQ: 89,
  EMSGSIZE: 90,
  EPROTOTYPE: 91,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  ESOCKTNOSUPPORT: 94,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  EISCONN: 106,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EALREADY: 114,
  EINPROGRESS: 115,
  ENOTSUPP: 524,
  /** a signal came: restart unless a handler without SA_RESTART runs; never reaches user space */
  ERESTARTSYS: 512,
} as const;

export type ErrnoName = keyof typeof errno;

const names = new Map(Object.entries(errno).map(([name, number]) => [number, name as ErrnoName]));

/** `EINVAL` for 22; undefined for what is no errno. */
export function errnoName(number: number): ErrnoName | undefined {
  return names.get(number as 22);
}

/** How a system call or a check inside one fails: caught by the dispatcher, which returns -errno to the guest. */
export class Errno extends Error {
  override readonly name = 'Errno';
  readonly code: ErrnoName;

  constructor(code: ErrnoName) {
    // a failing system call is nothing exceptional, and most of its cost would be the trace of the host's stack
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(code);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
  }

  get number(): number {
    return errno[this.code];
  }
}

/** Fails the current system call with `code`. */
export function fail(code: ErrnoName): never {
  throw new Errno(code);
}
