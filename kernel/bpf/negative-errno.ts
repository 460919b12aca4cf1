import { Errno } from '../errno.ts';

/** What `body` gives, 0 for nothing, or -errno when it fails with an `Errno`: what helpers return. */
export function negativeErrno(body: () => number | void): number {
  try {
    return body() ?? 0;
  } catch (error) {
    if (error instanceof Errno) return -error.number;
    throw error;
  }
}
