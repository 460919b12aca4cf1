/**
 * What history costs, and how soon one is back: in error_injector, and in a run of 100 million instructions of a program that
 * writes all over four MiB. Prints times of the host, by engine.
 *
 *     tsx bench/history.ts [--instructions N] [--steps N]
 */
import { parseArgs } from 'node:util';
import { Box, engineNames, type BoxOptions, type EngineName } from '../index.ts';
import { takeSnapshot } from '../box/snapshot.ts';
import { tinyProgram } from '../tests/support/tiny-program.ts';
import { bootSample } from '../tests/support/samples.ts';
import { describeHost } from './host-command.ts';
import { median } from './statistics.ts';
import { formatTable } from './table.ts';

const { values } = parseArgs({
  options: { instructions: { type: 'string', default: '100000000' }, steps: { type: 'string', default: '40' } },
});
const long = Number(values.instructions);
const steps = Number(values.steps);
const MIB = 1 << 20;

/** xorshift over an area of mmap(2) */
const writer = tinyProgram(`
	mov $9, %eax
	xor %edi, %edi
	mov $0x400000, %esi
	mov $3, %edx
	mov $0x22, %r10d
	mov $-1, %r8
	xor %r9d, %r9d
	syscall
	mov %rax, %rbx
	mov $88172645463325252, %rax
again:
	mov %rax, %rcx
	shl $13, %rcx
	xor %rcx, %rax
	mov %rax, %rcx
	shr $7, %rcx
	xor %rcx, %rax
	mov %rax, %rcx
	shl $17, %rcx
	xor %rcx, %rax
	mov %eax, %edx
	and $0x3ffff8, %edx
	add %rax, (%rbx,%rdx)
	jmp again
`);

function time(action: () => unknown): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}

const milliseconds = (value: number): string => value.toFixed(1);
const spread = (times: readonly number[]): string[] => [
  milliseconds(median(times)),
  milliseconds(times.toSorted((left, right) => left - right)[Math.floor(times.length * 0.95)]!),
  milliseconds(Math.max(...times)),
];

/** Points all over the past, in no order. */
const points = (last: number): number[] =>
  Array.from({ length: steps }, (_, n) => 1 + Math.floor((last - 2) * ((n * 0.618) % 1)));

interface Subject {
  readonly name: string;
  boot(options: BoxOptions): Promise<{ readonly box: Box; readonly run: () => unknown }>;
}

const subjects: readonly Subject[] = [
  {
    name: 'error_injector',
    async boot(options) {
      const { box, process } = await bootSample('error_injector', [], options);
      return { box, run: () => box.run({ until: process }) };
    },
  },
  {
    name: `${(long / 1e6).toFixed(0)} M instructions`,
    async boot(options) {
      const box = await Box.boot(options);
      box.files.write('/writer', writer);
      box.spawn('/writer');
      return { box, run: () => box.run({ budget: long }) };
    },
  },
];

async function measure(subject: Subject, engine: EngineName): Promise<string[]> {
  const plain = await subject.boot({ engine });
  const without = time(plain.run);
  const { box, run } = await subject.boot({ engine, history: true });
  const withHistory = time(run);
  const { last, marks, bytes } = box.history!;
  const marking = Array.from({ length: 20 }, () => {
    box.step(500);
    return time(() => takeSnapshot(box.kernel));
  });
  const jumps = points(last).map((point) => time(() => box.goTo(point)));
  // one back at points all over, and then one more
  const first: number[] = [];
  const second: number[] = [];
  for (const point of points(last)) {
    box.goTo(point);
    first.push(time(() => box.stepBack()));
    second.push(time(() => box.stepBack()));
  }
  return [
    subject.name,
    engine,
    (without / 1000).toFixed(2),
    (withHistory / 1000).toFixed(2),
    String(marks),
    (bytes / MIB / marks).toFixed(2),
    milliseconds(median(marking)),
    ...spread(jumps),
    ...spread([...first, ...second]),
  ];
}

const HEAD = [
  '',
  'engine',
  'run s',
  'with s',
  'marks',
  'MiB each',
  'mark ms',
  'goTo ms',
  '95 %',
  'most',
  'stepBack ms',
  '95 %',
  'most',
];

console.log(describeHost());
const rows: string[][] = [];
for (const subject of subjects) {
  for (const engine of engineNames) {
    // both engines, one after the other: not for speed
    if (engine === 'both') continue;
    // one at a time is the point
    // oxlint-disable-next-line no-await-in-loop
    rows.push(await measure(subject, engine));
  }
}
console.log(formatTable([HEAD, ...rows]));
