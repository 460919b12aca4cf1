/** The bodies behind net_64.S that belong to no single protocol; what makes no sense is an oops. */
import { programAt } from '../bpf/programs.ts';
import { Errno } from '../errno.ts';
import { now } from '../kernel.ts';
import { constants } from '../layout/constants.ts';
import { YIELD, type NativeFunction } from '../native.ts';
import { deliver } from './input.ts';
import { frameBytes, frameOf, freeSkb, skbAt } from './skb.ts';
import { waitForConnect } from './connect.ts';
import { ksoftirqdChannel, pending, SOFTIRQ_BUDGET, updatePending, wakeKsoftirqd } from './softnet.ts';
import { tcNatives } from './tc.ts';
import { nextTimer, runTimers } from './timers.ts';
import { transmit } from './transmit.ts';
import { xdpNatives } from './xdp.ts';

const softirq_enter: NativeFunction = (kernel, cpu) => {
  kernel.net.softnet[cpu.index]!.handled = 0;
  return undefined;
};

/** rax <- NET_TX_SOFTIRQ, NET_RX_SOFTIRQ or 0; rdx <- the packet. */
const softirq_next: NativeFunction = (kernel, cpu) => {
  const softnet = kernel.net.softnet[cpu.index]!;
  if (softnet.handled >= SOFTIRQ_BUDGET && pending(softnet)) {
    wakeKsoftirqd(kernel, cpu.index);
    return 0n;
  }
  const output = softnet.clones.shift() ?? softnet.output.shift();
  const address = output ?? softnet.backlog.shift();
  updatePending(kernel, cpu.index);
  if (address === undefined) return 0n;
  softnet.handled++;
  cpu.registers.rdx = address;
  return BigInt(output === undefined ? constants.NET_RX_SOFTIRQ : constants.NET_TX_SOFTIRQ);
};

/** rdi: the packet whose program has ended. rax <- the first clone it has sent that is still here, or 0. */
const bpf_next_clone: NativeFunction = (kernel, cpu) => {
  const parent = kernel.net.skbs.get(cpu.registers.rdi);
  const { clones } = kernel.net.softnet[cpu.index]!;
  // the packet's own siblings wait until it has gone
  const at = clones.findIndex((address) => (kernel.net.skbs.get(address)?.generation ?? 0) > (parent?.generation ?? 0));
  const [address = 0n] = at < 0 ? [] : clones.splice(at, 1);
  updatePending(kernel, cpu.index);
  return address;
};

/** Sleeps until this CPU has packets; the first CPU's also runs the timers. */
const ksoftirqd_should_run: NativeFunction = (kernel, cpu) => {
  if (kernel.net.ksoftirqd.get(cpu.index) !== kernel.perCpu[cpu.index]!.current) return undefined;
  if (cpu.index === 0) runTimers(kernel, now(kernel, cpu));
  if (pending(kernel.net.softnet[cpu.index]!)) return undefined;
  const wait = [ksoftirqdChannel(cpu.index)];
  const deadline = cpu.index === 0 ? nextTimer(kernel) : undefined;
  return deadline === undefined ? { wait } : { wait, deadline };
};

/** Lets others run when the budget was not enough. */
const cond_resched: NativeFunction = (kernel, cpu) => {
  const again = kernel.runQueue.length > 0 && pending(kernel.net.softnet[cpu.index]!);
  return again && kernel.perCpu[cpu.index]!.current !== 0 ? { ...YIELD, result: 0n } : undefined;
};

const dev_hard_start_xmit: NativeFunction = (kernel, cpu) => {
  const skb = skbAt(kernel, cpu, cpu.registers.rdi);
  if (skb !== undefined) transmit(kernel, cpu, skb);
  return undefined;
};

/** The protocol takes the packet's bytes; the packet is freed. */
const deliver_skb: NativeFunction = (kernel, cpu) => {
  const skb = skbAt(kernel, cpu, cpu.registers.rdi);
  const device = skb && kernel.net.devices.get(skb.device);
  if (skb === undefined || device === undefined) return undefined;
  const trusted = frameOf(kernel, skb)?.trusted ?? false;
  const bytes = frameBytes(kernel, cpu, skb);
  freeSkb(kernel, skb);
  if (bytes === undefined) return undefined;
  try {
    if (!deliver(kernel, device, bytes, trusted)) device.statistics.rxDropped++;
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    device.statistics.rxDropped++;
  }
  return undefined;
};

const bpf_prog_inc_runs: NativeFunction = (kernel, cpu) => {
  const program = programAt(kernel, cpu.registers.rdi);
  if (program !== undefined) program.runs++;
  return undefined;
};

const bpf_prog_inc_missed: NativeFunction = (kernel, cpu) => {
  const program = programAt(kernel, cpu.registers.rdi);
  if (program !== undefined) program.misses++;
  return undefined;
};

export const netNatives: Record<string, NativeFunction> = {
  softirq_enter,
  softirq_next,
  ksoftirqd_should_run,
  cond_resched,
  dev_hard_start_xmit,
  deliver_skb,
  bpf_next_clone,
  bpf_prog_inc_runs,
  bpf_prog_inc_missed,
  inet_wait_for_connect: waitForConnect,
  ...xdpNatives,
  ...tcNatives,
};
