import type { FloatOperation } from './algebra.ts';
import type { Cpu } from './cpu.ts';

export function arithmetic(_cpu: Cpu, _o: FloatOperation, _width: 32 | 64, _left: bigint, _right: bigint): bigint {
  throw new Error('float.arithmetic: not written yet');
}
export function squareRoot(_cpu: Cpu, _width: 32 | 64, _value: bigint): bigint {
  throw new Error('float.squareRoot: not written yet');
}
export function compare(_cpu: Cpu, _width: 32 | 64, _left: bigint, _right: bigint, _quiet: boolean): { unordered: boolean; less: boolean; equal: boolean } {
  throw new Error('float.compare: not written yet');
}
export function convert(_cpu: Cpu, _from: 32 | 64, _to: 32 | 64, _value: bigint): bigint {
  throw new Error('float.convert: not written yet');
}
export function toInteger(_cpu: Cpu, _from: 32 | 64, _to: 32 | 64, _value: bigint, _truncate: boolean): bigint {
  throw new Error('float.toInteger: not written yet');
}
export function fromInteger(_cpu: Cpu, _from: 32 | 64, _to: 32 | 64, _value: bigint): bigint {
  throw new Error('float.fromInteger: not written yet');
}
