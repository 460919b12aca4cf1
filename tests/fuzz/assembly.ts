/** `.S` sources: the kernel's own with things wrong in them, tokens in any order, and sources made to be large or deep. */
import { Box, type EngineName } from '../../index.ts';
import { readKernelSources } from '../../box/host-files.ts';
import { assemble, AssemblerError } from '../../toolchain/assembler/index.ts';
import { readRepositoryFile } from '../support/user-machine.ts';
import type { Random } from '../random-instructions.ts';
import type { Fuzzer } from './fuzzer.ts';
import { anyNumber, between, oneIn, pick } from './random.ts';

/** ms, and generous: the assembler's README has under 1 s for the largest source */
const LONGEST = 20_000;
const BUDGET = 60_000;

const sources = readKernelSources();
const tokens = [...new Set(sources.flatMap(({ source }) => source.match(/[.%$\w]+|[^\s\w]/g) ?? []))];
/** Names that a source of the kernel takes from elsewhere: any value will do. */
const symbols = new Map(
  tokens.filter((token) => /^[A-Za-z_]\w*$/.test(token)).map((name, n) => [name, BigInt(n % 97)]),
);

export interface Assembly {
  /** the kernel's file that it takes the place of; undefined: it is assembled alone */
  readonly file: string | undefined;
  readonly source: string;
  readonly engine: EngineName;
}

const number = (random: Random): string => {
  const value = anyNumber(random);
  return pick(random, [
    `${value}`,
    `0x${value.toString(16)}`,
    `-${value}`,
    '1000000000',
    '0x7fffffff',
    '99999999999999999999',
    '0b2',
    '08',
    "'",
  ]);
};
const symbol = (random: Random): string =>
  pick(random, ['a', 'b', 'c', '.', '1b', '1f', '.La', '__proto__', 'constructor', 'toString', pick(random, tokens)]);
const term = (random: Random): string => (oneIn(random, 2) ? number(random) : symbol(random));
const expression = (random: Random): string => {
  const parts = [term(random)];
  for (let n = random(4); n > 0; n--)
    parts.push(pick(random, ['+', '-', '*', '/', '%', '<<', '>>', '|', '&', '^', '&&', '==']), term(random));
  return oneIn(random, 4) ? `(${parts.join(' ')})` : parts.join(' ');
};

/** Lines that ask for much, or for what cannot be. */
// prettier-ignore
const hostileLines: readonly ((random: Random) => string)[] = [
  (random) => `.rept ${number(random)}\n\t.byte 1\n.endr`,
  (random) => `.rept 1000\n.rept 1000\n.rept 1000\n\t${pick(random, ['nop', '.quad .', 'jmp a'])}\n.endr\n.endr\n.endr`,
  () => '.macro m\n\tm\n\tm\n.endm\n\tm',
  (random) => `.macro m x, y=1\n\t.byte \\x\n\tm \\x\\x, ${expression(random)}\n.endm\n\tm 1`,
  (random) => `.irp x, ${Array.from({ length: random(50) }, () => term(random)).join(', ')}\n\t.byte \\x\n.endr`,
  () => '.irpc x, 0123456789\n.irpc y, 0123456789\n\t.byte \\x\\y\n.endr\n.endr',
  (random) => `.if ${expression(random)}\n\tnop`,
  () => '.else', () => '.endif', () => '.endr', () => '.endm', () => '.exitm',
  (random) => `.include "${pick(random, ['/etc/passwd', 'self.S', '', '../../x'])}"`,
  (random) => `.incbin "${pick(random, ['/dev/zero', '/etc/passwd'])}"`,
  (random) => `.org ${expression(random)}`,
  (random) => `${pick(random, ['.align', '.balign', '.p2align'])} ${expression(random)}, ${term(random)}, ${term(random)}`,
  (random) => `.fill ${expression(random)}, ${term(random)}, ${term(random)}`,
  (random) => `${pick(random, ['.space', '.zero', '.skip'])} ${expression(random)}`,
  (random) => `${pick(random, ['.set', '.equ'])} ${symbol(random)}, ${expression(random)}`,
  (random) => `${symbol(random)} = ${expression(random)}`,
  () => 'a = b\nb = c\nc = a',
  (random) => `${pick(random, ['a', 'b', 'c', '1', '2', '.La'])}:`,
  (random) => `${pick(random, ['.byte', '.word', '.long', '.quad'])} ${Array.from({ length: 1 + random(6) }, () => expression(random)).join(', ')}`,
  (random) => `${pick(random, ['.ascii', '.string', '.asciz'])} "${'\\'.repeat(random(4))}${pick(random, ['x', '\\777', '\\x', '"', '\\u1234'])}"`,
  (random) => `.section ${pick(random, ['.text', '.data', '.new', '"a b"', '', '.text, "ax", @progbits', 'x-y', '.rodata.a'])}`,
  (random) => pick(random, ['.pushsection .data', '.popsection', '.previous', '.bss', '.data', '.text']),
  (random) => `.globl ${symbol(random)}`,
  (random) => `.size ${symbol(random)}, ${expression(random)}`,
  (random) => `.type ${symbol(random)}, @${pick(random, ['function', 'object', 'x'])}`,
  (random) => `native ${pick(random, ['sys_dup', '7', '$7', 'nothing', '__x64_sys_dup', '', number(random)])}`,
  (random) => `${pick(random, ['jmp', 'call', 'je', 'loop', 'jrcxz'])} ${expression(random)}`,
  (random) => `mov ${expression(random)}(%rip), %rax`,
  (random) => `movq $${expression(random)}, ${term(random)}(%rax,%rcx,${pick(random, ['1', '2', '3', '8', '16', 'a'])})`,
];
const hostileLine = (random: Random): string => pick(random, hostileLines)(random);

const repeated = (text: string, length: number): string => text.repeat(Math.ceil(length / text.length));
const numbered = (count: number, line: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => line(n)).join('\n');

/** One thing, as much of it as there is room for. */
// prettier-ignore
const large: readonly ((random: Random, size: number) => string)[] = [
  (random, size) => `\t.quad ${repeated(pick(random, ['1+', 'a+', '-', '~', '!', '(', '.-', '1f-', '(1+', '1<<']), size)}1`,
  (_random, size) => `\t.byte ${repeated('1,', size)}1`,
  (_random, size) => `\t.quad ${repeated('a,', size)}a\na:`,
  (_random, size) => `\t.ascii "${'x'.repeat(size)}"`,
  (_random, size) => 'x'.repeat(size),
  (random, size) => repeated(pick(random, ['nop;', '\n', ';', 'a: ', '1:', '# \n', '/* ', '"', "'", '\\', '\t.byte 1\n', '\tjmp 1f\n', '\t.align 4\n\tjmp a\n']), size),
  (_random, size) => numbered(Math.floor(size / 20), (n) => `a${n + 1} = a${n} + 1`),
  (_random, size) => numbered(Math.floor(size / 20), (n) => `a${n} = a${n + 1} + a${n + 1}`),
  (_random, size) => numbered(Math.floor(size / 20), (n) => `a${n}: jmp a${(n * 7919) % Math.floor(size / 20)}`),
  (_random, size) => numbered(Math.floor(size / 30), (n) => `.section .s${n}\n\t.byte ${n % 256}`),
  (_random, size) => numbered(Math.floor(size / 30), (n) => `.fill a${n + 1} - a${n}, 1, 0\na${n}:`),
  (_random, size) => numbered(Math.floor(size / 30), (n) => `\tjmp a${n + 9}\na${n}: .fill 120 - (a${n} - a${Math.max(0, n - 1)})`),
  (_random, size) => numbered(Math.floor(size / 16), () => '\t.zero 16777216'),
  (_random, size) => numbered(Math.floor(size / 16), (n) => `\t.org ${n * 100_000}`),
  (_random, size) => `${numbered(Math.floor(size / 20), (n) => `.macro m${n}\nm${n + 1}\nm${n + 1}\n.endm`)}\nm0`,
  (_random, size) => `${repeated('.rept 9\n', size)}nop\n${repeated('.endr\n', size)}`,
  (_random, size) => `${repeated('.if 1\n', size)}nop\n${repeated('.endif\n', size)}`,
  (_random, size) => `${repeated('.pushsection .data\n', size)}${repeated('.popsection\n', size)}`,
];

function mutatedLines(random: Random, source: string): string {
  const lines = source.split('\n');
  for (let n = between(random, 1, 4); n > 0; n--) {
    const at = random(lines.length);
    const kind = random(8);
    const line = lines[at] ?? '';
    if (kind === 0) lines.splice(at, 1 + random(3));
    else if (kind === 1) lines.splice(at, 0, ...lines.slice(at, at + between(random, 1, 30)));
    else if (kind === 2) lines.splice(at, 0, lines[random(lines.length)]!);
    else if (kind === 3) lines.splice(at, 0, hostileLine(random));
    else if (kind === 4) lines[at] = line.replace(/\d+/, () => number(random));
    else if (kind === 5) {
      const words = line.split(/(\s+|,)/);
      words[random(words.length)] = pick(random, tokens);
      lines[at] = words.join('');
    } else {
      const place = random(line.length + 1);
      const inserted = oneIn(random, 3) ? '' : String.fromCharCode(oneIn(random, 5) ? random(65_536) : 32 + random(95));
      lines[at] = line.slice(0, place) + inserted + line.slice(place + random(3));
    }
  }
  return lines.join('\n');
}

const tokenStream = (random: Random): string =>
  Array.from({ length: between(random, 1, 60) }, () =>
    oneIn(random, 6) ? '\n\t' : oneIn(random, 8) ? term(random) : pick(random, tokens),
  ).join(' ');

function make(random: Random): Assembly {
  const engine = pick(random, ['interpreter', 'translator'] as const);
  const kind = random(20);
  if (kind === 0)
    return {
      file: undefined,
      source: `${pick(random, large)(random, pick(random, [100, 5000, 100_000, 1_000_000]))}\n`,
      engine,
    };
  if (kind < 4) return { file: undefined, source: `${tokenStream(random)}\n`, engine };
  if (kind < 8)
    return {
      file: undefined,
      source: `${Array.from({ length: between(random, 1, 12) }, () => hostileLine(random)).join('\n')}\n`,
      engine,
    };
  const { file, source } = pick(random, sources);
  return { file: kind < 14 ? undefined : file, source: mutatedLines(random, source), engine };
}

/** A kernel with the source in it, and Rex's error_injector at work there. */
async function boot({ file, source, engine }: Assembly): Promise<string> {
  const box = await Box.boot({
    sources: sources.map((own) => (own.file === file ? { file, source } : own)),
    memory: 16 << 20,
    engine,
    translator: { threshold: 2 },
  });
  const extension = box.rex.load(readRepositoryFile('samples/error_injector/error_injector.rex'));
  extension.program('err_injector').attachKsyscall('dup');
  box.files.write('/bin/hello', readRepositoryFile('tests/programs/bin/hello'));
  box.files.write('/bin/userapp', readRepositoryFile('samples/error_injector/userapp'));
  box.spawn('/bin/hello');
  box.spawn('/bin/userapp');
  return `boots, ${box.run({ budget: BUDGET }).reason}`;
}

async function run(input: Assembly): Promise<string> {
  const start = performance.now();
  try {
    if (input.file !== undefined) return await boot(input);
    assemble(input.source, { symbols });
    return 'assembled';
  } catch (error) {
    if (!(error instanceof AssemblerError)) throw error;
    const { file, line, message } = error;
    // another source may want what this one does not define any more
    const most = file === (input.file ?? '<assembly>') ? input.source.split('\n').length : Infinity;
    if (line < 1 || line > most) throw new Error(`line ${line} of ${most}: ${message}`, { cause: error });
    return 'refused';
  } finally {
    const took = performance.now() - start;
    // oxlint-disable-next-line no-unsafe-finally
    if (took > LONGEST) throw new Error(`took ${Math.round(took)} ms, expected at most ${LONGEST}`);
  }
}

const MOST_TEXT = 20_000;
const text = ({ file, source }: Assembly): string => `${file ?? 'alone'}:\n${source.slice(0, MOST_TEXT)}`;

export const assembly: Fuzzer<Assembly> = { make, text, bytes: ({ source }) => new TextEncoder().encode(source), run };
