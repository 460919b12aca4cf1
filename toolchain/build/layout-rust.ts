import type { FieldType, Structure } from '../../kernel/layout/structures.ts';
import { byteCount, GENERATED, LayoutError, membersOf, type Member } from './layout-members.ts';

/** The structures an extension meets; the `bpf_attr` views belong to user space. */
const rustStructures = ['pt_regs', 'task_struct', 'rex_cleanup_entry', 'rex_map_handle', 'rex_program_object'];

const rustScalars: Readonly<Record<string, string>> = {
  u8: 'u8',
  u16: 'u16',
  u32: 'u32',
  i32: 'i32',
  u64: 'u64',
  i64: 'i64',
  pointer: '*mut ()',
};

function rustType(type: FieldType): string {
  const count = byteCount(type);
  return count === undefined ? rustScalars[type]! : `[u8; ${count}]`;
}

function rustMember(structure: string, member: Member): string {
  if (member.kind === 'padding') return `    pub _padding_${member.offset}: [u8; ${member.size}],\n`;
  if (member.kind === 'field') return `    pub ${member.field.name}: ${rustType(member.field.type)},\n`;
  throw new LayoutError(
    `${structure}: ${member.fields.map((field) => field.name).join(', ')} overlap; Rust has no row for that`,
  );
}

function rustStructure(name: string, structure: Structure): string {
  const members = membersOf(name, structure);
  const offsets = Object.entries(structure.fields).map(
    ([field, { offset }]) => `const _: () = assert!(offset_of!(${name}, ${field}) == ${offset});\n`,
  );
  return [
    `#[repr(C)]\n#[derive(Clone, Copy)]\npub struct ${name} {\n`,
    ...members.map((member) => rustMember(name, member)),
    `}\nconst _: () = assert!(size_of::<${name}>() == ${structure.size});\n`,
    ...offsets,
  ].join('');
}

/** bindgen gives the numbers of uapi headers as `u32`; sizes are counted in `usize`. */
function rustConstant([name, value]: readonly [string, number]): string {
  const type = /^(BPF|PERF)_/.test(name) ? 'u32' : 'usize';
  return `pub const ${name}: ${type} = ${value};\n`;
}

/** The text of rex/src/layout.rs. Throws `LayoutError`. */
export function renderRustModule(
  structures: Readonly<Record<string, Structure>>,
  constants: Readonly<Record<string, number>>,
): string {
  const structs = rustStructures.map((name) => {
    const structure = structures[name];
    if (structure === undefined) throw new LayoutError(`${name}: not in kernel/layout/structures.ts`);
    return rustStructure(name, structure);
  });
  return [
    `// ${GENERATED}\n#![allow(dead_code, non_camel_case_types, missing_docs)]\n\nuse core::mem::{offset_of, size_of};\n`,
    Object.entries(constants).map(rustConstant).join(''),
    ...structs,
  ].join('\n');
}
