/**
 * Records of the kernel as immutable trees. What has not changed since the last time is the same tree, so that one costs
 * little more than what has changed; and going back to one leaves the records alone that are as it says.
 */
import { areEqual } from './pages.ts';

export class CloneError extends Error {
  override readonly name = 'CloneError';
}

const PAGE = 4096;

export interface FrozenRecord {
  readonly kind: 'record';
  readonly keys: readonly string[];
  readonly values: readonly Frozen[];
}
export interface FrozenArray {
  readonly kind: 'array';
  readonly values: readonly Frozen[];
  /** places that nothing was ever put to */
  readonly holes: readonly number[];
}
export interface FrozenMap {
  readonly kind: 'map';
  readonly keys: readonly Frozen[];
  readonly values: readonly Frozen[];
}
export interface FrozenSet {
  readonly kind: 'set';
  readonly values: readonly Frozen[];
}
export interface FrozenBuffer {
  readonly kind: 'buffer';
  readonly length: number;
  readonly pages: readonly Uint8Array[];
}
export interface FrozenView {
  readonly kind: 'view';
  readonly type: ViewType;
  readonly buffer: FrozenBuffer;
  /** bytes */
  readonly offset: number;
  /** elements */
  readonly length: number;
}
export type FrozenObject = FrozenRecord | FrozenArray | FrozenMap | FrozenSet | FrozenBuffer | FrozenView;
export type Frozen = string | number | bigint | boolean | null | undefined | FrozenObject;

type ViewConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;
export const viewTypes = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
} as const satisfies Record<string, ViewConstructor>;
export type ViewType = keyof typeof viewTypes;

/** Bytes of an element; a DataView counts bytes. */
export const elementSize = (type: ViewType): number =>
  (viewTypes[type] as { readonly BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;

/** Which tree each object has become, or has been made of. */
export type Counterparts = Map<object, FrozenObject>;

const NONE: readonly number[] = [];
/** of an object that is being frozen */
const UNFINISHED: FrozenObject = { kind: 'set', values: [] };

/** Lists of keys that are alike are one. */
const shapes = new Map<string, readonly string[]>();
/** more shapes than the kernel has records: then somebody uses records as maps */
const MOST_SHAPES = 4096;

function shapeOf(keys: readonly string[]): readonly string[] {
  const name = keys.join('\n');
  const known = shapes.get(name);
  if (known !== undefined) return known;
  if (shapes.size < MOST_SHAPES) shapes.set(name, keys);
  return keys;
}

function same(left: readonly unknown[], right: readonly unknown[]): boolean {
  if (left.length !== right.length) return false;
  for (let n = 0; n < left.length; n++) if (!Object.is(left[n], right[n])) return false;
  return true;
}

export interface Freezer {
  /** of the last time */
  readonly before: Counterparts;
  /** of this time */
  readonly known: Counterparts;
  readonly path: string[];
  /** about how much of what is new, and of all, bytes */
  fresh: number;
  size: number;
}

export const createFreezer = (before: Counterparts): Freezer => ({
  before,
  known: new Map(),
  path: [],
  fresh: 0,
  size: 0,
});

/** of an object and of a value in it, roughly */
const OBJECT_BYTES = 64;
const VALUE_BYTES = 8;

function refuse({ path }: Freezer, what: string): never {
  throw new CloneError(`${path.join('.')}: got ${what}, expected plain data`);
}

function freezeBuffer(buffer: ArrayBuffer, before: FrozenObject | undefined, freezer: Freezer): FrozenObject {
  const old = before?.kind === 'buffer' && before.length === buffer.byteLength ? before : undefined;
  const pages: Uint8Array[] = [];
  let changed = old === undefined;
  for (let at = 0, n = 0; at < buffer.byteLength; at += PAGE, n++) {
    const live = new Uint8Array(buffer, at, Math.min(PAGE, buffer.byteLength - at));
    const kept = old !== undefined && areEqual(live, old.pages[n]!);
    pages.push(kept ? old.pages[n]! : live.slice());
    if (kept) continue;
    changed = true;
    freezer.fresh += live.length;
  }
  freezer.size += buffer.byteLength;
  return changed ? { kind: 'buffer', length: buffer.byteLength, pages } : old!;
}

function freezeView(freezer: Freezer, view: ArrayBufferView, before: FrozenObject | undefined): FrozenObject {
  // of Node's Buffer too
  const type = view instanceof DataView ? 'DataView' : ((view as Uint8Array)[Symbol.toStringTag] as ViewType);
  if (viewTypes[type] === undefined || !(view.buffer instanceof ArrayBuffer)) refuse(freezer, `a ${type}`);
  const buffer = freezeObject(freezer, view.buffer) as FrozenBuffer;
  const length = view.byteLength / elementSize(type);
  // a view never moves
  if (before?.kind === 'view' && before.buffer === buffer) return before;
  return { kind: 'view', type, buffer, offset: view.byteOffset, length };
}

function freezeArray(freezer: Freezer, list: readonly unknown[], before: FrozenObject | undefined): FrozenObject {
  const values: Frozen[] = [];
  let holes: number[] | undefined;
  for (let n = 0; n < list.length; n++) {
    if (!(n in list)) (holes ??= []).push(n);
    values.push(freezeChild(freezer, n, list[n]));
  }
  const kept = before?.kind === 'array' && same(before.values, values) && same(before.holes, holes ?? NONE);
  return kept ? before : { kind: 'array', values, holes: holes ?? NONE };
}

function freezeMap(
  freezer: Freezer,
  map: ReadonlyMap<unknown, unknown>,
  before: FrozenObject | undefined,
): FrozenObject {
  const keys: Frozen[] = [];
  const values: Frozen[] = [];
  for (const [key, value] of map) {
    keys.push(freezeChild(freezer, 'key', key));
    values.push(freezeChild(freezer, key, value));
  }
  const kept = before?.kind === 'map' && same(before.keys, keys) && same(before.values, values);
  return kept ? before : { kind: 'map', keys, values };
}

function freezeSet(freezer: Freezer, set: ReadonlySet<unknown>, before: FrozenObject | undefined): FrozenObject {
  const values: Frozen[] = [];
  for (const value of set) values.push(freezeChild(freezer, 'member', value));
  return before?.kind === 'set' && same(before.values, values) ? before : { kind: 'set', values };
}

function freezeRecord(freezer: Freezer, record: object, before: FrozenObject | undefined): FrozenObject {
  const prototype: unknown = Object.getPrototypeOf(record);
  if (prototype !== Object.prototype && prototype !== null) refuse(freezer, `a ${record.constructor.name}`);
  const keys = Object.keys(record);
  const values: Frozen[] = [];
  for (const key of keys) values.push(freezeChild(freezer, key, (record as Record<string, unknown>)[key]));
  const kept = before?.kind === 'record' && same(before.values, values) && same(before.keys, keys);
  return kept ? before : { kind: 'record', keys: shapeOf(keys), values };
}

function freezeAnew(freezer: Freezer, value: object, before: FrozenObject | undefined): FrozenObject {
  if (value instanceof ArrayBuffer) return freezeBuffer(value, before, freezer);
  if (ArrayBuffer.isView(value)) return freezeView(freezer, value, before);
  if (Array.isArray(value)) return freezeArray(freezer, value, before);
  if (value instanceof Map) return freezeMap(freezer, value, before);
  if (value instanceof Set) return freezeSet(freezer, value, before);
  return freezeRecord(freezer, value, before);
}

function bytesOf(node: FrozenObject): number {
  if (node.kind === 'buffer' || node.kind === 'view') return OBJECT_BYTES;
  const values = node.values.length * (node.kind === 'map' ? 2 : 1);
  return OBJECT_BYTES + VALUE_BYTES * values;
}

function freezeObject(freezer: Freezer, value: object): FrozenObject {
  const known = freezer.known.get(value);
  if (known === UNFINISHED) refuse(freezer, 'an object that is part of itself');
  if (known !== undefined) return known;
  freezer.known.set(value, UNFINISHED);
  const before = freezer.before.get(value);
  const node = freezeAnew(freezer, value, before);
  freezer.known.set(value, node);
  const bytes = bytesOf(node);
  freezer.size += bytes;
  if (node !== before) freezer.fresh += bytes;
  return node;
}

function freezeChild(freezer: Freezer, name: unknown, value: unknown): Frozen {
  if (typeof value !== 'object' || value === null) {
    if (typeof value !== 'function' && typeof value !== 'symbol') return value as Frozen;
    freezer.path.push(String(name));
    return refuse(freezer, `a ${typeof value}`);
  }
  freezer.path.push(String(name));
  const node = freezeObject(freezer, value);
  freezer.path.pop();
  return node;
}

/**
 * The tree of `value`: records, arrays, Maps, Sets, buffers and views; what is shared inside `value` is shared inside the tree.
 * `name` is what an error calls it.
 * @throws {CloneError} functions, symbols, instances of classes, what is part of itself
 */
export const freeze = (freezer: Freezer, name: string, value: unknown): Frozen => freezeChild(freezer, name, value);

export interface Thawer {
  /** what is to be taken for a tree, if anything is */
  readonly made: Map<FrozenObject, object>;
  /** of everything that is made */
  readonly counterparts: Counterparts;
}

/** `live`: objects and what they are at this moment, to be taken for such trees. */
export function createThawer(live: Counterparts): Thawer {
  const made = new Map<FrozenObject, object>();
  for (const [object, node] of live) made.set(node, object);
  return { made, counterparts: live };
}

function thawBuffer({ length, pages }: FrozenBuffer): ArrayBuffer {
  const bytes = new Uint8Array(length);
  pages.forEach((page, n) => bytes.set(page, n * PAGE));
  return bytes.buffer;
}

function fill(thawer: Thawer, node: FrozenObject): object {
  switch (node.kind) {
    case 'buffer':
      return thawBuffer(node);
    case 'view': {
      const buffer = thaw(thawer, node.buffer) as ArrayBuffer;
      return new (viewTypes[node.type] as ViewConstructor)(buffer, node.offset, node.length);
    }
    case 'array': {
      const list = node.values.map((value) => thaw(thawer, value));
      for (const hole of node.holes) delete list[hole];
      return list;
    }
    case 'map':
      return new Map(node.keys.map((key, n) => [thaw(thawer, key), thaw(thawer, node.values[n])]));
    case 'set':
      return new Set(node.values.map((value) => thaw(thawer, value)));
    case 'record': {
      const record: Record<string, unknown> = {};
      for (const [n, key] of node.keys.entries()) {
        const value = thaw(thawer, node.values[n]);
        // not by assignment, which has a meaning of its own for one name
        if (key === '__proto__') Object.defineProperty(record, key, { value, enumerable: true, writable: true });
        else record[key] = value;
      }
      return record;
    }
  }
}

/** What `freeze` was given. */
export function thaw(thawer: Thawer, value: Frozen): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = thawer.made.get(value);
  if (known !== undefined) return known;
  const made = fill(thawer, value);
  thawer.made.set(value, made);
  thawer.counterparts.set(made, value);
  return made;
}
