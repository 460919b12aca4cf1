import { errno } from '../../kernel/errno.ts';
import { elementsOf, type FieldType, type Scalar, type Structure } from '../../kernel/layout/structure.ts';
import { syscallNames } from '../../kernel/syscalls/numbers.ts';
import { GENERATED, LayoutError, membersOf, type Member } from './layout-members.ts';

/** The structures an extension meets; the `bpf_attr` views belong to user space. */
const rustStructures: readonly string[] = [
  'pt_regs',
  'task_struct',
  'rex_cleanup_entry',
  'rex_map_handle',
  'rex_program_object',
  'sk_buff',
  'xdp_buff',
  'xdp_rxq_info',
  'net_device',
  'sock',
  'ethhdr',
  'iphdr',
  'tcphdr',
  'udphdr',
  'bpf_perf_event_data_kern',
  'perf_sample_data',
  'bpf_perf_event_value',
  'seccomp_data',
];

/** The constants of the crate, with the types bindgen gives the uapi's. The others would only make images out of date. */
const rustConstants: Readonly<Record<'usize' | 'u32' | 'u64', string>> = {
  usize: 'PAGE_SIZE THREAD_SIZE REX_STACK_LIMIT REX_CLEANUP_ENTRIES REX_LOG_BUF_SIZE',
  u32: `
    BPF_MAP_TYPE_HASH BPF_MAP_TYPE_ARRAY BPF_MAP_TYPE_PERF_EVENT_ARRAY BPF_MAP_TYPE_PERCPU_ARRAY
    BPF_MAP_TYPE_STACK_TRACE BPF_MAP_TYPE_QUEUE BPF_MAP_TYPE_STACK BPF_MAP_TYPE_RINGBUF
    BPF_PROG_TYPE_KPROBE BPF_PROG_TYPE_SCHED_CLS BPF_PROG_TYPE_TRACEPOINT BPF_PROG_TYPE_XDP BPF_PROG_TYPE_PERF_EVENT
    BPF_ANY BPF_NOEXIST BPF_EXIST BPF_F_USER_STACK BPF_F_FAST_STACK_CMP PERF_MAX_STACK_DEPTH
    BPF_RB_NO_WAKEUP BPF_RB_FORCE_WAKEUP BPF_RB_AVAIL_DATA BPF_RB_RING_SIZE BPF_RB_CONS_POS BPF_RB_PROD_POS
    XDP_ABORTED XDP_DROP XDP_PASS XDP_TX XDP_REDIRECT TC_ACT_OK TC_ACT_SHOT TC_ACT_REDIRECT IPPROTO_TCP IPPROTO_UDP`,
  u64: 'BPF_F_INDEX_MASK BPF_F_CURRENT_CPU',
};

/** errno.ts holds the kernel's own numbers as well. */
const LAST_USER_ERRNO = 133;

const rustScalars: Readonly<Record<Scalar, string>> = {
  u8: 'u8',
  u16: 'u16',
  u32: 'u32',
  i32: 'i32',
  u64: 'u64',
  i64: 'i64',
  pointer: '*mut ()',
};

export function rustType(type: FieldType): string {
  const { element, count } = elementsOf(type);
  return count === undefined ? rustScalars[element] : `[${rustScalars[element]}; ${count}]`;
}

/** A field's name where Rust would read a keyword. */
const rustName = (name: string): string => (name === 'type' ? 'r#type' : name);

function rustMember(structure: string, member: Member): string {
  if (member.kind === 'padding') return `    pub _padding_${member.offset}: [u8; ${member.size}],\n`;
  if (member.kind === 'field') return `    pub ${rustName(member.field.name)}: ${rustType(member.field.type)},\n`;
  throw new LayoutError(
    `${structure}: ${member.fields.map((field) => field.name).join(', ')} overlap; Rust has no row for that`,
  );
}

function rustStructure(name: string, structure: Structure): string {
  const members = membersOf(name, structure);
  const offsets = Object.entries(structure.fields).map(
    ([field, { offset }]) => `const _: () = assert!(offset_of!(${name}, ${rustName(field)}) == ${offset});\n`,
  );
  return [
    `/// \`struct ${name}\`\n#[repr(${structure.packed ? 'C, packed' : 'C'})]\n#[derive(Clone, Copy)]\npub struct ${name} {\n`,
    ...members.map((member) => rustMember(name, member)),
    `}\nconst _: () = assert!(size_of::<${name}>() == ${structure.size});\n`,
    ...offsets,
  ].join('');
}

function rustConstantsOf(constants: Readonly<Record<string, number>>): string {
  const rows = Object.entries(rustConstants).flatMap(([type, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => [type, name] as const),
  );
  return rows
    .map(([type, name]) => {
      const value = constants[name];
      if (value === undefined) throw new LayoutError(`${name}: not in kernel/layout/constants.ts`);
      return `pub const ${name}: ${type} = ${value};\n`;
    })
    .join('');
}

function rustModule(name: string, what: string, rows: Iterable<readonly [string, number]>): string {
  const constants = Array.from(rows, ([constant, value]) => `    pub const ${constant}: u32 = ${value};\n`);
  return `/// ${what}\npub mod ${name} {\n${constants.join('')}}\n`;
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
  const errnos = Object.entries(errno).filter(([, number]) => number <= LAST_USER_ERRNO);
  const numbers = Array.from(syscallNames, ([number, name]) => [`__NR_${name}`, number] as const);
  return [
    `// ${GENERATED}\n#![allow(dead_code, non_camel_case_types, non_upper_case_globals, missing_docs)]\n\nuse core::mem::{offset_of, size_of};\n`,
    rustConstantsOf(constants),
    ...structs,
    rustModule('errno', 'include/uapi/asm-generic/errno-base.h and errno.h', errnos),
    rustModule('unistd', 'arch/x86/entry/syscalls/syscall_64.tbl', numbers),
  ].join('\n');
}
