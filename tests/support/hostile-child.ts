/**
 * Calls every native function with hostile arguments: `SEED RUNS [NAME]`. Each call is announced before it is made, so that
 * whoever waits knows which one it was that did not end.
 */
import { writeSync } from 'node:fs';
import { isFault } from '../../cpu/fault.ts';
import { restoreSnapshot, takeSnapshot } from '../../box/snapshot.ts';
import { createHost } from '../../kernel/host.ts';
import { nativeNames } from '../../kernel/natives.ts';
import { syscallTable } from '../../kernel/syscalls/index.ts';
import { seeded } from '../random-instructions.ts';
import { createHostileMachine, hostileArgument, MEMORY } from './hostile-machine.ts';

/** ms that one call may take, however busy this machine is: what it does is bounded by the memory of the box */
const PATIENCE = 5000;
/** bytes of the host's that one call may take */
const MOST = 2 * MEMORY + 300e6;
/** calls until the machine is as at the beginning again */
const TOGETHER = 32;

const [seed = '1', runs = '5', only] = process.argv.slice(2);
const machine = await createHostileMachine();
const { kernel, pid } = machine;
const cpu = kernel.cpus[0]!;
const host = createHost(kernel);
const fresh = takeSnapshot(kernel);
const rows = new Map(syscallTable.map((row) => [`__x64_sys_${row.name}`, row]));
/** gpr 0 to 15 of rdi, rsi, rdx, rcx and r10, r8, r9: system calls and C functions */
const places = [[7], [6], [2], [1, 10], [8], [9]];

let calls = 0;
for (const [id, name] of nativeNames.entries()) {
  if (only !== undefined && name !== only) continue;
  const row = rows.get(name);
  for (let run = 0; run < Number(runs); run++) {
    const draw = seeded(Number(seed) + run * 1000 + id);
    const choose = <T>(list: readonly T[]): T => list[draw(list.length)]!;
    const args = places.map((_, n) => hostileArgument(machine, row?.parameters[n], choose));
    if (row?.name === 'bpf') args[2] = 128n;
    const task = kernel.tasks.get(pid)!;
    kernel.perCpu[0]!.current = pid;
    task.state = 'running';
    task.waitsUntil = undefined;
    task.syscall = { number: row?.number ?? 0, args, overridden: false, texts: [] };
    places.forEach((registers, n) => registers.forEach((register) => (cpu.slots[register] = args[n]!)));
    writeSync(1, `${name} ${args.map((value) => `0x${value.toString(16)}`).join(' ')}\n`);
    const [time, memory] = [performance.now(), process.memoryUsage()];
    try {
      host.native(cpu, id);
    } catch (error) {
      if (!isFault(error)) throw error;
    }
    const spent = performance.now() - time;
    if (spent > PATIENCE) throw new Error(`${name}: ${Math.round(spent)} ms`);
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.external - memory.heapUsed - memory.external;
    if (grown > MOST) throw new Error(`${name}: ${grown} bytes`);
    kernel.events.length = 0;
    const alive = kernel.dead === undefined && kernel.tasks.get(pid)?.state === 'running';
    if (!alive || ++calls % TOGETHER === 0) restoreSnapshot(kernel, fresh);
  }
}
writeSync(1, 'done\n');
