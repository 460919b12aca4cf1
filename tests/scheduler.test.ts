// Who runs when: a task that wakes does not wait for those who compute, and nobody is kept from his share.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Box, type Process } from '../index.ts';
import { BASE_SLICE } from '../kernel/run-queue.ts';
import type { Task } from '../kernel/task.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';

const RUNS = Number(process.env['RUNS'] ?? (process.env['TEST_TIER'] === 'slow' ? 200 : 5));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const MS = 1_000_000;

const call = (number: number, ...args: readonly (string | number)[]): string => {
  const registers = ['%rdi', '%rsi', '%rdx', '%r10', '%r8', '%r9'];
  const moves = args.map((value, n) => `\tmov ${typeof value === 'string' ? value : `$${value}`}, ${registers[n]}\n`);
  return `${moves.join('')}\tmov $${number}, %eax\n\tsyscall\n`;
};
const [READ, WRITE, PIPE, YIELD, NANOSLEEP, FORK, FUTEX, CLOCK_GETTIME] = [0, 1, 22, 24, 35, 57, 202, 228];

/** for ever, each */
const hog = 'again:\n\tinc %rax\n\tjmp again\n';
const yielder = `again:\n${call(YIELD)}\tjmp again\n`;
const sleeper = (nanoseconds: number): string =>
  `\tmovq $${nanoseconds}, buffer+8\nagain:\n${call(NANOSLEEP, '$buffer', 0)}\tjmp again\n`;
/** Two processes and two pipes; %rbx counts the exchanges in both. */
const pingPong = [
  call(PIPE, '$buffer'),
  call(PIPE, '$buffer+8'),
  '\txor %ebx, %ebx\n',
  call(FORK),
  '\ttest %eax, %eax\n\tjz 2f\n1:\n',
  call(WRITE, '(buffer+4)', '$buffer+64', 1).replace('mov (buffer+4)', 'movslq buffer+4'),
  call(READ, '(buffer+8)', '$buffer+64', 1).replace('mov (buffer+8)', 'movslq buffer+8'),
  '\tinc %rbx\n\tjmp 1b\n2:\n',
  call(READ, '(buffer)', '$buffer+64', 1).replace('mov (buffer)', 'movslq buffer'),
  call(WRITE, '(buffer+12)', '$buffer+64', 1).replace('mov (buffer+12)', 'movslq buffer+12'),
  '\tinc %rbx\n\tjmp 2b\n',
].join('');

async function boot(cpus: number, programs: Readonly<Record<string, string>>): Promise<Box> {
  const box = await Box.boot({ cpus, memory: 16 << 20 });
  for (const [name, source] of Object.entries(programs)) box.files.write(`/${name}`, tinyProgram(source));
  return box;
}

const taskOf = (box: Box, { pid }: Process): Task => box.kernel.tasks.get(pid)!;

/** ns of a CPU, as of now */
function cpuTime({ kernel }: Box, task: Task): number {
  return task.cpuTime + (task.state === 'running' ? Number(kernel.roundStart - task.switchedInAt) : 0);
}

/** How long the naps of `count` times were too long, ns. */
const measure = (naps: number, nanoseconds: number): string => `
	movq $${nanoseconds}, buffer+8
	mov $${naps}, %r15d
1:
${call(CLOCK_GETTIME, 1, '$buffer+32')}${call(NANOSLEEP, '$buffer', 0)}${call(CLOCK_GETTIME, 1, '$buffer+48')}
	mov buffer+48, %rax
	sub buffer+32, %rax
	imul $1000000000, %rax
	add buffer+56, %rax
	sub buffer+40, %rax
	sub buffer+8, %rax
	mov %rax, buffer+64
${call(WRITE, 1, '$buffer+64', 8)}
	dec %r15d
	jnz 1b
${exit(0)}`;

test('who wakes waits no longer than a moment for those who compute', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 5 }),
    fc.integer({ min: 1, max: 2 * MS }),
    async (cpus, hogs, nanoseconds) => {
      const box = await boot(cpus, { hog, nap: measure(8, nanoseconds) });
      for (let n = 0; n < hogs; n++) box.spawn('/hog');
      box.run({ time: 5 * MS });
      const nap = box.spawn('/nap');
      const { reason, stdout } = box.run({ until: nap, budget: 1_000_000_000 });
      assert.is(reason, 'exited');
      const late = [...new BigInt64Array(stdout.bytes.slice().buffer)].map(Number);
      assert.is(late.length, 8);
      // no time has been used: its first turn is as good as the others'
      for (const ns of late) assert.ok(ns >= 0 && ns < MS, `${late.join(' ')}`);
      const mean = late.reduce((sum, ns) => sum + ns, 0) / late.length;
      assert.ok(mean < 100_000, `${mean} ns`);
    },
  );
  await fc.assert(property, { numRuns: RUNS, ...seed });
});

test('who computes gets an equal share, whatever the others do', async () => {
  const kinds = { hog, yielder, sleeper: sleeper(10_000), pingPong };
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 4 }),
    fc.array(fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[])), { maxLength: 4 }),
    async (cpus, hogs, others) => {
      const box = await boot(cpus, kinds);
      const computing = Array.from({ length: hogs }, () => taskOf(box, box.spawn('/hog')));
      for (const name of others) box.spawn(`/${name}`);
      box.run({ time: 20 * MS });
      const tasks = [...box.kernel.tasks.values()].filter(({ pid }) => pid < 1000);
      const times = computing.map((task) => cpuTime(box, task));
      const share = Math.min(1, cpus / tasks.length) * 20 * MS;
      const what = `${times.join(' ')} ns of ${share}`;
      for (const time of times) assert.ok(time >= share * 0.9 - 2 * BASE_SLICE, what);
      assert.ok(Math.max(...times) - Math.min(...times) <= 3 * BASE_SLICE, what);
      // nobody starves
      for (const task of tasks) assert.ok(cpuTime(box, task) > 0, `${task.comm} ${task.state}`);
    },
  );
  await fc.assert(property, { numRuns: RUNS, ...seed });
});

test('two processes that wait for each other exchange a byte in microseconds beside one that computes', async () => {
  const box = await boot(1, { hog, pingPong });
  const hogs = [taskOf(box, box.spawn('/hog'))];
  const pair = taskOf(box, box.spawn('/pingPong'));
  box.run({ time: 20 * MS });
  // some 500 instructions an exchange, in two thirds of 20 ms
  const exchanges = Number(pair.state === 'running' ? box.registers(0).rbx : pair.context[3]!);
  assert.ok(exchanges > 10_000, `${exchanges}`);
  for (const task of hogs) assert.ok(cpuTime(box, task) > 5 * MS, `${cpuTime(box, task)}`);
});

test('threads that hand a futex to each other do not wait for a third one', async () => {
  // a process that wakes its child, which shares the page, and waits for it: FUTEX_WAKE, then FUTEX_WAIT
  const clone = call(56, 0x100 | 0x200 | 0x400 | 0x800 | 0x10000, '$buffer+4000', 0, 0, 0);
  const turn = (mine: number, other: number): string => `
	movl $1, buffer+${other}
${call(FUTEX, `$buffer+${other}`, 1, 1)}
1:	cmpl $0, buffer+${mine}
	jne 2f
${call(FUTEX, `$buffer+${mine}`, 0, 0, 0)}
	jmp 1b
2:	movl $0, buffer+${mine}
	inc %rbx
`;
  const futexes = `\txor %ebx, %ebx\n${clone}\ttest %eax, %eax\n\tjz child\nparent:\n${turn(0, 4)}\tjmp parent\nchild:\n${turn(4, 0)}\tjmp child\n`;
  const box = await boot(1, { hog, futexes });
  box.spawn('/hog');
  const parent = taskOf(box, box.spawn('/futexes'));
  box.run({ time: 20 * MS });
  const exchanges = Number(parent.state === 'running' ? box.registers(0).rbx : parent.context[3]!);
  assert.ok(exchanges > 10_000, `${exchanges}`);
});

test.run();
