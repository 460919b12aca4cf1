/** Rex objects loaded by the host: the steps of librex, on the kernel functions behind bpf(2) and perf_event_open(2). */
import { ElfError } from '../toolchain/elf/index.ts';
import { operationsOf } from '../kernel/bpf-maps/index.ts';
import { createLink, putLink } from '../kernel/bpf/links.ts';
import { createMap, putMap } from '../kernel/bpf/maps.ts';
import { freeDyingPrograms, putProgram } from '../kernel/bpf/programs.ts';
import type { BpfMap, BpfProgram, PerfEvent } from '../kernel/bpf/types.ts';
import { readElement, userValueSize, writeElement } from '../kernel/bpf/map-access.ts';
import { Errno, fail } from '../kernel/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { createKprobeEvent, createTracepointEvent, putEvent } from '../kernel/perf/events.ts';
import { loadRexBase, loadRexProgram } from '../kernel/rex-dispatcher/load.ts';
import type { Rows } from '../kernel/rex-dispatcher/request.ts';
import { readRexObject, RexObjectError, type RexObject } from '../kernel/rex-dispatcher/rex-object.ts';
import { didYouMean } from '../toolchain/assembler/did-you-mean.ts';
import { unnoted, type Change } from './change.ts';
import { asked, BoxError } from './errors.ts';

/** A key or value: its bytes, or a number in little-endian two's complement of the map's size. */
export type Cell = Uint8Array | number | bigint;

/** A program attached to a probe. */
export interface RexLink {
  detach(): void;
}

export interface RexProgram {
  readonly name: string;
  /** the kernel's number of it */
  readonly id: number;
  /** bpf_program__attach_ksyscall: `dup` is __x64_sys_dup. BoxError. */
  attachKsyscall(name: string): RexLink;
  /** `offset`: bytes from the symbol. BoxError. */
  attachKprobe(symbol: string, offset?: number | bigint): RexLink;
  /** `syscalls/sys_enter_dup`, as folders of tracefs's events/. BoxError. */
  attachTracepoint(path: string): RexLink;
}

export interface RexMap {
  readonly name: string;
  /**
   * A copy of the value as system calls see it; undefined when there is none. Of a map with a value a CPU: all of them, each
   * rounded up to 8 bytes. A queue or stack has keys of no bytes (0 will do), and this is what `take` would give.
   */
  lookup(key: Cell): Uint8Array | undefined;
  /** the same as an unsigned number */
  lookupNumber(key: Cell): bigint | undefined;
  /** `flags`: BPF_ANY 0, BPF_NOEXIST 1, BPF_EXIST 2. BoxError with the errno. */
  update(key: Cell, value: Cell, flags?: number): void;
  /** BPF_MAP_LOOKUP_AND_DELETE_ELEM: the value, which is gone then */
  take(key: Cell): Uint8Array | undefined;
  /** whether there was one */
  delete(key: Cell): boolean;
  /** every key, in the map's order */
  keys(): Uint8Array[];
}

export interface RexExtension {
  readonly programs: readonly string[];
  readonly maps: readonly string[];
  program(name: string): RexProgram;
  map(name: string): RexMap;
  /** Gives the host's references back; what is attached stays until it is detached. */
  unload(): void;
}

const LOADER_PID = 0;
/** of bpf_attr.prog_name */
const NAME_LIMIT = 15;

function cellBytes(what: string, cell: Cell, size: number): Uint8Array {
  if (cell instanceof Uint8Array) {
    // a copy of its own, whatever becomes of the caller's
    if (cell.length === size) return new Uint8Array(cell);
    throw new BoxError(`${what}: got ${cell.length} bytes, expected ${size}`);
  }
  if (typeof cell === 'number' && !Number.isSafeInteger(cell)) {
    throw new BoxError(`${what}: got ${cell}, expected a whole number`);
  }
  const wide = BigInt(cell);
  const bits = BigInt(size * 8);
  if (wide >= 1n << bits || wide < -(1n << (bits - 1n))) {
    throw new BoxError(`${what}: got ${wide}, expected a number of ${size} bytes`);
  }
  let rest = BigInt.asUintN(size * 8, wide);
  const bytes = new Uint8Array(size);
  for (let n = 0; n < size; n++, rest >>= 8n) bytes[n] = Number(rest & 0xffn);
  return bytes;
}

/** undefined for ENOENT */
function ifPresent<Result>(body: () => Result): Result | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof Errno && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function createMapHandle(kernel: Kernel, change: Change, id: number, name: string): RexMap {
  const mapOf = (): BpfMap => kernel.bpf.maps.get(id) ?? fail('EBADF');
  const act = <Result>(what: string, action: (map: BpfMap) => Result): Result =>
    asked(`map ${name}: ${what}`, () => action(mapOf()));
  const alter = <Result>(what: string, action: (map: BpfMap) => Result): Result => change(() => act(what, action));
  const keyOf = (map: BpfMap, key: Cell): Uint8Array => cellBytes(`map ${name}: key`, key, map.keySize);
  const lookup = (key: Cell): Uint8Array | undefined =>
    act('lookup', (map) => ifPresent(() => readElement(kernel, map, keyOf(map, key))));
  return {
    name,
    lookup,
    lookupNumber: (key) => lookup(key)?.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n),
    update: (key, value, flags = 0) =>
      alter('update', (map) => {
        const bytes = cellBytes(`map ${name}: value`, value, userValueSize(kernel, map));
        writeElement(kernel, undefined, { map }, keyOf(map, key), bytes, BigInt(flags));
      }),
    take: (key) =>
      alter('lookup and delete', (map) => {
        const take = operationsOf(map).take ?? fail('ENOTSUPP');
        return ifPresent(() => take(kernel, map, keyOf(map, key)));
      }),
    delete: (key) =>
      alter('delete', (map) => {
        const bytes = keyOf(map, key);
        return ifPresent(() => (operationsOf(map).delete(kernel, map, bytes), true)) ?? false;
      }),
    keys: () =>
      act('keys', (map) => {
        const keys: Uint8Array[] = [];
        const next = operationsOf(map);
        for (let key: Uint8Array | undefined; keys.length < map.maxEntries; keys.push(key)) {
          try {
            key = next.nextKey(kernel, map, key);
          } catch {
            break; // ENOENT: it was the last
          }
        }
        return keys;
      }),
  };
}

/** perf_event_open and BPF_LINK_CREATE: the link holds what it needs. */
function attach(kernel: Kernel, change: Change, id: number, open: () => PerfEvent): RexLink {
  const program = kernel.bpf.programs.get(id) ?? fail('EBADF');
  const event = open();
  try {
    const link = createLink(kernel, program, event, 0n);
    let attached = true;
    return {
      detach() {
        if (attached) change(() => putLink(kernel, link.id));
        attached = false;
      },
    };
  } finally {
    putEvent(kernel, event.id);
  }
}

function createProgramHandle(kernel: Kernel, change: Change, id: number, name: string): RexProgram {
  const kprobe = (symbol: string, offset: number | bigint): RexLink => {
    const hint = kernel.symbols.byName.has(symbol) ? '' : didYouMean(symbol, kernel.symbols.byName.keys());
    return asked(`program ${name}: attach to ${symbol}+${offset}${hint}`, () =>
      change(() =>
        attach(kernel, change, id, () =>
          createKprobeEvent(kernel, { symbol, offset: BigInt(offset), address: 0n }, true),
        ),
      ),
    );
  };
  const tracepoint = (path: string): RexLink => {
    const rows = new Map([...kernel.perf.tracepoints.values()].map((row) => [`${row.category}/${row.name}`, row]));
    const hint = rows.has(path) ? '' : didYouMean(path, rows.keys());
    return asked(`program ${name}: attach to ${path}${hint}`, () =>
      change(() => attach(kernel, change, id, () => createTracepointEvent(kernel, rows.get(path) ?? fail('ENOENT')))),
    );
  };
  return {
    name,
    id,
    attachKsyscall: (syscall) => kprobe(`__x64_sys_${syscall}`, 0),
    attachKprobe: (symbol, offset = 0) => kprobe(symbol, offset),
    attachTracepoint: tracepoint,
  };
}

/** A list that is at hand. */
function rows<Row>(list: readonly Row[]): Rows<Row> {
  return { count: BigInt(list.length), read: () => list };
}

/** rex_obj_load's first half: the image, with descriptors in place of map pointers. */
function loadBase(kernel: Kernel, bytes: Uint8Array, object: RexObject, maps: readonly BpfMap[]): BpfProgram {
  const file = new Uint8Array(bytes);
  const view = new DataView(file.buffer);
  object.maps.forEach(({ fileOffset }, descriptor) => view.setBigUint64(fileOffset, BigInt(descriptor), true));
  return loadRexBase(kernel, undefined, {
    name: 'rex_base',
    gplCompatible: true,
    loaderPid: LOADER_PID,
    file: () => file,
    maps: rows(object.maps.map(({ pointerOffset }) => pointerOffset)),
    mapOf: (descriptor) => maps[descriptor] ?? fail('EBADF'),
    relocations: rows(object.relocations),
    imports: rows(object.imports),
    functions: rows(object.functions),
  });
}

interface Loaded {
  readonly maps: BpfMap[];
  readonly programs: BpfProgram[];
}

function release(kernel: Kernel, { maps, programs }: Loaded): void {
  for (const { id } of programs.splice(0)) putProgram(kernel, id);
  for (const { id } of maps.splice(0)) putMap(kernel, id);
  freeDyingPrograms(kernel);
}

function load(kernel: Kernel, bytes: Uint8Array, object: RexObject): Loaded {
  const loaded: Loaded = { maps: [], programs: [] };
  try {
    for (const definition of object.maps) loaded.maps.push(createMap(kernel, definition));
    const base = loadBase(kernel, bytes, object, loaded.maps);
    try {
      for (const { name, type, offset } of object.programs) {
        const { timeoutOffset } = object;
        const request = { name, type, offset, timeoutOffset, gplCompatible: true, loaderPid: LOADER_PID };
        loaded.programs.push(loadRexProgram(kernel, undefined, base, request));
      }
    } finally {
      putProgram(kernel, base.id); // its programs hold it
    }
    return loaded;
  } catch (error) {
    release(kernel, loaded);
    throw error;
  }
}

function readObject(bytes: Uint8Array): RexObject {
  try {
    return readRexObject(bytes);
  } catch (error) {
    if (!(error instanceof ElfError) && !(error instanceof RexObjectError)) throw error;
    throw new BoxError(`rex.load: not a Rex object: ${error.message}`);
  }
}

/** By a name of which the kernel keeps 15 characters; BoxError. */
function find<Item extends { readonly name: string }>(kind: string, items: readonly Item[], name: string): Item {
  const found = items.find((item) => item.name === name.slice(0, NAME_LIMIT));
  if (found !== undefined) return found;
  const names = items.map((item) => item.name);
  const list = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
  throw new BoxError(`the Rex object has no ${kind} ${JSON.stringify(name)}: ${list}${didYouMean(name, names)}`);
}

/**
 * Loads the Rex object `bytes`: its maps, its image, its programs.
 * @throws {BoxError} not a Rex object, or what the kernel refuses (the kernel log says more)
 */
export function loadRex(kernel: Kernel, bytes: Uint8Array, change: Change = unnoted): RexExtension {
  const object = readObject(bytes);
  const loaded = asked('rex.load', () => change(() => load(kernel, bytes, object)));
  const maps = loaded.maps.map(({ id, name }) => createMapHandle(kernel, change, id, name));
  const programs = loaded.programs.map(({ id, name }) => createProgramHandle(kernel, change, id, name));
  return {
    programs: programs.map(({ name }) => name),
    maps: maps.map(({ name }) => name),
    program: (name) => find('program', programs, name),
    map: (name) => find('map', maps, name),
    unload: () => change(() => release(kernel, loaded)),
  };
}
