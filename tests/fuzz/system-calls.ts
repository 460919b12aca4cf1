/** Programs that make random system calls, in several tasks: calls that fail, and structures that make no sense, are most of it. */
import { Box, type EngineName } from '../../index.ts';
import { syscallTable } from '../../kernel/syscalls/index.ts';
import type { ParameterKind, SyscallRow } from '../../kernel/syscalls/types.ts';
import { programFile } from '../support/subjects.ts';
import { readRepositoryFile } from '../support/user-machine.ts';
import { tinyProgram } from '../support/tiny-program.ts';
import type { Random } from '../random-instructions.ts';
import type { Fuzzer } from './fuzzer.ts';
import { anyFlags, anyNumber, anyU64, between, oneIn, pick } from './random.ts';
import { runBox } from './run-box.ts';
import { openers, recipes, type Find } from './system-call-recipes.ts';
import {
  addressOf,
  anyData,
  anyPointer,
  DATA,
  pathAddress,
  paths,
  RESULTS,
  structureAddress,
} from './system-call-data.ts';

const BUDGET = 150_000;
const MOST_CALLS = 40;

/** A number, or the result of the call `n` of this program, which may be an address or a descriptor. */
type Argument = { readonly value: bigint } | { readonly result: number; readonly offset: bigint };

interface Call {
  readonly number: bigint;
  readonly name: string;
  readonly args: readonly Argument[];
}

interface Program {
  readonly calls: readonly Call[];
  /** how often all of the calls are made; 0: for ever */
  readonly rounds: number;
}

export interface SystemCalls {
  readonly programs: readonly Program[];
  readonly data: Uint8Array;
  /** what the structures in it are */
  readonly structures: readonly string[];
  readonly cpus: number;
  readonly schedule: number | undefined;
  readonly engine: EngineName;
  /** run in the other engine too, and saved and loaded */
  readonly twice: boolean;
}

const small = (random: Random): bigint => BigInt(random(14));
const descriptor = (random: Random): bigint => {
  const kind = random(12);
  return kind === 0 ? BigInt.asUintN(64, -100n) : kind === 1 ? BigInt.asUintN(64, -1n) : small(random);
};
const path = (random: Random): bigint => (oneIn(random, 8) ? anyPointer(random) : pathAddress(random(paths.length)));
const length = (random: Random): bigint =>
  oneIn(random, 3) ? anyNumber(random) : pick(random, [0n, 1n, 4n, 8n, 16n, 24n, 72n, 128n, 256n, 4096n, 8192n]);

const ioctls = [
  0x5401, 0x5413, 0x541b, 0x5421, 0x5450, 0x8912, 0x8913, 0x8927, 0x8933, 0x2400, 0x2401, 0x2403, 0x2405, 0x40082404,
  0x80082407, 0x40042408, 0x40042409,
];

/** What an argument of each kind is when it makes sense. */
const kinds: Readonly<Record<ParameterKind, (random: Random) => bigint>> = {
  int: (random) => (oneIn(random, 3) ? anyNumber(random) : small(random)),
  unsigned: length,
  hex: (random) => (oneIn(random, 2) ? anyFlags(random) : oneIn(random, 2) ? small(random) : structureAddress(random)),
  octal: (random) => BigInt(random(0o1000)),
  pointer: anyPointer,
  fd: descriptor,
  path,
  string: path,
  'buffer-in': anyPointer,
  'buffer-out': anyPointer,
  'open-flags': (random) =>
    pick(random, [0n, 1n, 2n, 0o101n, 0o102n, 0o1102n, 0o2002n, 0o200000n, 0o4000n, anyFlags(random)]),
  protection: (random) => pick(random, [0n, 1n, 3n, 3n, 5n, 7n, anyFlags(random)]),
  'map-flags': (random) => pick(random, [0x22n, 0x22n, 0x21n, 1n, 2n, 0x32n, 0x4022n, 0x12n, anyFlags(random)]),
  signal: (random) => BigInt(random(67)),
  whence: (random) => BigInt(random(6)),
  'bpf-command': (random) => BigInt(random(41)),
  ioctl: (random) => BigInt(oneIn(random, 5) ? random(2 ** 32) : pick(random, ioctls)),
  'clone-flags': (random) =>
    pick(random, [17n, 0x3d0f00n, 0x10f00n, 0x4111n, 0x100n | 17n, anyFlags(random), anyFlags(random) | 17n]),
};

/** They end the program, or make it wait for ever: fewer of them. */
const endings = new Set(['exit', 'exit_group', 'pause', 'rt_sigreturn', 'rt_sigsuspend', 'execve', 'vfork']);
const rows = syscallTable.flatMap((row) => (endings.has(row.name) ? [row] : Array<SyscallRow>(6).fill(row)));

function anyArgument(random: Random, kind: ParameterKind | undefined, at: number): Argument {
  if (at > 0 && oneIn(random, 8)) return { result: random(at), offset: oneIn(random, 3) ? anyNumber(random) : 0n };
  if (kind === undefined || oneIn(random, 10))
    return { value: oneIn(random, 2) ? anyNumber(random) : anyPointer(random) };
  return { value: BigInt.asUintN(64, kinds[kind](random)) };
}

const rowsByName = new Map(syscallTable.map((row) => [row.name, row]));

/** As `recipe` has it, but for an argument now and then. */
function cooked(random: Random, find: Find, at: number, name: string, recipe = recipes[name]!): Call {
  const values = recipe(random, find);
  const args = Array.from({ length: 6 }, (_, n) => {
    if (n < values.length && oneIn(random, 20)) return anyArgument(random, undefined, at);
    return { value: BigInt.asUintN(64, BigInt(values[n] ?? 0)) };
  });
  return { number: BigInt(rowsByName.get(name)!.number), name, args };
}

function anyCall(random: Random, find: Find, at: number): Call {
  if (oneIn(random, 25)) {
    const number = oneIn(random, 4) ? anyU64(random) : BigInt(random(520));
    return { number, name: '?', args: Array.from({ length: 6 }, () => anyArgument(random, undefined, at)) };
  }
  const row = pick(random, rows);
  if (Object.hasOwn(recipes, row.name) && !oneIn(random, 3)) return cooked(random, find, at, row.name);
  const args = Array.from({ length: 6 }, (_, n) =>
    n < row.parameters.length || oneIn(random, 4) ? anyArgument(random, row.parameters[n], at) : { value: 0n },
  );
  return { number: BigInt(row.number), name: row.name, args };
}

function anyProgram(random: Random, find: Find): Program {
  const opened = oneIn(random, 4) ? 0 : random(8);
  const calls = Array.from({ length: opened + between(random, 3, MOST_CALLS) }, (_, n) =>
    n < opened ? cooked(random, find, n, ...pick(random, openers)) : anyCall(random, find, n),
  );
  return { calls, rounds: pick(random, [1, 1, 2, 10, 0]) };
}

function make(random: Random): SystemCalls {
  const { bytes, names } = anyData(random);
  const find: Find = (name) =>
    addressOf(
      pick(
        random,
        names.flatMap((one, n) => (one === name ? [n] : [])),
      ),
    );
  return {
    programs: Array.from({ length: between(random, 1, 3) }, () => anyProgram(random, find)),
    data: bytes,
    structures: names,
    cpus: between(random, 1, 3),
    schedule: oneIn(random, 2) ? random(1000) : undefined,
    engine: pick(random, ['interpreter', 'translator']),
    twice: oneIn(random, 8),
  };
}

const registers = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'];

function argumentText(register: string, argument: Argument): string {
  if ('value' in argument) return `\tmovabs $0x${argument.value.toString(16)}, %${register}`;
  const load = `\tmov 0x${(RESULTS + BigInt(argument.result * 8)).toString(16)}, %${register}`;
  if (argument.offset === 0n) return load;
  return `${load}\n\tmovabs $0x${argument.offset.toString(16)}, %rax\n\tadd %rax, %${register}`;
}

const callText = ({ number, name, args }: Call, n: number): string =>
  [
    `\t# ${n}: ${name}`,
    ...args.map((argument, k) => argumentText(registers[k]!, argument)),
    `\tmovabs $0x${number.toString(16)}, %rax`,
    '\tsyscall',
    `\tmov %rax, 0x${(RESULTS + BigInt(n * 8)).toString(16)}`,
  ].join('\n');

/** r15, which no system call changes, counts the rounds. */
const programText = ({ calls, rounds }: Program): string => `
	jmp begin
	.balign 8
handler:
	ret
	.balign 16
restorer:
	mov $15, %eax
	syscall
begin:
	mov $${rounds}, %r15d
again:
${calls.map(callText).join('\n')}
	dec %r15d
	jnz again
	xor %edi, %edi
	mov $231, %eax
	syscall
`;

async function boot({ programs, data, cpus, schedule }: SystemCalls, engine: EngineName): Promise<Box> {
  const box = await Box.boot({
    memory: 16 << 20,
    cpus,
    ...(schedule === undefined ? {} : { schedule }),
    engine,
    translator: { threshold: 2 },
    network: { veth: [{ name: 'eth0', address: '10.0.0.1/24' }] },
  });
  box.files.write('/bin/hello', programFile('hello'));
  box.files.write('/bin/extension.rex', readRepositoryFile('samples/error_injector/error_injector.rex'));
  box.files.write('/tmp/file', 'a line\n'.repeat(1000));
  programs.forEach((program, n) => {
    const path = n === 0 ? '/bin/program' : `/bin/program${n}`;
    box.files.write(path, tinyProgram(programText(program), { address: DATA, bytes: data }));
    box.spawn(path, ['one', 'two'], { stdin: 'some input\n' });
  });
  return box;
}

async function run(input: SystemCalls): Promise<string> {
  const { engine, twice } = input;
  const reason = await runBox({ boot: (chosen) => boot(input, chosen), engine, twice, budget: BUDGET });
  if (reason === 'dead') throw new Error('programs without privilege end the kernel');
  return reason;
}

const text = ({ programs, structures, ...rest }: SystemCalls): string =>
  [
    ...programs.map((program, n) => `program ${n}:${programText(program)}`),
    structures.map((name, n) => `0x${addressOf(n).toString(16)} ${name}`).join('\n'),
    JSON.stringify({ ...rest, data: undefined }),
  ].join('\n');

export const systemCalls: Fuzzer<SystemCalls> = { make, text, bytes: ({ data }) => data, run };
