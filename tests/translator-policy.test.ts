/** When the translator translates: early only what most of the time goes to, later what has been paid for. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine } from '../cpu/engine.ts';
import { forgetDecoded } from '../cpu/memory.ts';
import { defaultOptions, type TranslatorOptions } from '../cpu/translator/options.ts';
import { Policy } from '../cpu/translator/policy.ts';
import { assemble } from '../toolchain/assembler/index.ts';
import { At, createBareCpu } from './support/bare-cpu.ts';

const RUNS = process.env['TEST_TIER'] === 'slow' ? 5000 : 200;

const policyOf = (options: Partial<TranslatorOptions> = {}): Policy => new Policy({ ...defaultOptions, ...options });
/** One that has executed enough for what is interpreted to pay in full. */
const LATE = { patientFor: 0 };

/** Instructions that have to be interpreted before one more region is allowed. */
function debtOf(policy: Policy): number {
  let interpreted = 0;
  for (; !policy.allows; interpreted++) policy.earn(1, 0);
  return interpreted;
}

test('early, code is hot when half of everything has been interpreted there, and never soon', () => {
  const policy = policyOf();
  assert.ok(policy.threshold > defaultOptions.threshold);
  const first = policy.threshold;
  policy.earn(1_000_000, 0);
  assert.ok(policy.threshold > first);
  assert.is(policy.threshold, 500_000);
  policy.earn(2_000_000, 0);
  assert.is(policy.threshold, 1_500_000);
});

test('later, what counts is how often it has been interpreted', () => {
  const policy = policyOf();
  policy.earn(10, defaultOptions.patientFor - 11);
  assert.ok(policy.threshold > defaultOptions.threshold);
  policy.earn(10, defaultOptions.patientFor - 20);
  assert.is(policy.threshold, defaultOptions.threshold);
  // also behind a jump back in time
  policy.earn(10, 0);
  assert.is(policy.threshold, defaultOptions.threshold);
});

test('nothing is translated before something has been interpreted; later it comes sooner', () => {
  assert.not(policyOf().allows);
  const early = debtOf(policyOf());
  const late = debtOf(policyOf(LATE));
  assert.ok(late > 0);
  assert.ok(early > late * 10, `${early} early, ${late} later`);
});

test('with a price of 0 everything is allowed at once and always', () => {
  const policy = policyOf({ price: 0, threshold: 2 });
  for (let n = 0; n < 1000; n++) policy.spend(300);
  assert.ok(policy.allows);
  assert.is(policy.threshold, 2);
});

test('what is paid is in proportion to the price, and early to the thrift', () => {
  const of = (options: Partial<TranslatorOptions>): number => debtOf(policyOf(options));
  assert.is(of({ ...LATE, price: 2 }), of(LATE) * 2);
  assert.is(of({ thrift: 8 }), of({ thrift: 4 }) * 2);
});

/** Instructions to be interpreted for the region of so many instructions that follows `regions` others. */
function costOf(instructions: number, regions: number, options: Partial<TranslatorOptions> = {}): number {
  const policy = policyOf({ ...LATE, ...options });
  for (let n = 0; n < regions; n++) policy.spend(1);
  debtOf(policy);
  policy.spend(instructions);
  return debtOf(policy);
}

test('a large region costs more than a small one, and the first ones more than later ones', () => {
  assert.ok(costOf(300, 0) > costOf(10, 0));
  assert.ok(costOf(100, 0) > costOf(100, 8));
  assert.ok(costOf(100, 8) > costOf(100, 50));
});

const steps = fc.array(
  fc.oneof(
    fc.record({ earn: fc.integer({ min: 1, max: 20_000 }), spend: fc.constant(0) }),
    fc.record({ earn: fc.constant(0), spend: fc.integer({ min: 1, max: 300 }) }),
  ),
  { maxLength: 60 },
);

test('what is spent never exceeds what has been earned by more than one region', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(1, 2, 5), (list, price) => {
      const policy = policyOf({ ...LATE, price });
      let earned = 0;
      let spent = debtOf(policyOf({ ...LATE, price }));
      let last = spent;
      let regions = 0;
      for (const { earn, spend } of list) {
        if (spend === 0) {
          policy.earn(earn, 0);
          earned += earn;
        } else if (policy.allows) {
          last = costOf(spend, regions++, { price });
          spent += last;
          policy.spend(spend);
        }
        // costs are whole instructions here, rounded up
        assert.ok(spent - earned <= last, `${spent} spent, ${earned} earned, ${last} of that for the last`);
        // and what is allowed has been paid for
        assert.ok(!policy.allows || spent <= earned + regions + 1, `${spent} spent, ${earned} earned`);
      }
    }),
    { numRuns: RUNS },
  );
});

// in the engine

const host = {
  native: (): never => {
    throw new Error('a native call of a processor without host');
  },
  random: () => 1n,
};

/** Loops of 60,000 instructions each, one after the other, for ever. */
function engineOf(loops: number) {
  const { cpu, memory, registers } = createBareCpu();
  const text = Array.from(
    { length: loops },
    (_, n) => `movl $20000, %ecx\nloop${n}: addq %rcx, %rax; subl $1, %ecx; jnz loop${n}`,
  );
  const { bytes } = assemble(`start:\n${text.join('\n')}\njmp start\n`, {
    sections: { '.text': BigInt(At.code) },
  }).sections.get('.text')!;
  memory.bytes.set(bytes, At.code);
  forgetDecoded(memory, At.code, bytes.length);
  registers.rip = BigInt(At.code);
  const engine = createEngine(memory, 'translator');
  return (instructions: number): number => {
    engine.run(cpu, host, instructions);
    return engine.stats!.translations;
  };
}

test('a short program is translated where it is in one loop, and not where it is everywhere', () => {
  assert.ok(engineOf(1)(1_000_000) > 0);
  const everywhere = engineOf(8);
  assert.is(everywhere(2_000_000), 0);
  assert.ok(everywhere(4_000_000) > 0, 'a long one is translated all the same');
});

test.run();
