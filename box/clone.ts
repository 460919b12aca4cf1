/** Deep copies of plain data: what structuredClone does, but it says where something is that is not plain data. */

export class CloneError extends Error {
  override readonly name = 'CloneError';
}

interface Copier {
  /** copies made so far, so that what was one object stays one */
  readonly known: Map<object, object>;
  readonly path: string[];
}

function refuse(copier: Copier, what: string): never {
  throw new CloneError(`${copier.path.join('.')}: got ${what}, expected plain data`);
}

function copyBuffer(copier: Copier, buffer: ArrayBufferLike): ArrayBufferLike {
  const known = copier.known.get(buffer);
  if (known !== undefined) return known as ArrayBufferLike;
  const copy = buffer.slice(0);
  copier.known.set(buffer, copy);
  return copy;
}

/** A view keeps its place in its buffer, which views share as before. */
function copyView(copier: Copier, view: ArrayBufferView): ArrayBufferView {
  const buffer = copyBuffer(copier, view.buffer);
  const kind = view.constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => ArrayBufferView;
  const size = (view as Partial<Uint8Array>).BYTES_PER_ELEMENT ?? 1; // a DataView counts bytes
  return new kind(buffer, view.byteOffset, view.byteLength / size);
}

function copyChild(copier: Copier, key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'function' || typeof value === 'symbol') {
      copier.path.push(key);
      refuse(copier, `a ${typeof value}`);
    }
    return value;
  }
  copier.path.push(key);
  const copy = copyObject(copier, value);
  copier.path.pop();
  return copy;
}

function copyObject(copier: Copier, value: object): object {
  const known = copier.known.get(value);
  if (known !== undefined) return known;
  const remember = <Copy extends object>(copy: Copy): Copy => {
    copier.known.set(value, copy);
    return copy;
  };
  if (ArrayBuffer.isView(value)) return remember(copyView(copier, value));
  if (value instanceof ArrayBuffer) return copyBuffer(copier, value);
  if (Array.isArray(value)) {
    const copy: unknown[] = remember([]);
    copy.length = value.length;
    for (let n = 0; n < value.length; n++) if (n in value) copy[n] = copyChild(copier, `${n}`, value[n]);
    return copy;
  }
  if (value instanceof Map) {
    const copy = remember(new Map<unknown, unknown>());
    for (const [key, child] of value) {
      copy.set(copyChild(copier, 'key', key), copyChild(copier, `${String(key)}`, child));
    }
    return copy;
  }
  if (value instanceof Set) {
    const copy = remember(new Set<unknown>());
    for (const child of value) copy.add(copyChild(copier, 'member', child));
    return copy;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse(copier, `a ${value.constructor.name}`);
  const copy = remember({} as Record<string, unknown>);
  for (const [key, child] of Object.entries(value)) copy[key] = copyChild(copier, key, child);
  return copy;
}

/**
 * A deep copy of records, arrays, Maps, Sets, buffers and views; objects and buffers that are shared inside `value` are
 * shared inside the copy. `name` is what an error calls `value`.
 * @throws {CloneError} functions, symbols and instances of classes
 */
export function clone<Value>(value: Value, name: string): Value {
  return copyChild({ known: new Map(), path: [] }, name, value) as Value;
}
