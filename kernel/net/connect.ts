/** The second half of connect(2): the SYN is on its way. */
import { errno, Errno } from '../errno.ts';
import { openFileAt } from '../fs/files.ts';
import type { NativeFunction } from '../native.ts';
import { isNonBlocking, TimeoutOption, waitOnSocket } from './socket-file.ts';

/**
 * inet_wait_for_connect. rax: what the first half gave; -EINPROGRESS is waited for unless the descriptor says not to.
 */
export const waitForConnect: NativeFunction = (kernel, cpu) => {
  if (BigInt.asIntN(32, cpu.registers.rax) !== BigInt(-errno.EINPROGRESS)) return undefined;
  const task = kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
  const descriptor = task?.syscall?.args[0];
  const file = task === undefined || descriptor === undefined ? undefined : openFileAt(kernel, task, descriptor);
  const socket = file?.kind === 'socket' ? kernel.net.sockets.get(file.object) : undefined;
  if (task === undefined || file === undefined || socket?.tcp === undefined) return -errno.EBADF;
  const { state } = socket.tcp;
  if (state === 'CLOSE') {
    const { error } = socket;
    socket.error = 0;
    return error === 0 ? -errno.ECONNABORTED : -error;
  }
  if (state !== 'SYN_SENT' && state !== 'SYN_RECV') return 0;
  try {
    return waitOnSocket(kernel, task, socket, isNonBlocking(file), TimeoutOption.send, 'EINPROGRESS');
  } catch (error) {
    if (error instanceof Errno) return -error.number;
    throw error;
  }
};
