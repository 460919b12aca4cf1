/** The client's threads: the tasks, and each processor that has none. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { allThreads, findThread, threadName, threadText, type Thread } from '../gdb/threads.ts';
import type { Debugger } from '../types.ts';
import type { Arguments } from './arguments.ts';
import { need } from './errors.ts';
import { targetOf, type DapSession } from './session.ts';

export { threadOfRest, whereOf, type Thread } from '../gdb/threads.ts';

export const requireThread = ({ box }: Debugger, id: number): Thread =>
  need(findThread(box, id), `there is no thread ${id}`);

/** The pid whose memory user addresses mean: that of the thread that was looked at last. */
export function focusedPid(session: DapSession): number {
  const { debugger: host, thread } = targetOf(session);
  return findThread(host.box, thread)?.task?.pid ?? host.rest.pid;
}

export function threads(session: DapSession, _args: Arguments): DebugProtocol.ThreadsResponse['body'] {
  const { debugger: host } = targetOf(session);
  return {
    threads: allThreads(host).map((thread) => ({
      id: thread.id,
      name: `${threadName(thread)}: ${threadText(thread)}`,
    })),
  };
}
