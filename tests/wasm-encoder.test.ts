/** cpu/translator/wasm: what the encoder writes, the host's validator takes, runs as meant, and prints. */
import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Bytes, WasmEncodeError } from '../cpu/translator/wasm/bytes.ts';
import { Code, type ValueType } from '../cpu/translator/wasm/code.ts';
import { encodeModule, type FunctionBody, type Import, type ModuleParts } from '../cpu/translator/wasm/module.ts';
import { operators, type Operator } from '../cpu/translator/wasm/operators.ts';
import { Reader, WasmFormatError } from '../cpu/translator/wasm/reader.ts';
import { printModule } from '../cpu/translator/wasm/wat.ts';

type Exported = (...operands: unknown[]) => unknown;

/** The host's API, as far as it is used here; @types/node has none of it. */
interface Host {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: Readonly<Record<string, Exported & { value: unknown; length: number }>> };
  Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
}
const host = (globalThis as unknown as { WebAssembly: Host }).WebAssembly;

const memoryImport: Import = { kind: 'memory', module: 'box', name: 'memory', initial: 1, maximum: 65536 };

function write(build: (code: Code) => void): Code {
  const code = new Code();
  build(code);
  return code;
}

/** A module of one exported function, `run`, with a memory. */
function single(
  params: readonly ValueType[],
  results: readonly ValueType[],
  build: (code: Code) => void,
  locals: readonly ValueType[] = [],
): Uint8Array<ArrayBuffer> {
  return encodeModule({
    types: [{ params, results }],
    imports: [memoryImport],
    functions: [{ type: 0, locals, code: write(build), export: 'run' }],
  });
}

function instantiate(
  bytes: Uint8Array,
  functions: Record<string, Exported> = {},
): InstanceType<Host['Instance']>['exports'] {
  const memory = new host.Memory({ initial: 1, maximum: 65536 });
  return new host.Instance(new host.Module(bytes), { box: { memory, ...functions } }).exports;
}

/** Compiled by the host, which says what is wrong; with the text where it does. */
function check(bytes: Uint8Array, what: string): void {
  let reason = 'not valid';
  try {
    if (new host.Module(bytes) instanceof host.Module && host.validate(bytes)) return;
  } catch (error) {
    reason = (error as Error).message;
  }
  throw new Error(`${what}: ${reason}\n${printModule(bytes)}`);
}

interface Signature {
  readonly operands: readonly ValueType[];
  readonly result?: ValueType;
}

const scalarOf: Readonly<Record<string, ValueType>> = {
  i8x16: 'i32',
  i16x8: 'i32',
  i32x4: 'i32',
  i64x2: 'i64',
  f32x4: 'f32',
  f64x2: 'f64',
};
const unary =
  /^(clz|ctz|popcnt|abs|neg|ceil|floor|trunc|nearest|sqrt|not|extend\d+_s|extend_\w+|convert_\w+|trunc_sat_\w+|demote_\w+|promote_\w+|extadd_\w+)$/;
const comparison = /^(eq|ne|[lg][te](_[su])?)$/;

/** What an operator takes and gives, by its name as the specification builds names. */
function signatureOf(name: Operator): Signature {
  const [shape, rest] = name.split('.') as [string, string];
  const scalar = scalarOf[shape];
  if (scalar !== undefined || shape === 'v128') {
    if (rest.startsWith('load')) return { operands: rest.endsWith('lane') ? ['i32', 'v128'] : ['i32'], result: 'v128' };
    if (rest.startsWith('store')) return { operands: ['i32', 'v128'] };
    if (rest === 'const') return { operands: [], result: 'v128' };
    if (rest === 'splat') return { operands: [scalar!], result: 'v128' };
    if (rest.startsWith('extract_lane')) return { operands: ['v128'], result: scalar! };
    if (rest === 'replace_lane') return { operands: ['v128', scalar!], result: 'v128' };
    if (/^(any_true|all_true|bitmask)$/.test(rest)) return { operands: ['v128'], result: 'i32' };
    if (/^sh[lr]/.test(rest)) return { operands: ['v128', 'i32'], result: 'v128' };
    if (rest === 'bitselect') return { operands: ['v128', 'v128', 'v128'], result: 'v128' };
    return { operands: unary.test(rest) ? ['v128'] : ['v128', 'v128'], result: 'v128' };
  }
  const type = shape as ValueType;
  if (rest.startsWith('load')) return { operands: ['i32'], result: type };
  if (rest.startsWith('store')) return { operands: ['i32', type] };
  if (rest === 'const') return { operands: [], result: type };
  if (rest === 'eqz') return { operands: [type], result: 'i32' };
  if (comparison.test(rest)) return { operands: [type, type], result: 'i32' };
  const from = /_([if](32|64))(_[su])?$/.exec(rest);
  if (from !== null) return { operands: [from[1] as ValueType], result: type };
  return { operands: unary.test(rest) ? [type] : [type, type], result: type };
}

const zero: Readonly<Record<ValueType, (code: Code) => void>> = {
  i32: (code) => code.i32(0),
  i64: (code) => code.i64(0n),
  f32: (code) => code.f32(0),
  f64: (code) => code.f64(0),
  v128: (code) => code.v128(new Uint8Array(16)),
};

const picks = Array.from({ length: 16 }, (_, n) => 31 - n);

/** The call that writes an operator whose name has a dot. */
function writeOperator(code: Code, name: Operator): void {
  const immediate = operators[name][1];
  if (immediate === 'memory') code.memory(name, 8);
  else if (immediate === 'memory and lane') code.memoryLane(name, 8, 1);
  else if (immediate === 'lane') code.lane(name, 1);
  else if (immediate === 'picks') code.shuffle(picks);
  else if (name.endsWith('.const')) zero[immediate as ValueType](code);
  else code.op(name);
}

/** The operators whose types do not follow from their names. */
const others: Readonly<Partial<Record<Operator, (code: Code) => void>>> = {
  unreachable: (code) => code.op('unreachable'),
  nop: (code) => code.op('nop'),
  block: (code) => (code.block(), code.end()),
  loop: (code) => (code.loop('i32'), code.i32(1), code.end(), code.op('drop')),
  if: (code) => (code.i32(1), code.if(), code.end()),
  else: (code) => (code.i32(1), code.if('f64'), code.f64(1), code.else(), code.f64(2), code.end(), code.op('drop')),
  end: (code) => (code.block(), code.end()),
  br: (code) => code.br(0),
  br_if: (code) => (code.i32(1), code.brIf(0)),
  br_table: (code) => (code.block(), code.i32(1), code.brTable([0, 1, 0], 1), code.end()),
  return: (code) => code.op('return'),
  call: (code) => code.call(0),
  call_indirect: (code) => (code.i32(0), code.callIndirect(0)),
  return_call: (code) => code.returnCall(0),
  return_call_indirect: (code) => (code.i32(0), code.returnCallIndirect(0)),
  drop: (code) => (code.i32(1), code.op('drop')),
  select: (code) => (zero.v128(code), zero.v128(code), code.i32(1), code.op('select'), code.op('drop')),
  'local.get': (code) => (code.get(0), code.op('drop')),
  'local.set': (code) => (code.i64(1n), code.set(0)),
  'local.tee': (code) => (code.i64(1n), code.tee(0), code.op('drop')),
  'global.get': (code) => (code.globalGet(0), code.op('drop')),
  'global.set': (code) => (code.i64(1n), code.globalSet(0)),
  'memory.size': (code) => (code.op('memory.size'), code.op('drop')),
  'memory.grow': (code) => (code.i32(0), code.op('memory.grow'), code.op('drop')),
  'memory.copy': (code) => (code.i32(0), code.i32(0), code.i32(0), code.op('memory.copy')),
  'memory.fill': (code) => (code.i32(0), code.i32(0), code.i32(0), code.op('memory.fill')),
};

const surroundings = (code: Code): ModuleParts => ({
  types: [{ params: [], results: [] }],
  imports: [memoryImport],
  functions: [{ type: 0, locals: ['i64'], code }],
  table: { size: 1 },
  globals: [{ type: 'i64', mutable: true, initial: 0n }],
});

test(`each of the ${Object.keys(operators).length} operators is one to the host, with the types its name says, and prints as itself`, () => {
  const opcodes = new Set(Object.values(operators).map(([opcode]) => opcode));
  assert.is(opcodes.size, Object.keys(operators).length, 'an opcode twice');
  for (const name of Object.keys(operators) as Operator[]) {
    const bytes = encodeModule(
      surroundings(
        write((code) => {
          const special = others[name];
          if (special !== undefined) return special(code);
          const { operands, result } = signatureOf(name);
          for (const type of operands) zero[type](code);
          writeOperator(code, name);
          // an operation of the result's type: dropping it would take any
          if (result === undefined) return;
          const local = { i32: 'i32.eqz', i64: 'i64.eqz', f32: 'f32.abs', f64: 'f64.abs', v128: 'v128.not' } as const;
          code.op(local[result]);
          code.op('drop');
        }),
      ),
    );
    check(bytes, name);
    const text = printModule(bytes);
    // the function's own end is printed as a parenthesis
    assert.ok(text.split(/\s+/).includes(name), `${name} is not in\n${text}`);
  }
});

/** Around every length of a LEB128 number. */
const edges = [...Array(65).keys()].flatMap((bit) => [-2n, -1n, 0n, 1n].map((near) => (1n << BigInt(bit)) + near));
const signedEdges = [...edges, ...edges.map((value) => -value)];

function readBack<Value>(write: (bytes: Bytes) => void, read: (reader: Reader) => Value): Value {
  const bytes = new Bytes();
  write(bytes);
  const reader = new Reader(bytes.view());
  const value = read(reader);
  reader.finish('number');
  return value;
}

test('LEB128 numbers at the edges of their lengths are read back', () => {
  for (const edge of signedEdges) {
    const signed = BigInt.asIntN(64, edge);
    assert.is(
      readBack(
        (bytes) => bytes.s64(edge),
        (reader) => reader.s64(),
      ),
      signed,
    );
    const word = Number(BigInt.asIntN(32, edge));
    assert.is(
      readBack(
        (bytes) => bytes.s32(word),
        (reader) => reader.s32(),
      ),
      word,
    );
    assert.is(
      readBack(
        (bytes) => bytes.s32(word >>> 0),
        (reader) => reader.s32(),
      ),
      word,
    );
    assert.is(
      readBack(
        (bytes) => bytes.u32(word >>> 0),
        (reader) => reader.u32(),
      ),
      word >>> 0,
    );
  }
});

test('numbers take as few bytes as they can', () => {
  const length = (write: (bytes: Bytes) => void): number => {
    const bytes = new Bytes();
    write(bytes);
    return bytes.length;
  };
  const s64 = [0n, -1n, 63n, -64n, 64n, -65n, 8191n, 8192n, 0x7fffffffn, -0x80000000n, (1n << 62n) - 1n, 1n << 62n];
  assert.equal(
    s64.map((value) => length((bytes) => bytes.s64(value))),
    [1, 1, 1, 1, 2, 2, 2, 3, 5, 5, 9, 10],
  );
  const u32 = [0, 127, 128, 16383, 16384, 0x0fffffff, 0x10000000, 0xffffffff];
  assert.equal(
    u32.map((value) => length((bytes) => bytes.u32(value))),
    [1, 1, 2, 2, 3, 4, 5, 5],
  );
});

/** A module with a function a constant: hundreds of constants, one compilation. */
function constants(type: ValueType, writers: readonly ((code: Code) => void)[]): unknown[] {
  const functions = writers.map((writer, n): FunctionBody => {
    return { type: 0, locals: [], code: write(writer), export: `c${n}` };
  });
  const exported = instantiate(encodeModule({ types: [{ params: [], results: [type] }], imports: [], functions }));
  return functions.map((_, n) => exported[`c${n}`]!());
}

test('constants run to themselves, signed and unsigned', () => {
  const i64 = constants(
    'i64',
    signedEdges.map((value) => (code) => code.i64(value)),
  );
  assert.equal(
    i64,
    signedEdges.map((value) => BigInt.asIntN(64, value)),
  );
  const words = signedEdges.map((value) => Number(BigInt.asIntN(32, value)));
  assert.equal(
    constants(
      'i32',
      words.map((value) => (code) => code.i32(value)),
    ),
    words,
  );
  assert.equal(
    constants(
      'i32',
      words.map((value) => (code) => code.i32(value >>> 0)),
    ),
    words,
  );
  const doubles = [0, -0, 1.5, -1e308, 5e-324, 0.1, Infinity, -Infinity, NaN, 2 ** 53 + 2];
  const f64 = constants(
    'f64',
    doubles.map((value) => (code) => code.f64(value)),
  );
  assert.ok(f64.every((value, n) => Object.is(value, doubles[n])));
  const f32 = constants(
    'f32',
    doubles.map((value) => (code) => code.f32(value)),
  );
  assert.ok(f32.every((value, n) => Object.is(value, Math.fround(doubles[n]!))));
});

test('v128 constants and shuffles: the lowest byte first', () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, n) => 0xf0 - n);
  const code = (index: number) => (to: Code) => {
    to.v128(bytes);
    to.v128(new Uint8Array(16).fill(7));
    to.shuffle(picks);
    to.v128(bytes);
    to.op('v128.xor');
    to.v128(bytes);
    to.op('v128.xor');
    to.lane('i8x16.extract_lane_u', index);
  };
  const got = constants(
    'i32',
    picks.map((_, n) => code(n)),
  );
  assert.equal(
    got,
    picks.map((pick) => (pick < 16 ? bytes[pick] : 7)),
  );
});

test('offsets up to 2^32-1', () => {
  const bytes = single(['i32'], ['i64'], (code) => {
    code.get(0);
    code.memory('i64.load', 0xffffffff);
    code.get(0);
    code.i64(0x1122334455667788n);
    code.memory('i64.store', 100);
    code.get(0);
    code.memory('i64.load32_u', 96);
    code.op('i64.add');
  });
  check(bytes, 'offsets');
  assert.match(printModule(bytes), 'i64.load offset=4294967295');
  assert.throws(() => instantiate(bytes)['run']!(0), /out of bounds/);
});

test('locals: neighbours of one type are one entry, in the order given', () => {
  const given: ValueType[] = ['i64', 'i64', 'i32', 'i64', 'v128', 'v128', 'v128', 'f32', 'f64'];
  const bytes = single(['i32'], ['f64'], (code) => (code.f64(2.5), code.tee(9)), given);
  assert.is(instantiate(bytes)['run']!(0), 2.5);
  const declared = printModule(bytes)
    .match(/\(local .*\)/g)!
    .map((text) => text.slice(7, -1));
  assert.equal(declared, ['$1..$2 i64', '$3 i32', '$4 i64', '$5..$7 v128', '$8 f32', '$9 f64']);
});

/** Sums 1 to n with a tail call, by way of the table, and tells the host. */
function sums(): Uint8Array<ArrayBuffer> {
  const step = write((code) => {
    code.get(0);
    code.op('i64.eqz');
    code.if(undefined, false);
    code.get(1);
    code.call(0);
    code.op('return');
    code.end();
    code.get(0);
    code.i64(1n);
    code.op('i64.sub');
    code.get(0);
    code.get(1);
    code.op('i64.add');
    code.globalGet(0);
    code.returnCallIndirect(1);
  });
  const run = write((code) => {
    code.get(0);
    code.i64(0n);
    code.returnCall(1);
  });
  return encodeModule({
    types: [
      { params: ['i64'], results: ['i64'] },
      { params: ['i64', 'i64'], results: ['i64'] },
    ],
    imports: [{ kind: 'function', module: 'box', name: 'tell', type: 0 }, memoryImport],
    functions: [
      { type: 1, locals: [], code: step },
      { type: 0, locals: [], code: run, export: 'run' },
    ],
    table: { size: 3, maximum: 5, export: 'table' },
    globals: [{ type: 'i32', mutable: true, initial: 2 }],
    elements: [{ offset: 2, functions: [1] }],
  });
}

test('imports come first, tail calls keep the stack, the table is exported', () => {
  const told: unknown[] = [];
  const exported = instantiate(sums(), { tell: (value) => (told.push(value), -1n) });
  assert.is(exported['run']!(100_000n), -1n);
  assert.equal(told, [5_000_050_000n]);
  assert.is(exported['table']!.length, 3);
});

test('a table that is imported, and br_table', () => {
  const provider = encodeModule({ types: [], imports: [], functions: [], table: { size: 1, export: 'table' } });
  const bytes = encodeModule({
    types: [{ params: ['i32'], results: ['i32'] }],
    imports: [{ kind: 'table', module: 'box', name: 'table', initial: 1 }],
    functions: [
      {
        type: 0,
        locals: [],
        export: 'run',
        code: write((code) => {
          for (let n = 0; n < 3; n++) code.block();
          assert.is(code.depth, 3);
          code.get(0);
          code.brTable([0, 1, 0], 2);
          for (let n = 0; n < 3; n++) {
            code.end();
            code.i32(10 + n);
            code.op('return');
          }
          code.op('unreachable');
        }),
      },
    ],
    elements: [{ offset: 0, functions: [0] }],
  });
  const { table } = instantiate(provider);
  const { run } = new host.Instance(new host.Module(bytes), { box: { table } }).exports;
  assert.equal(
    [0, 1, 2, 3, -1].map((pick) => run!(pick)),
    [10, 11, 10, 12, 12],
  );
});

test('a buffer that grows: 100,000 additions', () => {
  const bytes = single([], ['i32'], (code) => {
    code.i32(0);
    for (let n = 0; n < 100_000; n++) {
      code.i32(n);
      code.op('i32.add');
    }
  });
  assert.is(instantiate(bytes)['run']!(), (99_999 * 50_000) | 0);
});

/** Two calls, and a hint which of them is rare. */
function branching(likely: boolean | undefined): Uint8Array<ArrayBuffer> {
  return encodeModule({
    types: [{ params: ['i32'], results: ['i32'] }],
    imports: [{ kind: 'function', module: 'box', name: 'tell', type: 0 }],
    functions: [
      {
        type: 0,
        // 200 entries of locals: the offset is more than a byte long
        locals: Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? 'i32' : 'i64')),
        export: 'run',
        code: write((code) => {
          code.get(0);
          code.if('i32', likely);
          code.get(0);
          code.i32(7);
          code.op('i32.mul');
          code.call(0);
          code.else();
          code.i32(11);
          code.call(0);
          code.end();
        }),
      },
    ],
  });
}

test('branch hints: printed where they are, and no section without one', () => {
  assert.match(printModule(branching(true)), 'if (result i32) ;; @1, likely\n');
  assert.match(printModule(branching(false)), 'if (result i32) ;; @1, unlikely\n');
  assert.not.match(printModule(branching(undefined)), 'likely');
  assert.not.match(Buffer.from(branching(undefined)).toString('latin1'), 'branch_hint');
  for (const likely of [true, false, undefined]) {
    const exported = instantiate(branching(likely), { tell: (value) => Number(value) + 1 });
    assert.equal([exported['run']!(0), exported['run']!(3)], [12, 22]);
  }
});

const compile = "new WebAssembly.Module(Buffer.from(process.argv[1], 'base64'))";

/** The mnemonics V8 makes of it with branch hinting; empty where this Node prints no code. */
function machineCode(bytes: Uint8Array): string {
  const flags = [
    '--experimental-wasm-branch-hinting',
    '--no-liftoff',
    '--no-wasm-lazy-compilation',
    '--print-wasm-code',
  ];
  const printed = execFileSync(process.execPath, [...flags, '-e', compile, Buffer.from(bytes).toString('base64')], {
    encoding: 'utf8',
  });
  const own = printed.slice(printed.indexOf('kind: wasm function'));
  return (
    own
      .match(/^0x.*$/gm)
      ?.map((line) => line.split(/\s+/).slice(3).join(' ').replace(/0x\w+/g, ''))
      .join('\n') ?? ''
  );
}

test('branch hints: V8 follows them', () => {
  const likely = machineCode(branching(true));
  if (likely !== '') assert.is.not(likely, machineCode(branching(false)));
});

test('the text of a module', () => {
  assert.fixture(
    printModule(sums()),
    `(module
  (type 0 (func (param i64) (result i64)))
  (type 1 (func (param i64 i64) (result i64)))
  (import "box" "tell" (func 0 (type 0)))
  (import "box" "memory" (memory 1 65536))
  (table 0 3 5 funcref)
  (global 0 (mut i32) (i32.const 2))
  (export "run" (func 2))
  (export "table" (table 0))
  (elem (i32.const 2) 1)
  (func 1 (type 1) (param i64 i64) (result i64)
    local.get $0
    i64.eqz
    if ;; @1, unlikely
      local.get $1
      call 0 ;; box.tell
      return
    end
    local.get $0
    i64.const 1
    i64.sub
    local.get $0
    local.get $1
    i64.add
    global.get 0
    return_call_indirect 0 (type 1)
  )
  (func 2 (type 0) (param i64) (result i64)
    local.get $0
    i64.const 0
    return_call 1
  )
)
`,
  );
});

test('the text of blocks, constants and vectors', () => {
  const bytes = single(['i32'], [], (code) => {
    code.block();
    code.loop();
    code.get(0);
    code.brIf(1, true);
    code.get(0);
    code.brTable([0, 1], 2);
    code.end();
    code.end();
    code.i32(-1);
    code.i64(0xffffffff81000000n);
    code.f32(0.5);
    code.f64(-0);
    code.f64(-Infinity);
    code.v128(Uint8Array.from({ length: 16 }, (_, n) => n));
    code.i32(16);
    code.v128(new Uint8Array(16));
    code.memoryLane('v128.load16_lane', 4, 7);
    code.shuffle(picks);
    code.lane('i16x8.extract_lane_u', 3);
    code.op('unreachable');
  });
  check(bytes, 'text');
  const text = printModule(bytes);
  assert.fixture(
    text.slice(text.indexOf('(func 0 (type 0) (param')),
    `(func 0 (type 0) (param i32)
    block ;; @1
      loop ;; @2
        local.get $0
        br_if 1 ;; @1, likely
        local.get $0
        br_table 0 1 2 ;; @2 @1 @0
      end
    end
    i32.const -1
    i64.const 0xffffffff81000000
    f32.const 0.5
    f64.const -0
    f64.const -inf
    v128.const i32x4 0x03020100 0x07060504 0x0b0a0908 0x0f0e0d0c
    i32.const 16
    v128.const i32x4 0x00000000 0x00000000 0x00000000 0x00000000
    v128.load16_lane offset=4 7
    i8x16.shuffle 31 30 29 28 27 26 25 24 23 22 21 20 19 18 17 16
    i16x8.extract_lane_u 3
    unreachable
  )
)
`,
  );
});

/** Bounded: xorshift over the bytes. */
function* mutants(bytes: Uint8Array, count: number): Generator<Uint8Array> {
  let seed = 0x2545f491;
  const next = (below: number): number => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) % below;
  };
  for (let n = 0; n < count; n++) {
    const mutant = bytes.slice(0, next(4) === 0 ? next(bytes.length) : bytes.length);
    for (let changes = next(4); changes >= 0 && mutant.length > 0; changes--) mutant[next(mutant.length)] = next(256);
    yield mutant;
  }
}

test('bytes that are no module of ours are a WasmFormatError, never another', () => {
  let printed = 0;
  for (const bytes of [sums(), branching(true)]) {
    for (const mutant of mutants(bytes, 3000)) {
      try {
        printModule(mutant);
        printed++;
      } catch (error) {
        if (!(error instanceof WasmFormatError)) throw error;
      }
    }
  }
  assert.ok(printed > 0);
  const unknown = single([], [], (code) => code.op('nop'));
  unknown[unknown.length - 2] = 0x06;
  assert.throws(() => printModule(unknown), /offset 0x\w+: got opcode 0x6, which operators\.ts has not/);
  assert.throws(() => printModule(Uint8Array.of(0x7f, 0x45)), /header: got 0x7f, expected 0x0/);
});

const misuses: readonly (readonly [string, (code: Code) => void, RegExp])[] = [
  ['op of a load', (code) => code.op('i64.load'), /i64\.load has the immediate "memory", expected "none"/],
  [
    'memory of an addition',
    (code) => code.memory('i64.add', 0),
    /i64\.add has the immediate "none", expected "memory"/,
  ],
  ['no operator', (code) => code.op('i64.frob' as Operator), /i64\.frob has the immediate "unknown operator"/],
  ['end as an operator', (code) => code.op('end'), /end is a method/],
  ['one end too many', (code) => code.end(), /no block is open/],
  ['negative local', (code) => code.get(-1), /got -1, expected an integer/],
  ['fractional offset', (code) => code.memory('i32.load', 0.5), /got 0\.5/],
  ['offset of 2^32', (code) => code.memory('i32.load', 2 ** 32), /got 4294967296/],
  ['short v128', (code) => code.v128(new Uint8Array(8)), /got 8 bytes, expected 16/],
  ['short shuffle', (code) => code.shuffle([0]), /got 1 picks, expected 16/],
];

for (const [what, misuse, message] of misuses) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => write(misuse),
      (error: unknown) => error instanceof WasmEncodeError && message.test(error.message),
    );
  });
}

test('refused: a function with an open block', () => {
  assert.throws(() => single([], [], (code) => code.block()), /function 0: 1 open blocks, expected none/);
});

test.run();
