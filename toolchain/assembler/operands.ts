/** AT&T operands: `$imm`, `%reg`, `disp(base,index,scale)`, `%seg:…`, `sym(%rip)`, `*…`. */
import type { RegisterOperand, SystemOperand, X87Operand, XmmOperand } from '../../cpu/instruction.ts';
import { constant, parseExpression, type Expression, type Names } from './expressions.ts';
import type { Token } from './lexer.ts';
import { registerNamed, type Register } from './registers.ts';
import {
  accept,
  expected,
  expectPunctuation,
  fail,
  isNext,
  peek,
  takeName,
  type StatementReader,
} from './statement-reader.ts';

interface Written {
  readonly token: Token;
  /** written with `*`: the target of an indirect jump or call */
  readonly star: boolean;
}
export interface RegisterSyntax extends Written {
  readonly kind: 'register';
  readonly register: RegisterOperand | XmmOperand | SystemOperand | X87Operand;
}
export interface ImmediateSyntax extends Written {
  readonly kind: 'immediate';
  readonly value: Expression;
}
export interface MemorySyntax extends Written {
  readonly kind: 'memory';
  /** prefix byte, or 0 */
  readonly segment: number;
  /** register numbers, or -1 */
  readonly base: number;
  readonly index: number;
  readonly scale: 1 | 2 | 4 | 8;
  readonly ripRelative: boolean;
  readonly displacement: Expression;
  readonly addressWidth: 32 | 64;
  /** no segment, no parentheses: a branch target, if the instruction branches */
  readonly bare: boolean;
}
export type OperandSyntax = RegisterSyntax | ImmediateSyntax | MemorySyntax;

/** es cs ss ds fs gs */
const segmentPrefixes = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
/** ds is what most memory operands have anyway */
const DS = 3;

function takeRegister(reader: StatementReader): { register: Register; token: Token } {
  expectPunctuation(reader, '%');
  const token = takeName(reader, 'a register name after %');
  const register = registerNamed(token.text);
  if (register === undefined) throw fail(reader, `unknown register %${token.text}`, token);
  if (register.kind === 7 && accept(reader, '(')) return { register: takeStackIndex(reader), token };
  return { register, token };
}

/** The `3)` of `%st(3)`. */
function takeStackIndex(reader: StatementReader): Register {
  const token = peek(reader);
  if (token === undefined || !/^[0-7]$/.test(token.text)) {
    throw fail(reader, 'expected an x87 register number, 0 to 7', token);
  }
  reader.next++;
  expectPunctuation(reader, ')');
  return { kind: 7, index: Number(token.text), width: 80 };
}

function takeAddressRegister(reader: StatementReader): RegisterOperand | (Register & { kind: 'ip' }) {
  const { register, token } = takeRegister(reader);
  if (register.kind === 'ip') return register;
  if (register.kind === 0 && register.width >= 32) return register;
  throw fail(reader, `%${token.text} cannot address memory: expected a 64-bit (or 32-bit) register`, token);
}

const zero = constant(0n);
const scales: ReadonlySet<bigint> = new Set([1n, 2n, 4n, 8n]);

/** `(%` or `(,`: no displacement in front of the base */
function startsWithBase({ statement: { tokens }, next }: StatementReader): boolean {
  if (tokens[next]?.text !== '(') return false;
  const after = tokens[next + 1];
  return after !== undefined && (after.text === '%' || after.text === ',');
}

function memory(reader: StatementReader, names: Names, segment: number, token: Token, star: boolean): MemorySyntax {
  const displacement = startsWithBase(reader) ? zero : parseExpression(reader, names);
  if (!accept(reader, '('))
    return {
      kind: 'memory',
      token,
      star,
      segment,
      displacement,
      base: -1,
      index: -1,
      scale: 1,
      ripRelative: false,
      addressWidth: 64,
      bare: segment === 0,
    };
  let base: RegisterOperand | undefined;
  let index: RegisterOperand | undefined;
  let scale: 1 | 2 | 4 | 8 = 1;
  if (isNext(reader, '%')) {
    const first = takeAddressRegister(reader);
    if (first.kind === 'ip') {
      expectPunctuation(reader, ')');
      return {
        kind: 'memory',
        token,
        star,
        segment,
        displacement,
        base: -1,
        index: -1,
        scale: 1,
        ripRelative: true,
        addressWidth: first.width,
        bare: false,
      };
    }
    base = first;
  }
  if (accept(reader, ',')) {
    const at = peek(reader);
    if (isNext(reader, '%')) {
      const second = takeAddressRegister(reader);
      if (second.kind === 'ip') throw fail(reader, '%rip cannot be an index register', at);
      if (second.index === 4) throw fail(reader, 'the stack pointer cannot be an index register', at);
      index = second;
    }
    if (accept(reader, ',')) {
      const scaleToken = peek(reader);
      const value = parseExpression(reader, names);
      if (value.kind !== 'constant' || !scales.has(value.value)) {
        throw fail(reader, 'expected a scale of 1, 2, 4 or 8', scaleToken);
      }
      scale = Number(value.value) as 1;
    }
  }
  expectPunctuation(reader, ')');
  if (base !== undefined && index !== undefined && base.width !== index.width) {
    throw fail(reader, 'base and index registers must have one size', token);
  }
  return {
    kind: 'memory',
    token,
    star,
    segment,
    displacement,
    base: base?.index ?? -1,
    index: index?.index ?? -1,
    scale: index === undefined ? 1 : scale,
    ripRelative: false,
    addressWidth: (base ?? index)?.width === 32 ? 32 : 64,
    bare: false,
  };
}

/** Reads one operand. */
export function parseOperand(reader: StatementReader, names: Names): OperandSyntax {
  const first = peek(reader);
  if (first === undefined) throw expected(reader, 'an operand');
  const star = accept(reader, '*');
  if (accept(reader, '$')) {
    if (star) throw fail(reader, 'expected a register or memory after *', first);
    return { kind: 'immediate', value: parseExpression(reader, names), token: first, star };
  }
  if (!isNext(reader, '%')) return memory(reader, names, 0, first, star);
  const { register, token } = takeRegister(reader);
  if (register.kind === 'ip') throw fail(reader, `%${token.text} is only for addressing, as in symbol(%rip)`, token);
  if (!accept(reader, ':')) return { kind: 'register', register, token, star };
  if (register.kind !== 4) throw fail(reader, `%${token.text} is no segment register`, token);
  return memory(reader, names, register.index === DS ? 0 : segmentPrefixes[register.index]!, first, star);
}
