/** Disassembly around an address. Backwards, the boundaries of instructions are found from the start of a symbol on. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { MAX_INSTRUCTION } from '../../box/disassemble.ts';
import { withoutTag } from '../source/words.ts';
import type { Debugger, DisassembledLine } from '../types.ts';
import type { Arguments } from './arguments.ts';
import { restingTarget, type DapSession, type Target } from './session.ts';
import { hex, readAddress } from './text.ts';
import { focusedPid } from './threads.ts';

/** instructions of one request, and between its address and the first of them */
const MOST = 10_000;
/** symbols that are gone back over for one request */
const MOST_SYMBOLS = 10_000;
/** a symbol that is longer is taken for one that is not known */
const LONGEST_SYMBOL = 1n << 20n;
const LAST = 0xffff_ffff_ffff_ffffn;

const OFFSET = /\+(0x[0-9a-f]+)$/;

type Line = Pick<DisassembledLine, 'address' | 'bytes' | 'text' | 'symbol'>;

/** The first address of what `address` belongs to; undefined where nothing is known of it. */
function startOf(host: Debugger, address: bigint, pid: number): bigint | undefined {
  const { symbol } = host.describe(address, pid);
  if (symbol === '') return undefined;
  const offset = BigInt(OFFSET.exec(symbol)?.[1] ?? 0);
  return offset <= LONGEST_SYMBOL && offset <= address ? address - offset : undefined;
}

/** The instructions in [start, end); undefined unless one of them ends at `end`. */
function linesBetween(host: Debugger, start: bigint, end: bigint, pid: number): readonly Line[] | undefined {
  const lines = host.disassemble(start, Number(end - start), pid).filter(({ address }) => address < end);
  const last = lines.at(-1);
  return last !== undefined && last.address + BigInt(last.bytes.length) === end ? lines : undefined;
}

/** Without a symbol: from where on the most bytes make instructions that end at `end`. */
function guessedBefore(host: Debugger, end: bigint, count: number, pid: number): readonly Line[] {
  for (let bytes = Math.min(count, 16) * MAX_INSTRUCTION; bytes > 0; bytes--) {
    const start = end - BigInt(bytes);
    const lines = start < 0n ? undefined : linesBetween(host, start, end, pid);
    if (lines !== undefined && lines.every(({ text }) => !text.startsWith('.byte'))) return lines;
  }
  return [];
}

/** Up to `count` instructions before `address`; fewer where nothing is mapped or nothing makes sense. */
function linesBefore(host: Debugger, address: bigint, count: number, pid: number): Line[] {
  let found: Line[] = [];
  let end = address;
  for (let n = 0; n < MOST_SYMBOLS && found.length < count && end > 0n; n++) {
    const start = startOf(host, end - 1n, pid);
    const known = start === undefined || start >= end ? undefined : linesBetween(host, start, end, pid);
    const lines = known ?? guessedBefore(host, end, count - found.length, pid);
    if (lines.length === 0) break;
    found = [...lines, ...found];
    end = lines[0]!.address;
  }
  return found.slice(Math.max(0, found.length - count));
}

const bytesText = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** What stands for an instruction that cannot be had. */
const invalid = (address: bigint): DebugProtocol.DisassembledInstruction => ({
  address: hex(BigInt.asUintN(64, address)),
  instruction: '(not mapped)',
  presentationHint: 'invalid',
});

interface View {
  readonly target: Target;
  readonly pid: number;
  readonly lineBase: number;
  readonly symbols: boolean;
}

function described({ target, pid, lineBase, symbols }: View, line: Line): DebugProtocol.DisassembledInstruction {
  const [place] = target.debugger.describe(line.address, pid).source;
  return {
    address: hex(line.address),
    instructionBytes: bytesText(line.bytes),
    instruction: line.text,
    // the name of a function, where it begins: clients put it on a line of its own
    ...(symbols && line.symbol !== '' && !OFFSET.test(line.symbol) ? { symbol: withoutTag(line.symbol) } : undefined),
    ...(place === undefined
      ? undefined
      : { location: target.sources.describe(place.file), line: place.line - 1 + lineBase }),
  };
}

export function disassemble(session: DapSession, args: Arguments): DebugProtocol.DisassembleResponse['body'] {
  const target = restingTarget(session);
  const { debugger: host } = target;
  const address = readAddress(args.text('memoryReference'), args.optionalInteger('offset') ?? 0);
  const skip = args.optionalInteger('instructionOffset', { least: -MOST, most: MOST }) ?? 0;
  const count = args.integer('instructionCount', { least: 0, most: MOST });
  const pid = focusedPid(session);
  const view: View = {
    target,
    pid,
    lineBase: session.client.lineBase,
    symbols: args.flag('resolveSymbols', true),
  };
  const before = skip < 0 ? linesBefore(host, address, -skip, pid) : [];
  const wantedAfter = Math.max(0, skip + count);
  const after = host.disassemble(address, wantedAfter, pid).slice(Math.max(0, skip));
  const lines = [...before.slice(0, Math.min(count, before.length)), ...after];
  const missing = skip < 0 ? -skip - before.length : 0;
  const first = before[0]?.address ?? address;
  const instructions = Array.from({ length: Math.min(count, missing) }, (_, n) => invalid(first - BigInt(missing - n)));
  for (const line of lines.slice(0, count - instructions.length)) instructions.push(described(view, line));
  const last = lines.at(-1);
  let next = last === undefined ? address : last.address + BigInt(Math.max(1, last.bytes.length));
  while (instructions.length < count) {
    instructions.push(invalid(next > LAST ? LAST : next));
    next++;
  }
  return { instructions };
}
