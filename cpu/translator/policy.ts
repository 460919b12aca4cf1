/**
 * When code is worth being translated. Interpreted instructions pay for it: at first a part of each, and only code in which
 * most of the time goes is translated at all, so that a short program does not wait for what it will not use; when the box has
 * executed some millions more than it takes, because what is interpreted then is what keeps it from being fast.
 */
import type { TranslatorOptions } from './options.ts';

// in instructions of the interpreter's: what a region and each of its instructions takes, and the time until the first
const REGION = 5000;
const INSTRUCTION = 100;
const FIRST = 10_000;
/** what an interpreted instruction pays later */
const GENEROSITY = 4;
/** the translator itself is slow at first: so many times more, half as much after `WARM` regions */
const COLD = 3;
const WARM = 8;
/** what the translator's first use takes, and the part of all instructions that justifies it */
const EARLY = 100_000;
const SHARE = 1 / 2;

export class Policy {
  private readonly options: TranslatorOptions;
  private credit: number;
  private regions = 0;
  private interpreted = 0;
  private isEarly: boolean;

  constructor(options: TranslatorOptions) {
    this.options = options;
    this.credit = -FIRST * options.price;
    this.isEarly = options.price > 0;
  }

  /** So many instructions have been interpreted; `translated`: and so many executed in regions, so far. */
  earn(interpreted: number, translated: number): void {
    const { patientFor, thrift } = this.options;
    this.interpreted += interpreted;
    if (this.interpreted + translated >= patientFor) this.isEarly = false;
    this.credit += this.isEarly ? interpreted / thrift : interpreted * GENEROSITY;
  }

  /** Instructions interpreted from an address on after which it is hot. */
  get threshold(): number {
    const { threshold } = this.options;
    return this.isEarly ? Math.max(threshold, EARLY, this.interpreted * SHARE) : threshold;
  }

  /** Whether one more region has been paid for. */
  get allows(): boolean {
    return this.credit >= 0;
  }

  /** A region of so many instructions has been translated. */
  spend(instructions: number): void {
    const factor = 1 + COLD / (1 + this.regions / WARM);
    this.credit -= this.options.price * (REGION + INSTRUCTION * instructions) * factor;
    this.regions++;
  }
}
