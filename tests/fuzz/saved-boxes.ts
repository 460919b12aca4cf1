/** Files of saved boxes with things wrong in them: in the bytes, or in the records that the bytes stand for. */
import { readTrees, writeTrees } from '../../box/saved/tree.ts';
import type { Frozen, FrozenObject } from '../../box/frozen.ts';
import { Box, SavedBoxError, type EngineName } from '../../index.ts';
import { fileOf, partsOf, signed } from '../support/forged-box.ts';
import { bootSample } from '../support/samples.ts';
import { programFile } from '../support/subjects.ts';
import type { Random } from '../random-instructions.ts';
import { damaged } from './bytes.ts';
import type { Fuzzer } from './fuzzer.ts';
import { anyNumber, between, oneIn, pick } from './random.ts';

const BUDGET = 40_000;
const CPUS = 2;

/** Boxes in which much is going on. */
async function boxes(): Promise<Uint8Array[]> {
  const options = { memory: 16 << 20, cpus: CPUS, engine: 'interpreter' } as const;
  const sample = await bootSample('error_injector', [], options);
  sample.box.run({ budget: 60_000 });
  const panics = await bootSample('panic', ['lock'], options);
  panics.box.run({ budget: 90_000 });
  const busy = await Box.boot({ ...options, network: { veth: [{ name: 'eth0', address: '10.0.0.1/24' }] } });
  for (const name of [
    'pipeline',
    'epoll-server',
    'tcp-echo',
    'udp-echo',
    'threads',
    'signals',
    'ringbuf',
    'perf-events',
  ]) {
    busy.files.write(`/bin/${name}`, programFile(name));
    busy.spawn(`/bin/${name}`);
  }
  busy.run({ budget: 250_000 });
  return [sample.box, panics.box, busy].map((box) => box.save());
}
const files = await boxes();
const parts = files.map(partsOf);

export interface SavedBoxes {
  readonly file: Uint8Array;
  readonly what: readonly string[];
  readonly engine: EngineName;
}

type Path = readonly (string | number)[];

/** The values below `node`, each with the way to it and what puts another there. */
interface Spot {
  readonly path: Path;
  readonly value: Frozen;
  readonly put: (value: Frozen) => void;
  readonly parent: FrozenObject;
}

function listsOf(node: FrozenObject): readonly Frozen[][] {
  if (node.kind === 'map') return [node.keys as Frozen[], node.values as Frozen[]];
  return node.kind === 'record' || node.kind === 'array' || node.kind === 'set' ? [node.values as Frozen[]] : [];
}

/** Goes down at random, so that each level is as likely. */
function anySpot(random: Random, root: FrozenObject): Spot | undefined {
  let node = root;
  const path: (string | number)[] = [];
  let spot: Spot | undefined;
  for (;;) {
    const lists = listsOf(node).filter((list) => list.length > 0);
    if (lists.length === 0) return spot;
    const list = pick(random, lists);
    const n = random(list.length);
    path.push(node.kind === 'record' ? node.keys[n]! : n);
    const value = list[n];
    const parent = node;
    spot = { path: [...path], value, parent, put: (other) => void (list[n] = other) };
    if (typeof value !== 'object' || value === null || oneIn(random, 12)) return spot;
    if (value.kind === 'buffer' || value.kind === 'view') return spot;
    node = value;
  }
}

const shown = (value: Frozen): string =>
  typeof value === 'object' && value !== null
    ? value.kind
    : typeof value === 'bigint'
      ? `${value}n`
      : (JSON.stringify(value) ?? 'undefined');

/** Of the same type, so that only what it means is wrong; or of any. */
function otherValue(random: Random, value: Frozen, roots: readonly FrozenObject[]): Frozen {
  const number = Number(BigInt.asIntN(64, anyNumber(random)));
  if (!oneIn(random, 3)) {
    if (typeof value === 'number')
      return pick(random, [
        value + 1,
        value - 1,
        -value,
        0,
        -1,
        number,
        2 ** 31,
        2 ** 53,
        0.5,
        NaN,
        Infinity,
        1e300,
        value * 4096,
      ]);
    if (typeof value === 'bigint')
      return pick(random, [
        value + 1n,
        value - 1n,
        -value,
        0n,
        anyNumber(random),
        value + 4096n,
        1n << 64n,
        -1n,
        1n << 500n,
      ]);
    if (typeof value === 'string')
      return pick(random, [
        '',
        `${value}x`,
        '\0',
        '/',
        '..',
        '__proto__',
        'x'.repeat(5000),
        value.slice(1),
        'running',
        'zombie',
        'sleeping',
      ]);
    if (typeof value === 'boolean') return !value;
  }
  const other = anySpot(random, pick(random, roots))?.value;
  return pick<Frozen>(random, [
    undefined,
    null,
    true,
    number,
    anyNumber(random),
    'x',
    other,
    other,
    other,
    { kind: 'record', keys: [], values: [] },
    { kind: 'array', values: [], holes: [] },
    { kind: 'map', keys: [], values: [] },
  ]);
}

/** Whether `part` is in `node`, or is it. */
function contains(node: Frozen, part: FrozenObject, seen = new Set<FrozenObject>()): boolean {
  if (typeof node !== 'object' || node === null || seen.has(node)) return false;
  seen.add(node);
  return node === part || listsOf(node).some((list) => list.some((value) => contains(value, part, seen)));
}

function changeRecords(random: Random, roots: readonly FrozenObject[]): string[] {
  const what: string[] = [];
  for (let n = between(random, 1, 3); n > 0; n--) {
    const spot = anySpot(random, pick(random, roots));
    if (spot === undefined) continue;
    const { path, value, parent, put } = spot;
    const name = path.join('.');
    const kind = random(10);
    if (kind === 0 && parent.kind !== 'view' && parent.kind !== 'buffer') {
      const at = random(parent.values.length);
      for (const list of parent.kind === 'record'
        ? [parent.keys as Frozen[], parent.values as Frozen[]]
        : listsOf(parent))
        list.splice(at, 1);
      what.push(`left out beside ${name}: ${at}`);
    } else if (kind === 1 && parent.kind !== 'view' && parent.kind !== 'buffer' && parent.kind !== 'record') {
      const at = random(parent.values.length);
      for (const list of listsOf(parent)) list.push(list[at]);
      what.push(`doubled beside ${name}: ${at}`);
    } else {
      const other = otherValue(random, value, roots);
      // a file cannot say that something is part of itself
      if (contains(other, parent)) continue;
      put(other);
      what.push(`${name}: ${shown(other)} in place of ${shown(value)}`);
    }
  }
  return what;
}

function make(random: Random): SavedBoxes {
  const number = random(files.length);
  const engine = pick(random, ['interpreter', 'translator'] as const);
  if (oneIn(random, 3)) {
    const file = files[number]!;
    const { bytes, text: what } = damaged(random, file.subarray(0, file.length - 4), (of) => {
      const kind = of(4);
      if (kind === 0) return of(80);
      return kind === 1 ? of(file.length) : file.length - 5 - of(100_000);
    });
    return { file: oneIn(random, 10) ? bytes : signed(bytes), what: [`file ${number}`, ...what], engine };
  }
  const { head, sections } = parts[number]!;
  const trees = readTrees(sections[2]!, CPUS + 2) as FrozenObject[];
  // most of what there is, is the kernel's
  const what = changeRecords(random, oneIn(random, 8) ? trees : [trees[CPUS]!]);
  return {
    file: fileOf({ head, sections: [sections[0]!, sections[1]!, writeTrees(trees).finish()] }),
    what: [`file ${number}`, ...what],
    engine,
  };
}

/** The outcome of `action`, or of the SavedBoxError that it throws. */
async function orMalformed(action: () => string | Promise<string>): Promise<string> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof SavedBoxError) return error.code;
    throw error;
  }
}

const run = ({ file, engine }: SavedBoxes): Promise<string> =>
  orMalformed(async () => {
    const box = await Box.load(file, { engine, translator: { threshold: 2 } });
    const outcome = await orMalformed(() => {
      const { reason } = box.run({ budget: BUDGET });
      box.save();
      return reason;
    });
    return `runs, ${outcome}`;
  });

export const savedBoxes: Fuzzer<SavedBoxes> = {
  make,
  text: ({ what }) => what.join('\n'),
  bytes: ({ file }) => file,
  run,
};
