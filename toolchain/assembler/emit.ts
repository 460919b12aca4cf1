/** One form with its operands to bytes. */
import type { Width } from '../../cpu/instruction.ts';
import type { Expression } from './expressions.ts';
import type { Form } from './forms.ts';
import { bitsOf, immediateField } from './match.ts';
import type { MemorySyntax, OperandSyntax } from './operands.ts';
import {
  fits,
  reserve,
  writeInteger,
  type Fixup,
  type FixupKind,
  type Origin,
  type SectionBuilder,
} from './sections.ts';
import { fail, type StatementReader } from './statement-reader.ts';

/** Prefixes that the statement states, by their place in GAS's order. */
export interface StatedPrefixes {
  /** 26 2E 36 3E 64 65, or 0 */
  segment: number;
  address: boolean;
  operand: boolean;
  /** F2 F3, or 0 */
  repeat: number;
  lock: boolean;
}

interface PendingFixup {
  readonly at: number;
  readonly size: 1 | 2 | 4 | 8;
  readonly kind: FixupKind;
  readonly expression: Expression;
  readonly origin: Origin;
}

const mapBytes: readonly (readonly number[])[] = [[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]];

/** The opcode with its escape bytes. */
export const opcodeBytes = (form: Form): number[] => [...mapBytes[form.row.map]!, form.row.opcode];

const REX = 0x40;

/** About how many bytes the form takes: exact in everything that tells forms of one instruction apart. */
export function costOf(form: Form, operands: readonly OperandSyntax[], width: Width): number {
  const { row } = form;
  let cost = mapBytes[row.map]!.length + 1 + (row.modrm ? 1 : 0);
  if (row.mandatory !== '' && row.mandatory !== 'NP') cost++;
  if (wantsRexW(form, width)) cost++;
  form.specs.forEach((spec, n) => {
    if (spec.slot === 'I') cost += bitsOf(spec.size, width) / 8;
    else if (spec.slot === 'S' || spec.text === 'Jb') cost++;
    else if (spec.slot === 'J') cost += 4;
    else if (spec.slot === 'O') cost += 8;
    else if (operands[n]!.kind === 'memory') cost += 5;
  });
  return cost;
}

function wantsRexW({ row, segment, sized }: Form, width: Width): boolean {
  if (row.w === 1) return true;
  return width === 64 && sized && !row.f64 && !row.d64 && !segment;
}

function emitField(
  out: number[],
  fixups: PendingFixup[],
  size: 1 | 2 | 4 | 8,
  kind: FixupKind,
  expression: Expression,
  origin: Origin,
): void {
  fixups.push({ at: out.length, size, kind, expression, origin });
  for (let i = 0; i < size; i++) out.push(0);
}

/** ModRM, SIB and displacement. */
function emitMemory(out: number[], reg: number, memory: MemorySyntax, fixups: PendingFixup[], origin: Origin): void {
  const { base, index, displacement } = memory;
  const absolute: FixupKind = memory.addressWidth === 32 ? 'either' : 'signed';
  const regBits = (reg & 7) << 3;
  if (memory.ripRelative) {
    out.push(regBits | 5);
    const plain = displacement.kind === 'constant' && !displacement.named;
    emitField(out, fixups, 4, plain ? 'signed' : 'relative', displacement, origin);
    return;
  }
  const sib = (Math.log2(memory.scale) << 6) | ((index === -1 ? 4 : index & 7) << 3);
  if (base === -1) {
    out.push(regBits | 4, sib | 5);
    emitField(out, fixups, 4, absolute, displacement, origin);
    return;
  }
  const known = displacement.kind === 'constant' ? BigInt.asIntN(memory.addressWidth, displacement.value) : undefined;
  const short = known !== undefined && known >= -128n && known <= 127n;
  const mod = known === 0n && (base & 7) !== 5 ? 0 : short ? 1 : 2;
  const modrm = (mod << 6) | regBits;
  if (index !== -1 || (base & 7) === 4) out.push(modrm | 4, sib | (base & 7));
  else out.push(modrm | (base & 7));
  if (mod === 1) out.push(Number(known) & 0xff);
  else if (mod === 2) emitField(out, fixups, 4, absolute, displacement, origin);
}

/** Appends the instruction to the section. The operands have been matched; they are in Intel's order. */
export function emit(
  reader: StatementReader,
  section: SectionBuilder,
  form: Form,
  operands: readonly OperandSyntax[],
  width: Width,
  prefixes: StatedPrefixes,
): void {
  const { row, specs } = form;
  let reg = row.extension ?? 0;
  let rm: OperandSyntax | undefined;
  let opcode = row.opcode;
  let rex = wantsRexW(form, width) ? REX | 8 : 0;
  let high = false;
  let memory: MemorySyntax | undefined;
  for (let n = 0; n < specs.length; n++) {
    const operand = operands[n]!;
    const { slot } = specs[n]!;
    if (operand.kind === 'memory') {
      if (slot === 'J') continue;
      memory = operand;
      if (slot === 'O') continue;
      rm = operand;
      if (operand.base >= 8) rex |= REX | 1;
      if (operand.index >= 8) rex |= REX | 2;
    } else if (operand.kind === 'register') {
      const { register } = operand;
      let { index } = register;
      if (register.kind === 0 && register.width === 8) {
        if (register.high) {
          high = true;
          index += 4;
        } else if (index >= 4) rex |= REX;
      }
      if (slot === 'st0' || slot === 'fixed' || slot === 'A') continue;
      if (slot === 'Z') {
        opcode = row.opcode + (index & 7);
        if (index >= 8) rex |= REX | 1;
      } else if (slot === 'sti' || 'ERUW'.includes(slot)) {
        rm = operand;
        if (index >= 8) rex |= REX | 1;
      } else {
        reg = index;
        if (index >= 8) rex |= REX | 4;
      }
    }
  }
  if (high && rex !== 0) {
    throw fail(
      reader,
      'ah, bh, ch and dh cannot stand in an instruction with a REX prefix (64-bit size, r8-r15, spl, bpl, sil, dil)',
      reader.statement.tokens[0],
    );
  }
  const out: number[] = [];
  const fixups: PendingFixup[] = [];
  const segment = memory !== undefined && memory.segment !== 0 ? memory.segment : prefixes.segment;
  if (segment !== 0) out.push(segment);
  if (prefixes.address || memory?.addressWidth === 32) out.push(0x67);
  if (row.mandatory === '66' || prefixes.operand || (width === 16 && form.sized)) out.push(0x66);
  if (prefixes.lock) out.push(0xf0);
  if (prefixes.repeat !== 0) out.push(prefixes.repeat);
  else if (row.mandatory === 'F3') out.push(0xf3);
  else if (row.mandatory === 'F2') out.push(0xf2);
  if (rex !== 0) out.push(rex);
  out.push(...mapBytes[row.map]!, opcode);
  if (row.exactModrm !== undefined) out.push(row.exactModrm);
  else if (row.modrm) {
    if (rm?.kind === 'memory') emitMemory(out, reg, rm, fixups, { file: reader.file, token: rm.token });
    else {
      const register = rm?.kind === 'register' ? rm.register : undefined;
      const number =
        register === undefined ? 0 : register.kind === 0 && register.high ? register.index + 4 : register.index & 7;
      out.push(0xc0 | ((reg & 7) << 3) | number);
    }
  }
  for (let n = 0; n < specs.length; n++) {
    const spec = specs[n]!;
    const operand = operands[n]!;
    const origin = { file: reader.file, token: operand.token };
    if (spec.slot === 'S')
      out.push(
        operand.kind === 'immediate' && operand.value.kind === 'constant'
          ? Number(BigInt.asUintN(8, operand.value.value))
          : 0,
      );
    else if (spec.slot === 'I' && operand.kind === 'immediate') {
      const { bits, kind } = immediateField(spec, width);
      emitField(out, fixups, (bits / 8) as 1, kind, operand.value, origin);
    } else if (spec.slot === 'O' && operand.kind === 'memory')
      emitField(out, fixups, 8, 'either', operand.displacement, origin);
    else if (spec.slot === 'J' && operand.kind === 'memory')
      emitField(out, fixups, spec.text === 'Jb' ? 1 : 4, 'relative', operand.displacement, origin);
  }
  const start = reserve(section, out.length);
  section.bytes.set(out, start);
  const end = start + out.length;
  for (const fixup of fixups) {
    const { expression } = fixup;
    if (
      expression.kind === 'constant' &&
      fixup.kind !== 'relative' &&
      fits(expression.value, fixup.size * 8, fixup.kind)
    ) {
      writeInteger(section.bytes, start + fixup.at, fixup.size, expression.value);
      continue;
    }
    const placed: Fixup = { ...fixup, fragment: section.current, at: start + fixup.at, end };
    section.fixups.push(placed);
  }
}
