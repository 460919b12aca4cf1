import { elementsOf, type Scalar, type Structure } from '../../kernel/layout/structure.ts';
import { GENERATED, membersOf, type Member, type NamedField } from './layout-members.ts';

/** Pointers are 64-bit numbers, as in the kernel's own uapi structures (`__aligned_u64`). */
const cScalars: Readonly<Record<Scalar, string>> = {
  u8: 'uint8_t',
  u16: 'uint16_t',
  u32: 'uint32_t',
  i32: 'int32_t',
  u64: 'uint64_t',
  i64: 'int64_t',
  pointer: 'uint64_t',
};

function cField({ name, type }: NamedField): string {
  const { element, count } = elementsOf(type);
  return `${cScalars[element]} ${name}${count === undefined ? '' : `[${count}]`};`;
}

function cMember(member: Member): string {
  if (member.kind === 'padding') return `\tuint8_t _padding_${member.offset}[${member.size}];\n`;
  if (member.kind === 'field') return `\t${cField(member.field)}\n`;
  return `\tunion {\n${member.fields.map((field) => `\t\t${cField(field)}\n`).join('')}\t};\n`;
}

function cStructure([name, structure]: readonly [string, Structure]): string {
  const offsets = Object.entries(structure.fields).map(
    ([field, { offset }]) => `_Static_assert(offsetof(struct ${name}, ${field}) == ${offset}, "${name}.${field}");\n`,
  );
  return [
    `struct ${name} {\n`,
    ...membersOf(name, structure).map(cMember),
    `};\n_Static_assert(sizeof(struct ${name}) == ${structure.size}, "${name}");\n`,
    ...offsets,
  ].join('');
}

/** The text of librex/include/rex_abi.h. Throws `LayoutError`. */
export function renderCHeader(
  structures: Readonly<Record<string, Structure>>,
  constants: Readonly<Record<string, number>>,
): string {
  return [
    `/* ${GENERATED} */\n#ifndef REX_ABI_H\n#define REX_ABI_H\n\n#include <stddef.h>\n#include <stdint.h>\n`,
    Object.entries(constants)
      // the C library has some of them too
      .map(([name, value]) => `#ifndef ${name}\n#define ${name} ${value}\n#endif\n`)
      .join(''),
    ...Object.entries(structures).map(cStructure),
    '#endif\n',
  ].join('\n');
}
