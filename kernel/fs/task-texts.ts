/** The texts of /proc/<pid>, as Documentation/filesystems/proc.rst describes them. */
import type { Kernel } from '../kernel.ts';
import { areasOf } from '../mm/areas.ts';
import type { Vma } from '../mm/types.ts';
import { visibleParent, type Task, type TaskState } from '../task.ts';
import { threadGroup } from '../thread-groups.ts';
import { guestText } from './bytes.ts';

const stateLetters: Readonly<Record<TaskState, string>> = {
  running: 'R (running)',
  runnable: 'R (running)',
  sleeping: 'S (sleeping)',
  stopped: 'T (stopped)',
  zombie: 'Z (zombie)',
};

function virtualSize(kernel: Kernel, task: Task): number {
  return areasOf(kernel, task).reduce((sum, { start, end }) => sum + Number(end - start), 0);
}

const threadsOf = (kernel: Kernel, task: Task): number => threadGroup(kernel, task).length;

/** Clock ticks of 10 ms, USER_HZ. */
const ticks = (nanoseconds: number): number => Math.floor(nanoseconds / 1e7);

/** /proc/<pid>/stat: 52 fields, those that mean nothing here 0. */
export function statText(kernel: Kernel, task: Task): string {
  const fields = Array.from({ length: 52 }, () => '0');
  const known: readonly (readonly [field: number, value: number | string])[] = [
    [1, task.pid],
    [2, `(${guestText(task.comm)})`],
    [3, stateLetters[task.state][0]!],
    [4, visibleParent(task)],
    [5, task.processGroup],
    [6, task.session],
    [14, ticks(task.cpuTime)],
    [18, 20],
    [20, threadsOf(kernel, task)],
    [23, virtualSize(kernel, task)],
    [25, '18446744073709551615'],
    [38, 17],
    [52, task.exitStatus],
  ];
  for (const [field, value] of known) fields[field - 1] = `${value}`;
  return `${fields.join(' ')}\n`;
}

const mask = (bits: bigint): string => BigInt.asUintN(64, bits).toString(16).padStart(16, '0');

export function statusText(kernel: Kernel, task: Task): string {
  const { signals } = task;
  const bitsOf = (list: readonly { readonly number: number }[]): bigint =>
    list.reduce((bits, { number }) => bits | (1n << BigInt((number - 1) & 63)), 0n);
  let ignored = 0n;
  let caught = 0n;
  for (const [number, { handler }] of signals.actions) {
    const bit = 1n << BigInt((number - 1) & 63);
    if (handler === 1n) ignored |= bit;
    else if (handler !== 0n) caught |= bit;
  }
  const rows: readonly (readonly [string, string | number])[] = [
    ['Name', guestText(task.comm)],
    ['Umask', `0${task.umask.toString(8).padStart(3, '0')}`],
    ['State', stateLetters[task.state]],
    ['Tgid', task.tgid],
    ['Ngid', 0],
    ['Pid', task.pid],
    ['PPid', visibleParent(task)],
    ['TracerPid', 0],
    ['Uid', '0\t0\t0\t0'],
    ['Gid', '0\t0\t0\t0'],
    ['FDSize', kernel.fileTables.get(task.fileTable)?.descriptors.length ?? 0],
    ['VmSize', `${String(virtualSize(kernel, task) / 1024).padStart(8)} kB`],
    ['Threads', threadsOf(kernel, task)],
    ['SigPnd', mask(bitsOf(signals.pending))],
    ['ShdPnd', mask(bitsOf(signals.shared))],
    ['SigBlk', mask(signals.blocked)],
    ['SigIgn', mask(ignored)],
    ['SigCgt', mask(caught)],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

/** Column of the name in /proc/<pid>/maps: 25 + 6 * sizeof(void *) - 1, and a space. */
const NAME_COLUMN = 73;

function areaLine({ start, end, protection, flags, file, name }: Vma): string {
  const hex = (address: bigint): string => address.toString(16).padStart(8, '0');
  const letters = [...'rwx'].map((letter, bit) => ((protection >> bit) & 1 ? letter : '-')).join('');
  const offset = (file?.offset ?? 0).toString(16).padStart(8, '0');
  const device = file === undefined ? '00:00' : '00:01';
  const line = `${hex(start)}-${hex(end)} ${letters}${flags & 1 ? 's' : 'p'} ${offset} ${device} ${file?.inode ?? 0} `;
  return `${name === '' ? line : line.padEnd(NAME_COLUMN) + name}\n`;
}

export function mapsText(kernel: Kernel, task: Task): string {
  return areasOf(kernel, task).map(areaLine).join('');
}
