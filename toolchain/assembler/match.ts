/** Does a form take these operands? */
import type { Width } from '../../cpu/instruction.ts';
import type { Expression } from './expressions.ts';
import type { Form, Spec } from './forms.ts';
import type { OperandSyntax } from './operands.ts';
import { registerNamed } from './registers.ts';
import { fits } from './sections.ts';

/** How far an operand got; the largest of a statement explains why it has no encoding. */
export const Mismatch = { none: 0, kind: 1, size: 2, star: 3, range: 4 } as const;
export type Mismatch = (typeof Mismatch)[keyof typeof Mismatch];

/** Bits that a size letter stands for; 0: the instruction has a size of its own. */
// prettier-ignore
export function bitsOf(size: string, width: Width): number {
  switch (size) {
    case 'b': return 8;
    case 'w': return 16;
    case 'd': return 32;
    case 'q': return 64;
    case 'v': return width;
    case 'y': return width === 64 ? 64 : 32;
    case 'z': return width === 16 ? 16 : 32;
    case 't': return 80;
    case 'x': return 128;
    default: return 0;
  }
}

/** An immediate field of this form and operand size: its bits, and whether it is sign-extended. */
export function immediateField(spec: Spec, width: Width): { bits: number; kind: 'signed' | 'either' } {
  const bits = bitsOf(spec.size, width);
  return { bits, kind: spec.size === 'z' && width === 64 ? 'signed' : 'either' };
}

function matchImmediate(value: Expression, spec: Spec, width: Width): Mismatch {
  if (spec.slot === 'one') return value.kind === 'constant' && value.value === 1n ? Mismatch.none : Mismatch.kind;
  if (value.kind !== 'constant') return spec.slot === 'S' ? Mismatch.kind : Mismatch.none;
  if (spec.slot === 'S') {
    const extended = BigInt.asIntN(width, value.value);
    return fits(value.value, width, 'either') && extended >= -128n && extended <= 127n ? Mismatch.none : Mismatch.range;
  }
  const { bits, kind } = immediateField(spec, width);
  return fits(value.value, bits, kind) ? Mismatch.none : Mismatch.range;
}

function matchRegister(operand: OperandSyntax & { kind: 'register' }, spec: Spec, form: Form, width: Width): Mismatch {
  const { register } = operand;
  switch (spec.slot) {
    case 'E':
    case 'R':
    case 'G':
    case 'Z':
    case 'A': {
      if (register.kind !== 0 || (spec.slot === 'A' && register.index !== 0)) return Mismatch.kind;
      if (spec.slot === 'E' && form.row.form === 'mem') return Mismatch.kind;
      if (register.high && spec.slot === 'A') return Mismatch.kind;
      // selectors are 16 bits whatever the register
      if (form.segment && spec.size === 'w') return register.width >= 16 ? Mismatch.none : Mismatch.size;
      return register.width === bitsOf(spec.size, width) ? Mismatch.none : Mismatch.size;
    }
    case 'V':
    case 'U':
      return register.kind === 3 ? Mismatch.none : Mismatch.kind;
    case 'W':
      return register.kind === 3 && form.row.form !== 'mem' ? Mismatch.none : Mismatch.kind;
    case 's':
      return register.kind === 4 ? Mismatch.none : Mismatch.kind;
    case 'C':
      return register.kind === 5 ? Mismatch.none : Mismatch.kind;
    case 'D':
      return register.kind === 6 ? Mismatch.none : Mismatch.kind;
    case 'st0':
      return register.kind === 7 && register.index === 0 ? Mismatch.none : Mismatch.kind;
    case 'sti':
      return register.kind === 7 ? Mismatch.none : Mismatch.kind;
    case 'fixed': {
      const wanted = registerNamed(spec.text)!;
      const same =
        wanted.kind === register.kind &&
        wanted.width === register.width &&
        register.kind === 0 &&
        wanted.kind === 0 &&
        wanted.index === register.index &&
        wanted.high === register.high;
      return same ? Mismatch.none : Mismatch.kind;
    }
    default:
      return Mismatch.kind;
  }
}

function matchMemory(operand: OperandSyntax & { kind: 'memory' }, spec: Spec, form: Form, branches: boolean): Mismatch {
  switch (spec.slot) {
    case 'J':
      return operand.bare && !operand.star ? Mismatch.none : operand.bare ? Mismatch.kind : Mismatch.star;
    case 'O':
      return operand.base === -1 && operand.index === -1 && !operand.ripRelative && operand.addressWidth === 64
        ? Mismatch.none
        : Mismatch.kind;
    case 'E':
    case 'M':
    case 'W': {
      if (form.row.form === 'reg') return Mismatch.kind;
      if (operand.star !== branches) return Mismatch.star;
      const { displacement } = operand;
      if (displacement.kind !== 'constant' || (operand.ripRelative && displacement.named)) return Mismatch.none;
      return fits(displacement.value, 32, operand.addressWidth === 32 ? 'either' : 'signed')
        ? Mismatch.none
        : Mismatch.range;
    }
    default:
      return Mismatch.kind;
  }
}

/** `branches`: the mnemonic has direct forms, so its indirect ones are written with `*`. */
export function matchOperand(
  operand: OperandSyntax,
  spec: Spec,
  form: Form,
  width: Width,
  branches: boolean,
): Mismatch {
  switch (operand.kind) {
    case 'immediate':
      return spec.slot === 'I' || spec.slot === 'S' || spec.slot === 'one'
        ? matchImmediate(operand.value, spec, width)
        : Mismatch.kind;
    case 'memory':
      return matchMemory(operand, spec, form, branches);
    case 'register': {
      const mismatch = matchRegister(operand, spec, form, width);
      return mismatch === Mismatch.none && operand.star !== branches ? Mismatch.star : mismatch;
    }
  }
}

/** Does the size that the spelling states agree with this operand of the form? */
export function sizeAgrees(stated: Width | undefined, spec: Spec, form: Form, width: Width): boolean {
  if (stated === undefined || !'ERGZAO'.includes(spec.slot) || spec.size === '') return true;
  return form.segment || bitsOf(spec.size, width) === stated;
}
