/** What the explaining reading knows of a path through a definition. */
import type { FlagName, SystemRegister } from '../algebra.ts';
import type { Condition, Expression, VectorExpression } from './node.ts';

/** What has been written; what is absent is as before the instruction. */
export interface State {
  readonly registers: Map<number, Expression>;
  readonly vectors: Map<number, VectorExpression>;
  readonly mmx: Map<number, VectorExpression>;
  readonly flags: Map<FlagName, Condition>;
  readonly system: Map<SystemRegister, Expression>;
  /** by number from the top as it was */
  readonly x87: Map<number, { readonly value: VectorExpression; readonly empty: Condition }>;
  /** how far the top has moved */
  turned: number;
  rflags: Expression | undefined;
  /** of the branch: an exception was raised for certain */
  abandoned: boolean;
}

export const freshState = (): State => ({
  registers: new Map(),
  vectors: new Map(),
  mmx: new Map(),
  flags: new Map(),
  system: new Map(),
  x87: new Map(),
  turned: 0,
  rflags: undefined,
  abandoned: false,
});
export const copyOf = (state: State): State => ({
  ...state,
  registers: new Map(state.registers),
  vectors: new Map(state.vectors),
  mmx: new Map(state.mmx),
  flags: new Map(state.flags),
  system: new Map(state.system),
  x87: new Map(state.x87),
});
