/** Inputs that do what a campaign is there to notice: for its own test. */
import type { Fuzzer } from './fuzzer.ts';
import { pick } from './random.ts';

const troubles = [
  'fine',
  'throws',
  'throws no Error',
  'hangs',
  'ends the process',
  'takes the heap',
  'takes buffers',
] as const;
export type Trouble = (typeof troubles)[number];

const kept: unknown[] = [];

function act(trouble: Trouble): string {
  switch (trouble) {
    case 'fine':
      return 'fine';
    case 'throws':
      throw new RangeError('a number');
    case 'throws no Error':
      // oxlint-disable-next-line no-throw-literal
      throw 'a text';
    case 'hangs':
      for (;;);
    case 'ends the process':
      return process.exit(3);
    case 'takes the heap':
      for (;;) kept.push(Array.from({ length: 100_000 }, (_, n) => ({ n })));
    case 'takes buffers':
      kept.push(new Uint8Array(1200 << 20).fill(1));
      return 'fine';
  }
}

export const trouble: Fuzzer<Trouble> = {
  make: (random) => pick(random, troubles),
  text: (what) => what,
  run: act,
};
