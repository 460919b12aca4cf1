/** The part of the reading in words (evaluate-words.ts) that computes with vectors and floats. */
import type { FloatOperation, FloatOrder, VectorOperation, VectorShift } from './algebra.ts';
import { BorrowedOperations } from './borrowed.ts';
import type { evaluate } from './evaluate.ts';
import { Mxcsr as mxcsrBits, roundingOf } from './float-format.ts';
import * as host from './float-host.ts';
import type { Width } from './instruction.ts';
import { Slot } from './state.ts';
import { combineWords, shuffleWords } from './vector.ts';
import { countAt, numberAt, putNumber, settle, shiftLanes } from './word-arithmetic.ts';
import { copyVector, floatAt, put, putFloat, putWhole, reserve, wholeAt, words, type Place } from './word-values.ts';

// local constants: see word-values.ts
const Mxcsr = mxcsrBits;
const MXCSR = Slot.mxcsr * 2;
const values = words;

const unordered: FloatOrder<boolean> = { unordered: true, less: false, equal: false };
const less: FloatOrder<boolean> = { unordered: false, less: true, equal: false };
const equal: FloatOrder<boolean> = { unordered: false, less: false, equal: true };
const greater: FloatOrder<boolean> = { unordered: false, less: false, equal: false };

export class LanesInWords extends BorrowedOperations {
  readonly words: Int32Array;

  constructor(whole: ReturnType<typeof evaluate>, state: Int32Array) {
    super(whole);
    this.words = state;
  }

  vector(operation: VectorOperation, lane: Width, left: Place, right: Place): Place {
    const place = reserve(4);
    if (operation === 'and' || operation === 'or' || operation === 'xor' || operation === 'andNot') {
      for (let n = 0; n < 4; n++) {
        const l = values[left + n]!;
        const r = values[right + n]!;
        values[place + n] =
          operation === 'and' ? l & r : operation === 'or' ? l | r : operation === 'xor' ? l ^ r : ~l & r;
      }
    } else if (lane === 32 && (operation === 'add' || operation === 'sub')) {
      for (let n = 0; n < 4; n++) {
        const r = values[right + n]!;
        values[place + n] = (values[left + n]! + (operation === 'add' ? r : -r)) | 0;
      }
    } else combineWords(operation, lane, values, left, right, place);
    return place;
  }
  vectorShift(operation: VectorShift, lane: Width, value: Place, count: Place): Place {
    const place = reserve(4);
    const by = operation === 'sar' ? Math.min(countAt(count), lane - 1) : countAt(count);
    shiftLanes(operation, lane, value, by, place);
    return place;
  }
  lane(value: Place, lane: Width, index: number): Place {
    const bit = lane * index;
    const at = value + (bit >> 5);
    if (lane === 64) return put(values[at]!, values[at + 1]!);
    return settle(values[at]! >>> (bit & 31), 0, lane);
  }
  withLane(value: Place, lane: Width, index: number, part: Place): Place {
    const place = copyVector(value);
    const bit = lane * index;
    const at = place + (bit >> 5);
    const low = values[part]!;
    if (lane >= 32) {
      values[at] = low;
      if (lane === 64) values[at + 1] = values[part + 1]!;
    } else {
      const ones = lane === 16 ? 0xffff : 0xff;
      values[at] = (values[at]! & ~(ones << (bit & 31))) | ((low & ones) << (bit & 31));
    }
    return place;
  }
  shuffleBytes(left: Place, right: Place, picks: readonly number[]): Place {
    const place = reserve(4);
    shuffleWords(values, left, right, picks, place);
    return place;
  }
  signMask(lane: Width, value: Place): Place {
    let result = 0;
    for (let n = 0; n < 128 / lane; n++) {
      const bit = n * lane + lane - 1;
      result |= ((values[value + (bit >> 5)]! >>> (bit & 31)) & 1) << n;
    }
    return put(result, 0);
  }

  /** MXCSR where the host's arithmetic may be asked, else 0. */
  private hostControl(): number {
    const mxcsr = this.words[MXCSR]!;
    return host.allowsHost(mxcsr) ? mxcsr : 0;
  }
  /** PE is masked. */
  private noteRounding(mxcsr: number): void {
    const { floating } = this.whole;
    floating.mxcsr = mxcsr;
    floating.raised |= Mxcsr.PE;
  }
  float(operation: FloatOperation, width: 32 | 64, left: Place, right: Place): Place {
    const mxcsr = this.hostControl();
    if (mxcsr !== 0) {
      const l = floatAt(width, left);
      const r = floatAt(width, right);
      const result = host.arithmetic(operation, width, l, r);
      if (result === result) {
        // a flag that is set need not be raised again
        if ((mxcsr & Mxcsr.PE) === 0 && host.isRounded(operation, width, l, r, result)) this.noteRounding(mxcsr);
        return putFloat(width, result);
      }
    }
    return putWhole(this.whole.float(operation, width, wholeAt(left), wholeAt(right)));
  }
  squareRoot(width: 32 | 64, value: Place): Place {
    const mxcsr = this.hostControl();
    if (mxcsr !== 0) {
      const radicand = floatAt(width, value);
      const root = host.squareRoot(width, radicand);
      if (root === root) {
        if ((mxcsr & Mxcsr.PE) === 0 && host.isRootRounded(width, radicand, root)) this.noteRounding(mxcsr);
        return putFloat(width, root);
      }
    }
    return putWhole(this.whole.squareRoot(width, wholeAt(value)));
  }
  compareFloat(width: 32 | 64, left: Place, right: Place, quiet: boolean): FloatOrder<boolean> {
    const order = host.compare(width, floatAt(width, left), floatAt(width, right));
    if (order === order) return order < 0 ? less : order === 0 ? equal : greater;
    const exact = this.whole.compareFloat(width, wholeAt(left), wholeAt(right), quiet);
    return exact.unordered ? unordered : exact.less ? less : exact.equal ? equal : greater;
  }
  convertFloat(from: 32 | 64, to: 32 | 64, value: Place): Place {
    const mxcsr = this.hostControl();
    if (mxcsr !== 0) {
      const number = floatAt(from, value);
      const result = host.convert(from, to, number);
      if (result === result) {
        if (result !== number) this.noteRounding(mxcsr);
        return putFloat(to, result);
      }
    }
    return putWhole(this.whole.convertFloat(from, to, wholeAt(value)));
  }
  floatToInteger(from: 32 | 64, to: 32 | 64, value: Place, truncate: boolean): Place {
    const mxcsr = this.hostControl();
    if (mxcsr !== 0) {
      const number = floatAt(from, value);
      const result = host.toInteger(from, to, number, truncate);
      if (result === result) {
        if (result !== number) this.noteRounding(mxcsr);
        return putNumber(result, to);
      }
    }
    return putWhole(this.whole.floatToInteger(from, to, wholeAt(value), truncate));
  }
  integerToFloat(from: 32 | 64, to: 32 | 64, value: Place): Place {
    const mxcsr = this.hostControl();
    if (mxcsr !== 0) {
      const number = numberAt(value, from, true);
      if (Math.abs(number) < 2 ** 53) {
        if (to === 32 && Math.fround(number) !== number) this.noteRounding(mxcsr);
        return putFloat(to, number);
      }
    }
    return putWhole(this.whole.integerToFloat(from, to, wholeAt(value)));
  }
  roundFloat(width: 32 | 64, value: Place, rounding: number | undefined, quiet: boolean): Place {
    const mxcsr = this.hostControl();
    if (mxcsr !== 0) {
      const number = floatAt(width, value);
      const result = host.toIntegral(width, number, rounding ?? roundingOf({ mxcsr, raised: 0 }));
      if (result === result) {
        if (result !== number && !quiet) this.noteRounding(mxcsr);
        return putFloat(width, result);
      }
    }
    return putWhole(this.whole.roundFloat(width, wholeAt(value), rounding, quiet));
  }
  settleFloatExceptions(): void {
    const { floating } = this.whole;
    if (floating.raised === 0) return;
    // one masked flag that is set already
    if (floating.raised === Mxcsr.PE && (floating.mxcsr & (Mxcsr.masks | Mxcsr.PE)) === (Mxcsr.masks | Mxcsr.PE)) {
      floating.raised = 0;
    } else this.whole.settleFloatExceptions();
  }
}
