/** BPF maps and their elements by key, in pages; a value in guest memory can be written and watched. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { operationsOf } from '../../../kernel/bpf-maps/index.ts';
import { valueAddress } from '../../../kernel/bpf-maps/hash.ts';
import { elementsByAge, keyOf } from '../../../kernel/bpf-maps/hash-table.ts';
import { readElement } from '../../../kernel/bpf/map-access.ts';
import type { BpfMap } from '../../../kernel/bpf/types.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import { answer, cellText } from '../../screen/panels/maps.ts';
import { printable } from '../../../lib/printable.ts';
import { need, RequestError } from '../errors.ts';
import { targetOf, type DapSession } from '../session.ts';
import { hex } from '../text.ts';
import { leaf, type ContainerRows, type Page } from './container.ts';

/** an element of a map, and where its value lies (that of the first processor, where each has one) */
interface Element {
  readonly key: Uint8Array;
  readonly address: bigint | undefined;
}

const indexKey = (index: number): Uint8Array => new Uint8Array(Uint32Array.of(index).buffer);

/** What there is of elements that have keys. */
function countOf({ data, maxEntries, keySize }: BpfMap): number {
  switch (data.kind) {
    case 'hash':
      return data.count;
    case 'array':
    case 'per-cpu-array':
      return maxEntries;
    case 'stacks':
      return data.buckets.size;
    case 'queue':
      return keySize === 0 && data.count > 0 ? 1 : 0;
    default:
      return 0;
  }
}

function* elementsOf(kernel: Kernel, map: BpfMap, { start, count }: Page): Generator<Element> {
  const { data, keySize } = map;
  const end = Math.min(start + count, countOf(map));
  if (data.kind === 'hash') {
    let n = 0;
    for (const { element } of elementsByAge(kernel, data)) {
      if (n >= end) return;
      if (n++ >= start) yield { key: keyOf(kernel, element, keySize), address: valueAddress(map, element) };
    }
  } else if (data.kind === 'stacks') {
    for (const [id, { address }] of [...data.buckets].slice(start, end)) yield { key: indexKey(id), address };
  } else if (data.kind === 'queue') {
    // what is taken out next
    if (end > start) yield { key: new Uint8Array(0), address: undefined };
  } else if (data.kind === 'array' || data.kind === 'per-cpu-array') {
    const values = data.kind === 'array' ? data.values : data.values[0]!;
    for (let index = start; index < end; index++) {
      yield { key: indexKey(index), address: values + BigInt(data.stride) * BigInt(index) };
    }
  }
}

const nameOf = ({ key }: Element): string => (key.length === 0 ? 'next' : `[${cellText(key)}]`);

function describe(kernel: Kernel, map: BpfMap, element: Element): DebugProtocol.Variable {
  const value = answer(() => readElement(kernel, map, element.key));
  const { address } = element;
  return leaf(nameOf(element), value === undefined ? '(none)' : cellText(value), {
    type: `${map.valueSize} bytes`,
    ...(address === undefined ? undefined : { memoryReference: hex(address) }),
    ...(address === undefined || ![1, 2, 4, 8].includes(map.valueSize)
      ? undefined
      : { evaluateName: `u${map.valueSize * 8}[${hex(address)}]` }),
  });
}

const mapOf = (session: DapSession, id: number): BpfMap =>
  need(targetOf(session).debugger.box.kernel.bpf.maps.get(id), `there is no map ${id}`);

/** elements that are looked through for one of a name */
const MOST_SEARCHED = 100_000;

function elementNamed(kernel: Kernel, map: BpfMap, name: string): Element {
  for (const element of elementsOf(kernel, map, { start: 0, count: MOST_SEARCHED }))
    if (nameOf(element) === name) return element;
  throw new RequestError(`map ${map.name} has no element ${name}`);
}

/** bytes that are set as one number */
const LARGEST = 8;

export const mapRows: ContainerRows<'maps' | 'map'> = {
  maps: {
    children(session) {
      const { debugger: host, variables } = targetOf(session);
      return [...host.box.kernel.bpf.maps.values()].map((map) => ({
        name: printable(map.name),
        value: `${operationsOf(map).name}, key ${map.keySize}, value ${map.valueSize}, at most ${map.maxEntries}`,
        type: `map ${map.id}`,
        variablesReference: variables.reference({ kind: 'map', id: map.id }),
        indexedVariables: countOf(map),
      }));
    },
  },
  map: {
    children(session, { id }, page) {
      const map = mapOf(session, id);
      const { kernel } = targetOf(session).debugger.box;
      return [...elementsOf(kernel, map, page)].map((element) => describe(kernel, map, element));
    },
    set(session, { id }, name, value) {
      const map = mapOf(session, id);
      const { address } = elementNamed(targetOf(session).debugger.box.kernel, map, name);
      if (address === undefined || map.valueSize > LARGEST) {
        throw new RequestError(`a value of ${map.valueSize} bytes is not set as a number: write its memory`);
      }
      const bytes = new Uint8Array(LARGEST);
      new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
      targetOf(session).debugger.writeMemory(address, bytes.subarray(0, map.valueSize));
    },
    watch(session, { id }, name) {
      const map = mapOf(session, id);
      const { address } = elementNamed(targetOf(session).debugger.box.kernel, map, name);
      return address === undefined ? undefined : `${hex(address)}:${map.valueSize}`;
    },
  },
};
