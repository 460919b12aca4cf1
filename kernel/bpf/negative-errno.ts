import { Errno } from '../errno.ts';

/** 0 when `body` completes, -errno when it fails with an `Errno`: what helpers return. */
export function negativeErrno(body: () => void): number {
  try {
    body();
    return 0;
  } catch (error) {
    if (error instanceof Errno) return -error.number;
    throw error;
  }
}
