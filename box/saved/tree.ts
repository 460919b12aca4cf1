/** Records of the kernel as bytes, and back: what is shared stays shared. See docs/saved-box.md. */
import { elementSize, viewTypes, type Frozen, type FrozenBuffer, type FrozenObject, type ViewType } from '../frozen.ts';
import { Reader, Writer } from './bytes.ts';
import { SavedBoxError } from './error.ts';

const Tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** a whole number from 0 on, and one below 0 less one, its sign away */
  natural: 4,
  negative: 5,
  float: 6,
  bigint: 7,
  negativeBigint: 8,
  string: 9,
  /** an object that has been there, by its number */
  again: 10,
  record: 11,
  array: 12,
  map: 13,
  set: 14,
  buffer: 15,
  view: 16,
} as const;

const viewNames = Object.keys(viewTypes) as ViewType[];
const PAGE = 4096;
/** of objects in objects: the kernel's own are below 20 */
const DEEPEST = 200;

interface Writing {
  readonly out: Writer;
  readonly objects: Map<FrozenObject, number>;
  /** lists of keys by number */
  readonly shapes: Map<readonly string[], number>;
}

function writeBigint(out: Writer, value: bigint): void {
  const digits = value.toString(16);
  const bytes = Uint8Array.from({ length: Math.ceil(digits.length / 2) }, (_, n) => {
    const end = digits.length - n * 2;
    return Number.parseInt(digits.slice(Math.max(0, end - 2), end), 16);
  });
  out.count(bytes.length);
  out.raw(bytes);
}

function writeNumber(out: Writer, value: number): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    out.byte(Tag.float);
    out.float(value);
  } else if (value >= 0) {
    out.byte(Tag.natural);
    out.count(value);
  } else {
    out.byte(Tag.negative);
    out.count(-1 - value);
  }
}

function writePrimitive(out: Writer, value: Exclude<Frozen, FrozenObject>): void {
  if (value === undefined) out.byte(Tag.undefined);
  else if (value === null) out.byte(Tag.null);
  else if (typeof value === 'boolean') out.byte(value ? Tag.true : Tag.false);
  else if (typeof value === 'number') writeNumber(out, value);
  else if (typeof value === 'bigint') {
    out.byte(value < 0n ? Tag.negativeBigint : Tag.bigint);
    writeBigint(out, value < 0n ? -value : value);
  } else {
    out.byte(Tag.string);
    out.text(value);
  }
}

function writeValues(writing: Writing, values: readonly Frozen[]): void {
  writing.out.count(values.length);
  for (const value of values) writeValue(writing, value);
}

function writeObject(writing: Writing, node: FrozenObject): void {
  const { out, shapes } = writing;
  out.byte(Tag[node.kind]);
  switch (node.kind) {
    case 'record': {
      const known = shapes.get(node.keys);
      out.count(known ?? shapes.size);
      if (known === undefined) {
        shapes.set(node.keys, shapes.size);
        out.count(node.keys.length);
        for (const key of node.keys) out.text(key);
      }
      for (const value of node.values) writeValue(writing, value);
      return;
    }
    case 'array':
      writeValues(writing, node.values);
      out.count(node.holes.length);
      for (const hole of node.holes) out.count(hole);
      return;
    case 'map':
      writeValues(writing, node.keys);
      for (const value of node.values) writeValue(writing, value);
      return;
    case 'set':
      return writeValues(writing, node.values);
    case 'buffer':
      out.count(node.length);
      for (const page of node.pages) out.raw(page);
      return;
    case 'view':
      out.byte(viewNames.indexOf(node.type));
      writeValue(writing, node.buffer);
      out.count(node.offset);
      out.count(node.length);
  }
}

function writeValue(writing: Writing, value: Frozen): void {
  if (typeof value !== 'object' || value === null) return writePrimitive(writing.out, value);
  const number = writing.objects.get(value);
  if (number === undefined) {
    writeObject(writing, value);
    // numbered when it is complete, so that nothing can be part of itself
    writing.objects.set(value, writing.objects.size);
  } else {
    writing.out.byte(Tag.again);
    writing.out.count(number);
  }
}

/** All of them in a row, with what they share written once. */
export function writeTrees(values: readonly Frozen[]): Writer {
  const out = new Writer();
  const writing: Writing = { out, objects: new Map(), shapes: new Map() };
  for (const value of values) writeValue(writing, value);
  return out;
}

interface Reading {
  readonly from: Reader;
  readonly objects: FrozenObject[];
  readonly shapes: (readonly string[])[];
  depth: number;
}

const malformed = (message: string): never => {
  throw new SavedBoxError('malformed', message);
};

function readValues(reading: Reading, count: number): Frozen[] {
  const values: Frozen[] = [];
  for (let n = 0; n < count; n++) values.push(readValue(reading));
  return values;
}

function readBigint(from: Reader): bigint {
  const bytes = from.raw(from.size('bytes of a number'));
  // far more than the kernel has, which are of 64 bits or of 128
  if (bytes.length > 64) malformed(`a number of ${bytes.length} bytes`);
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function readShape({ from, shapes }: Reading): readonly string[] {
  const number = from.count(shapes.length, 'a list of keys');
  if (number < shapes.length) return shapes[number]!;
  const keys: string[] = [];
  for (let left = from.size('keys'); left > 0; left--) keys.push(from.text());
  shapes.push(keys);
  return keys;
}

function readBuffer({ from }: Reading): FrozenBuffer {
  const length = from.size('bytes of a buffer');
  const pages: Uint8Array[] = [];
  for (let at = 0; at < length; at += PAGE) pages.push(from.raw(Math.min(PAGE, length - at)).slice());
  return { kind: 'buffer', length, pages };
}

function readView(reading: Reading): FrozenObject {
  const { from } = reading;
  const type = viewNames[from.byte()] ?? malformed('a view of an unknown type');
  const buffer = readValue(reading);
  if (typeof buffer !== 'object' || buffer?.kind !== 'buffer') return malformed('a view of what is no buffer');
  const size = elementSize(type);
  const offset = from.count(buffer.length, 'offset of a view');
  const length = from.count((buffer.length - offset) / size, 'elements of a view');
  if (offset % size !== 0) malformed(`a ${type} at offset ${offset}`);
  return { kind: 'view', type, buffer, offset, length };
}

function readObject(reading: Reading, tag: number): FrozenObject {
  const { from } = reading;
  switch (tag) {
    case Tag.record: {
      const keys = readShape(reading);
      // each value takes a byte at least
      if (keys.length > from.left) malformed(`a record of ${keys.length} values`);
      return { kind: 'record', keys, values: readValues(reading, keys.length) };
    }
    case Tag.array: {
      const values = readValues(reading, from.size('elements'));
      const holes: number[] = [];
      for (let left = from.size('holes'); left > 0; left--) holes.push(from.count(values.length, 'a hole'));
      return { kind: 'array', values, holes };
    }
    case Tag.map: {
      const keys = readValues(reading, from.size('entries'));
      return { kind: 'map', keys, values: readValues(reading, keys.length) };
    }
    case Tag.set:
      return { kind: 'set', values: readValues(reading, from.size('members')) };
    case Tag.buffer:
      return readBuffer(reading);
    case Tag.view:
      return readView(reading);
    default:
      return malformed(`got tag ${tag}, expected at most ${Tag.view}`);
  }
}

function readValue(reading: Reading): Frozen {
  const { from, objects } = reading;
  const tag = from.byte();
  switch (tag) {
    case Tag.undefined:
      return undefined;
    case Tag.null:
      return null;
    case Tag.false:
      return false;
    case Tag.true:
      return true;
    case Tag.natural:
      return from.count(Number.MAX_SAFE_INTEGER, 'a number');
    case Tag.negative:
      return -1 - from.count(Number.MAX_SAFE_INTEGER - 1, 'a number');
    case Tag.float:
      return from.float();
    case Tag.bigint:
      return readBigint(from);
    case Tag.negativeBigint:
      return -readBigint(from);
    case Tag.string:
      return from.text();
    case Tag.again:
      return (
        objects[from.count(Number.MAX_SAFE_INTEGER, 'an object')] ?? malformed('an object that has not been there')
      );
  }
  if (++reading.depth > DEEPEST) malformed(`objects in objects deeper than ${DEEPEST}`);
  const node = readObject(reading, tag);
  reading.depth--;
  objects.push(node);
  return node;
}

/** `count` trees. SavedBoxError. */
export function readTrees(bytes: Uint8Array, count: number): Frozen[] {
  const from = new Reader(bytes);
  const values = readValues({ from, objects: [], shapes: [], depth: 0 }, count);
  from.end('records');
  return values;
}
