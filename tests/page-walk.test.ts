// Page walks against a model in 64-bit numbers: entries of all kinds at every level, every mode, access and control bit.
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpu } from '../cpu/cpu.ts';
import { isFault, Vector } from '../cpu/fault.ts';
import { createMemory } from '../cpu/memory.ts';
import { Access, flushTlb, Pte, translate } from '../cpu/paging.ts';
import { Slot } from '../cpu/state.ts';

const RUNS = Number(process.env['RUNS'] ?? (process.env['TEST_TIER'] === 'slow' ? 200_000 : 5000));
const seed = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const memory = createMemory(1 << 24);
const cpu = createCpu(memory, 0);
/** pages that hold tables: the root, then one a level */
const TABLES = [1, 2, 3, 4];
const [WP, NXE, SMEP, SMAP] = [1n << 16n, 1n << 11n, 1n << 20n, 1n << 21n];

interface Case {
  readonly linear: bigint;
  /** by level, from the root: the entry's flags, and where a leaf points */
  readonly entries: readonly (readonly [flags: bigint, high: bigint])[];
  readonly leaf: bigint;
  readonly access: 0 | 1 | 2;
  readonly mode: 0 | 1 | 2;
  readonly control: readonly [wp: boolean, nxe: boolean, smep: boolean, smap: boolean];
}

const flags = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(7n, 0x67n, 3n, 5n, 0x87n) },
  { weight: 1, arbitrary: fc.bigInt(0n, 0xfffn) },
);
const high = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0n) },
  { weight: 2, arbitrary: fc.constant(1n << 63n) },
  { weight: 1, arbitrary: fc.bigInt(0n, (1n << 32n) - 1n).map((bits) => bits << 32n) },
);
const walk = fc.record<Case>(
  {
    linear: fc.oneof(
      {
        weight: 8,
        arbitrary: fc.bigInt(0n, (1n << 48n) - 1n).map((bits) => BigInt.asUintN(64, BigInt.asIntN(48, bits))),
      },
      { weight: 1, arbitrary: fc.bigInt(0n, (1n << 64n) - 1n) },
    ),
    entries: fc.array(fc.tuple(flags, high), { minLength: 4, maxLength: 4 }),
    leaf: fc.oneof(fc.bigInt(0n, 0xfffn), fc.bigInt(0n, 0xf_ffffn)).map((page) => page << 12n),
    access: fc.constantFrom(Access.read, Access.write, Access.fetch),
    mode: fc.constantFrom(0, 1, 2),
    control: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()),
  },
  { noNullPrototype: true },
);

const index = (linear: bigint, level: number): bigint => (linear >> BigInt(12 + 9 * level)) & 511n;

/** The entries that a walk meets, by level from 3 down; a table is the next of TABLES, a page is `leaf`. */
function entriesOf({ entries, leaf }: Case): bigint[] {
  return entries.map(([low, upper], n) => {
    const level = 3 - n;
    const isLeaf = level === 0 || (level < 3 && (low & Pte.large) !== 0n);
    return low | upper | (isLeaf ? leaf : BigInt(TABLES[n + 1]!) << 12n);
  });
}

/** What the manual says: SDM vol. 3, 4.5 to 4.8. */
function model(one: Case): { readonly result: string; readonly entries: readonly bigint[] } {
  const { linear, access, mode, control } = one;
  const [wp, nxe, smep, smap] = control;
  const entries = entriesOf(one);
  const write = access === Access.write;
  const fetch = access === Access.fetch;
  const code = (write ? 2 : 0) | (mode === 0 ? 4 : 0) | (fetch && nxe ? 16 : 0);
  const fault = (present: number): { result: string; entries: bigint[] } => ({
    result: `${Vector.PF} ${code | present} ${linear}`,
    entries,
  });
  if (BigInt.asUintN(64, BigInt.asIntN(48, linear)) !== linear) return { result: `${Vector.GP} 0 ${linear}`, entries };
  let [writable, user, noExecute] = [true, true, false];
  for (let level = 3; level >= 0; level--) {
    const entry = entries[3 - level]!;
    if ((entry & Pte.present) === 0n) return fault(0);
    writable &&= (entry & Pte.write) !== 0n;
    user &&= (entry & Pte.user) !== 0n;
    noExecute ||= (entry & Pte.noExecute) !== 0n;
    const isLeaf = level === 0 || (level < 3 && (entry & Pte.large) !== 0n);
    const denied =
      (fetch && nxe && noExecute) ||
      (mode === 0 && (!user || (write && !writable))) ||
      (mode !== 0 && write && wp && !writable) ||
      (mode !== 0 && user && (fetch ? smep : smap && mode === 1));
    if (isLeaf && denied) return fault(1);
    entries[3 - level] = entry | Pte.accessed | (isLeaf && write ? Pte.dirty : 0n);
    const span = 1n << BigInt(12 + 9 * level);
    const address = entry & Pte.address;
    if (isLeaf) {
      const physical = (address & ~(span - 1n)) | (linear & (span - 1n));
      return physical >= BigInt(memory.size) ? fault(9) : { result: `at ${physical}`, entries };
    }
    if (address + index(linear, level - 1) * 8n + 8n > BigInt(memory.size)) return fault(9);
    // a table elsewhere is empty memory
    if (address >> 12n !== BigInt(TABLES[4 - level]!)) return fault(0);
  }
  throw new Error('a walk without an end');
}

test('page walks as the manual has them', () => {
  const result = fc.check(
    fc.property(walk, (one) => {
      memory.bytes.fill(0, 0, 5 * 4096);
      const at = (level: number): number => TABLES[3 - level]! * 4096 + Number(index(one.linear, level)) * 8;
      entriesOf(one).forEach((entry, n) => memory.view.setBigUint64(at(3 - n), entry, true));
      const [wp, nxe, smep, smap] = one.control;
      cpu.slots[Slot.cr3] = 0x1000n;
      cpu.slots[Slot.cr0] = wp ? WP : 0n;
      cpu.slots[Slot.efer] = nxe ? NXE : 0n;
      cpu.slots[Slot.cr4] = (smep ? SMEP : 0n) | (smap ? SMAP : 0n);
      cpu.mode = one.mode;
      flushTlb(cpu);
      const wanted = model(one);
      let found;
      try {
        found = `at ${translate(cpu, one.linear, one.access)}`;
      } catch (fault) {
        if (!isFault(fault)) throw fault;
        found = `${fault.vector} ${fault.errorCode} ${fault.address}`;
      }
      assert.is(found, wanted.result);
      wanted.entries.forEach((entry, n) => assert.is(memory.view.getBigUint64(at(3 - n), true), entry, `entry ${n}`));
    }),
    { numRuns: RUNS, ...seed },
  );
  const replay = `SEED=${result.seed} RUNS=${RUNS} npx tsx tests/page-walk.test.ts`;
  assert.not.ok(result.failed, `${replay}\n${fc.defaultReportMessage(result)}`);
});

test.run();
