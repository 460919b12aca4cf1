/** Tasks for programs: who is current, and references to the task_struct of another. */
import { errno } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { task_struct } from '../layout/structures.ts';
import { kfree } from '../mm/heap.ts';
import { writeKernelU32 } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { printk } from '../printk.ts';
import type { HelperRow } from './helper.ts';

const USERS = BigInt(task_struct.fields.rcu_users.offset);

/** rcu_users as people see it: programs' references, and one for the task itself while it exists. */
function publish(kernel: Kernel, address: bigint): void {
  const held = kernel.bpf.taskReferences.get(address);
  if (held !== undefined) writeKernelU32(kernel, address + USERS, held.count + (held.gone ? 0 : 1));
}

/** put_task_struct of a task that has been reaped: its memory stays while a program holds it. */
export function releaseTaskStruct(kernel: Kernel, address: bigint): void {
  const held = kernel.bpf.taskReferences.get(address);
  if (held === undefined) {
    kfree(kernel, address);
    return;
  }
  held.gone = true;
  publish(kernel, address);
}

const bpf_task_from_pid: NativeFunction = (kernel, { registers: { rdi } }) => {
  const task = kernel.tasks.get(Number(BigInt.asIntN(32, rdi)));
  if (task === undefined) return 0n;
  const { taskReferences } = kernel.bpf;
  const held = taskReferences.get(task.address) ?? { count: 0, gone: false };
  held.count++;
  taskReferences.set(task.address, held);
  publish(kernel, task.address);
  return task.address;
};

const bpf_task_release: NativeFunction = (kernel, cpu) => {
  const { rdi } = cpu.registers;
  const { taskReferences } = kernel.bpf;
  const held = taskReferences.get(rdi);
  if (held === undefined) {
    printk(kernel, cpu, `refcount_t: underflow; use-after-free: no program holds a task at 0x${rdi.toString(16)}`);
    return undefined;
  }
  held.count--;
  publish(kernel, rdi);
  if (held.count > 0) return undefined;
  taskReferences.delete(rdi);
  if (held.gone) kfree(kernel, rdi);
  return undefined;
};

const bpf_get_current_pid_tgid: NativeFunction = (kernel, cpu) => {
  const task = kernel.tasks.get(kernel.perCpu[cpu.index]!.current);
  return task === undefined ? -errno.EINVAL : (BigInt(task.tgid) << 32n) | BigInt(task.pid);
};

export const taskHelpers: readonly HelperRow[] = [
  {
    name: 'bpf_task_from_pid',
    prototype: 'struct task_struct *bpf_task_from_pid(s32 pid)',
    support: 'full',
    note: '',
    native: bpf_task_from_pid,
  },
  {
    name: 'bpf_task_release',
    prototype: 'void bpf_task_release(struct task_struct *p)',
    support: 'full',
    note: 'a pointer that no program holds is ignored, with a line in the log',
    native: bpf_task_release,
  },
  {
    name: 'bpf_get_current_pid_tgid',
    prototype: 'u64 bpf_get_current_pid_tgid(void)',
    support: 'full',
    note: '',
    native: bpf_get_current_pid_tgid,
  },
];
