/** TCP's timers, which ksoftirqd/0 runs. */
import type { Kernel } from '../kernel.ts';
import { setDeadline } from '../sleepers.ts';
import { endWithSlice } from '../turn.ts';
import { wakeKsoftirqd } from './softnet.ts';
import { tcpTimeout } from './tcp-timer.ts';

/** The earliest deadline, ns of guest time. */
export function nextTimer(kernel: Kernel): bigint | undefined {
  let earliest: bigint | undefined;
  for (const { tcp } of kernel.net.sockets.values()) {
    const deadline = tcp?.deadline;
    if (deadline !== undefined && (earliest === undefined || deadline < earliest)) earliest = deadline;
  }
  return earliest;
}

export function runTimers(kernel: Kernel, time: bigint): void {
  for (const socket of kernel.net.sockets.values()) {
    const { tcp } = socket;
    if (tcp?.deadline === undefined || tcp.deadline > time) continue;
    tcp.deadline = undefined;
    tcpTimeout(kernel, socket, tcp);
  }
}

/** A deadline was set: ksoftirqd/0 must not sleep longer. */
export function timerSet(kernel: Kernel, deadline: bigint): void {
  const task = kernel.tasks.get(kernel.net.ksoftirqd.get(0) ?? -1);
  if (task === undefined) wakeKsoftirqd(kernel, 0);
  else if (task.state === 'sleeping' && (task.deadline === undefined || task.deadline > deadline)) {
    setDeadline(kernel, task, deadline);
    endWithSlice(kernel);
  }
}
