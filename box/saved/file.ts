/** A box as a file: header, machine, memory, records, checksum. See docs/saved-box.md. */
import { PAGE_SIZE } from '../../cpu/memory.ts';
import { createKernel, MachineError, MAX_CPUS } from '../../kernel/create-kernel.ts';
import type { KernelEvent } from '../../kernel/events.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { nativeNames } from '../../kernel/natives.ts';
import {
  createFreezer,
  createThawer,
  freeze,
  thaw,
  type Frozen,
  type FrozenArray,
  type FrozenRecord,
} from '../frozen.ts';
import { restoreSnapshot, takeSnapshot, type Snapshot } from '../snapshot.ts';
import { Reader, Writer } from './bytes.ts';
import { crc32 } from './checksum.ts';
import { SavedBoxError } from './error.ts';
import { checkRanges } from './ranges.ts';
import { readMemory, writeMemory } from './memory.ts';
import { readTrees, writeTrees } from './tree.ts';

export const SAVED_BOX_VERSION = 3;
/** `\x89BOX\r\n\x1a\n`: as PNG's, so that a transfer as text shows */
const MAGIC = Uint8Array.of(0x89, 0x42, 0x4f, 0x58, 0x0d, 0x0a, 0x1a, 0x0a);
const Section = { machine: 1, memory: 2, records: 3 } as const;
const HEADER = MAGIC.length + 12;
/** of guest physical memory */
const LARGEST = 2 ** 31;

/** The kernel's text calls its functions by number: those of another build may be others. */
const build = crc32(new TextEncoder().encode(nativeNames.join('\n')));

type Fields = Readonly<Record<string, Frozen>>;

const recordOf = (fields: Fields): FrozenRecord => ({
  kind: 'record',
  keys: Object.keys(fields),
  values: Object.values(fields),
});

function section(out: Writer, id: number, content: Writer): void {
  out.byte(id);
  out.u32(content.length);
  out.append(content);
}

/** Between two instructions, `kernel.events` being empty. */
export function writeSavedBox(kernel: Kernel, events: readonly KernelEvent[]): Uint8Array {
  const { cpus, kernel: fields, memory } = takeSnapshot(kernel);
  const machine = new Writer();
  machine.count(cpus.length);
  machine.count(kernel.memory.size);
  const body = new Writer();
  section(body, Section.machine, machine);
  section(body, Section.memory, writeMemory(memory));
  const told = freeze(createFreezer(new Map()), 'events', events);
  section(body, Section.records, writeTrees([...cpus.map(recordOf), recordOf(fields), told]));
  const out = new Writer();
  out.raw(MAGIC);
  out.u32(SAVED_BOX_VERSION);
  out.u32(build);
  out.u32(body.length);
  out.append(body);
  out.u32(out.checksum());
  return out.finish();
}

/** The sections, when all of the file is as it was written. */
function readBody(bytes: Uint8Array): Reader {
  const header = new Reader(bytes);
  const begins = MAGIC.every((byte, n) => n >= bytes.length || bytes[n] === byte);
  if (!begins || bytes.length === 0) throw new SavedBoxError('magic', 'the bytes do not begin as one');
  header.raw(MAGIC.length);
  const version = header.u32();
  if (version !== SAVED_BOX_VERSION) {
    throw new SavedBoxError('version', `got version ${version}, expected ${SAVED_BOX_VERSION}`);
  }
  if (header.u32() !== build) {
    throw new SavedBoxError('version', 'it is of a build with other kernel functions, which this one cannot go on for');
  }
  const length = header.u32();
  const body = header.raw(length);
  const checksum = header.u32();
  header.end('file');
  const actual = crc32(bytes.subarray(0, HEADER + length));
  if (actual !== checksum) {
    throw new SavedBoxError(
      'checksum',
      `got ${actual.toString(16)}, expected ${checksum.toString(16)}: it is corrupted`,
    );
  }
  return new Reader(body);
}

function readSection(body: Reader, id: number): Uint8Array {
  const got = body.byte();
  if (got !== id) throw new SavedBoxError('malformed', `got section ${got}, expected ${id}`);
  return body.raw(body.u32());
}

/** A kernel of the size that is asked for; its records are what those of a saved box have to look like. */
function createBlank(bytes: Uint8Array): Kernel {
  const from = new Reader(bytes);
  const cpus = from.count(MAX_CPUS, 'CPUs');
  const memory = from.count(LARGEST, 'bytes of memory');
  from.end('machine');
  if (memory % (16 * PAGE_SIZE) !== 0 || memory < 1 << 24) {
    throw new SavedBoxError(
      'malformed',
      `got ${memory} bytes of memory, expected 16 MiB to 2 GiB, a multiple of 64 KiB`,
    );
  }
  try {
    return createKernel({ cpus, memory });
  } catch (error) {
    if (!(error instanceof MachineError)) throw error;
    throw new SavedBoxError('malformed', error.message);
  }
}

const kindOf = (value: Frozen): string => (typeof value === 'object' && value !== null ? value.kind : typeof value);

/** As far as a kernel that has not booted has it, and it is the same in each. */
function checkLike(path: string, wanted: Frozen, got: Frozen): void {
  const refuse = (what: string): never => {
    throw new SavedBoxError('malformed', `${path}: ${what}`);
  };
  if (wanted === undefined) return;
  if (kindOf(wanted) !== kindOf(got)) refuse(`got a ${kindOf(got)}, expected a ${kindOf(wanted)}`);
  if (typeof wanted !== 'object' || wanted === null || typeof got !== 'object' || got === null) return;
  if (wanted.kind === 'view' && got.kind === 'view') {
    // what boot fills in has no length before, and books of memory grow
    if (got.type !== wanted.type || got.length < wanted.length) {
      refuse(`got a ${got.type} of ${got.length}, expected a ${wanted.type} of ${wanted.length} or more`);
    }
  }
  if (wanted.kind !== 'record' || got.kind !== 'record') return;
  for (const [n, key] of wanted.keys.entries()) {
    const at = got.keys.indexOf(key);
    if (at < 0) refuse(`${key} is missing`);
    checkLike(`${path}.${key}`, wanted.values[n], got.values[at]);
  }
}

function fieldsOf(path: string, wanted: Fields, got: Frozen): Fields {
  checkLike(path, recordOf(wanted), got);
  const { keys, values } = got as FrozenRecord;
  const unknown = keys.find((key) => !Object.hasOwn(wanted, key));
  if (unknown !== undefined) throw new SavedBoxError('malformed', `${path}: got ${unknown}, which it does not have`);
  return Object.fromEntries(keys.map((key, n) => [key, values[n]]));
}

const someBytes: Frozen = {
  kind: 'view',
  type: 'Uint8Array',
  buffer: { kind: 'buffer', length: 0, pages: [] },
  offset: 0,
  length: 0,
};

/** What the box looks at in an event, by its type; the rest is for those who asked to be told. */
const eventFields: ReadonlyMap<Frozen, Fields> = new Map<Frozen, Fields>([
  ['write', { bytes: someBytes }],
  ['syscall', { text: '' }],
  ['log', { text: '' }],
  ['panic', { text: '' }],
]);

function checkEvents(events: Frozen): void {
  checkLike('events', { kind: 'array', values: [], holes: [] }, events);
  for (const event of (events as FrozenArray).values) {
    checkLike('events', recordOf({ type: '' }), event);
    const { keys, values } = event as FrozenRecord;
    const fields = eventFields.get(values[keys.indexOf('type')]);
    if (fields !== undefined) checkLike('events', recordOf(fields), event);
  }
}

export interface SavedBox {
  readonly kernel: Kernel;
  /** what the box remembers, oldest first */
  readonly events: readonly KernelEvent[];
}

/**
 * What `writeSavedBox` was given. A file with a good checksum is one that was written so, or forged: its records are looked
 * at as far as a kernel that has not booted has them.
 * @throws {SavedBoxError}
 */
export function readSavedBox(bytes: Uint8Array): SavedBox {
  const body = readBody(bytes);
  const kernel = createBlank(readSection(body, Section.machine));
  const memory = readMemory(readSection(body, Section.memory), kernel.memory.derived);
  const blank = takeSnapshot(kernel);
  const count = kernel.cpus.length;
  const trees = readTrees(readSection(body, Section.records), count + 2);
  body.end('sections');
  const cpus = blank.cpus.map((fields, n) => fieldsOf(`cpus.${n}`, fields, trees[n]));
  const fields = fieldsOf('kernel', blank.kernel, trees[count]);
  if ((fields['perCpu'] as FrozenArray).values.length !== count) {
    throw new SavedBoxError('malformed', `kernel.perCpu: expected ${count} of them`);
  }
  checkRanges(cpus, fields, kernel.memory.size);
  if ((fields['events'] as FrozenArray).values.length > 0) {
    throw new SavedBoxError('malformed', 'kernel.events: expected none that nobody has been told of');
  }
  const events = trees[count + 1];
  checkEvents(events);
  const snapshot: Snapshot = { memory, cpus, kernel: fields, records: { bytes: bytes.length, fresh: bytes.length } };
  restoreSnapshot(kernel, snapshot);
  return { kernel, events: thaw(createThawer(new Map()), events) as KernelEvent[] };
}
