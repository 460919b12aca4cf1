/**
 * The one description of every structure that two languages share: TypeScript reads and writes them in guest
 * memory, the Rust crate and librex get generated declarations (`npm run build:layouts`), and the kernel's `.S` files
 * get one symbol `struct_field` per field. Offsets are in bytes; sizes are checked when the table is built.
 */
import { networkStructures } from './network.ts';
import { structure, type Structure } from './structure.ts';
import { tracingStructures } from './tracing.ts';

export type { Field, FieldType, Structure } from './structure.ts';
export * from './network.ts';
export * from './perf.ts';
export * from './tracing.ts';

/** arch/x86/include/asm/ptrace.h */
export const pt_regs = structure(168, [
  ['r15', 'u64'],
  ['r14', 'u64'],
  ['r13', 'u64'],
  ['r12', 'u64'],
  ['bp', 'u64'],
  ['bx', 'u64'],
  ['r11', 'u64'],
  ['r10', 'u64'],
  ['r9', 'u64'],
  ['r8', 'u64'],
  ['ax', 'u64'],
  ['cx', 'u64'],
  ['dx', 'u64'],
  ['si', 'u64'],
  ['di', 'u64'],
  ['orig_ax', 'u64'],
  ['ip', 'u64'],
  ['cs', 'u64'],
  ['flags', 'u64'],
  ['sp', 'u64'],
  ['ss', 'u64'],
]);

/** The fields of include/linux/sched.h that extensions and entry code read, at offsets of our own. */
export const task_struct = structure(256, [
  ['state', 'u32'],
  ['flags', 'u32'],
  ['stack', 'pointer'],
  ['pid', 'i32'],
  ['tgid', 'i32'],
  ['real_parent', 'pointer'],
  ['utime', 'u64'],
  ['stime', 'u64'],
  ['comm', 'bytes[16]'],
  /** SYSCALL_WORK_* */
  ['syscall_work', 'u32'],
  /** references; 0 frees it */
  ['rcu_users', 'u32'],
]);

/** include/linux/bpf.h, the fields a person looks at; a map's identity is its address. */
export const bpf_map = structure(128, [
  ['map_type', 'u32'],
  ['key_size', 'u32'],
  ['value_size', 'u32'],
  ['max_entries', 'u32'],
  ['map_flags', 'u32'],
  ['id', 'u32'],
  ['name', 'bytes[16]'],
]);

/** include/linux/filter.h with Rex's additions. */
export const bpf_prog = structure(128, [
  ['type', 'u32'],
  ['no_bpf', 'u32'],
  ['id', 'u32'],
  ['name', 'bytes[16]'],
  ['bpf_func', 'u64', 32],
  ['base', 'pointer'],
  ['loader_pid', 'i32'],
  ['unwinder_insn_off', 'u64'],
]);

/** One entry of the per-CPU `rex_cleanup_entries`; the crate's `CleanupEntry`. */
export const rex_cleanup_entry = structure(24, [
  ['valid', 'u64'],
  ['cleanup_fn', 'pointer'],
  ['cleanup_arg', 'pointer'],
]);

/** The 32 bytes of a `#[rex_map]` static; `kptr` holds null, then the map's fd, then its `struct bpf_map *`. */
export const rex_map_handle = structure(32, [
  ['map_type', 'u32'],
  ['key_size', 'u32'],
  ['val_size', 'u32'],
  ['max_size', 'u32'],
  ['map_flag', 'u32'],
  ['kptr', 'pointer', 24],
]);

/** The 32 bytes of a program object in a `rex/…` section: what entry insertion reads. */
export const rex_program_object = structure(32, [
  ['rtti', 'u64'],
  ['prog', 'pointer'],
  ['name_pointer', 'pointer'],
  ['name_length', 'u64'],
]);

/** include/uapi/linux/bpf.h of the Rex fork. */
export const rex_rela_dyn = structure(24, [
  ['offset', 'u64'],
  ['info', 'u64'],
  ['addend', 'u64'],
]);
export const rex_dyn_sym = structure(16, [
  ['offset', 'u64'],
  ['symbol', 'pointer'],
]);
export const rex_text_sym = structure(24, [
  ['offset', 'u64'],
  ['size', 'u64'],
  ['symbol', 'pointer'],
]);

/** `union bpf_attr`, one structure per view. */
export const bpf_attr_map_create = structure(72, [
  ['map_type', 'u32'],
  ['key_size', 'u32'],
  ['value_size', 'u32'],
  ['max_entries', 'u32'],
  ['map_flags', 'u32'],
  ['inner_map_fd', 'u32'],
  ['numa_node', 'u32'],
  ['map_name', 'bytes[16]'],
  ['map_ifindex', 'u32'],
  ['btf_fd', 'u32'],
  ['btf_key_type_id', 'u32'],
  ['btf_value_type_id', 'u32'],
  ['btf_vmlinux_value_type_id', 'u32'],
  ['map_extra', 'u64'],
]);
export const bpf_attr_map_elem = structure(32, [
  ['map_fd', 'u32'],
  ['key', 'pointer'],
  ['value', 'pointer'],
  ['flags', 'u64'],
]);
export const bpf_attr_map_batch = structure(56, [
  ['in_batch', 'pointer'],
  ['out_batch', 'pointer'],
  ['keys', 'pointer'],
  ['values', 'pointer'],
  ['count', 'u32'],
  ['map_fd', 'u32'],
  ['elem_flags', 'u64'],
  ['flags', 'u64'],
]);
export const bpf_attr_link_create = structure(48, [
  ['prog_fd', 'u32'],
  ['target_fd', 'u32'],
  ['attach_type', 'u32'],
  ['flags', 'u32'],
  ['bpf_cookie', 'u64'],
]);
export const bpf_attr_obj_info = structure(16, [
  ['bpf_fd', 'u32'],
  ['info_len', 'u32'],
  ['info', 'pointer'],
]);
/** BPF_OBJ_PIN, BPF_OBJ_GET */
export const bpf_attr_obj = structure(24, [
  ['pathname', 'pointer'],
  ['bpf_fd', 'u32'],
  ['file_flags', 'u32'],
  ['path_fd', 'i32'],
]);
/** BPF_*_GET_NEXT_ID (start_id in `id`), BPF_*_GET_FD_BY_ID */
export const bpf_attr_get_id = structure(16, [
  ['id', 'u32'],
  ['next_id', 'u32'],
  ['open_flags', 'u32'],
]);
/** BPF_LINK_DETACH, BPF_ENABLE_STATS: one number */
export const bpf_attr_link_detach = structure(4, [['link_fd', 'u32']]);
export const bpf_attr_enable_stats = structure(4, [['type', 'u32']]);
/** `BPF_PROG_LOAD_REX_BASE` and `BPF_PROG_LOAD_REX`: the fork's PROG_LOAD view. */
export const bpf_attr_rex_load = structure(232, [
  ['prog_type', 'u32'],
  ['insn_cnt', 'u32'],
  ['insns', 'pointer'],
  ['license', 'pointer'],
  ['log_level', 'u32'],
  ['log_size', 'u32'],
  ['log_buf', 'pointer'],
  ['kern_version', 'u32'],
  ['prog_flags', 'u32'],
  ['prog_name', 'bytes[16]'],
  ['prog_ifindex', 'u32'],
  ['unwinder_insn_off', 'u64', 72],
  ['expected_attach_type', 'u32', 80],
  ['prog_btf_fd', 'u32'],
  ['map_offs', 'pointer', 136],
  ['dyn_relas', 'pointer', 144],
  ['nr_dyn_relas', 'u64', 152],
  ['dyn_syms', 'pointer', 160],
  ['nr_dyn_syms', 'u64', 168],
  ['text_syms', 'pointer', 176],
  ['nr_text_syms', 'u64', 184],
  ['rustfd', 'u32', 192],
  ['map_cnt', 'u32', 196],
  ['prog_offset', 'u64', 136],
  ['base_prog_fd', 'u32', 144],
]);

/** include/uapi/linux/perf_event.h, PERF_ATTR_SIZE_VER0…8 (136 bytes). */
export const perf_event_attr = structure(136, [
  ['type', 'u32'],
  ['size', 'u32'],
  ['config', 'u64'],
  ['sample_period', 'u64'],
  ['sample_type', 'u64'],
  ['read_format', 'u64'],
  ['flags', 'u64'],
  ['wakeup_events', 'u32'],
  ['bp_type', 'u32'],
  ['config1', 'u64'],
  ['config2', 'u64'],
]);

/** Those that user space knows as well: `librex/include/rex_abi.h`. */
export const userStructures = {
  pt_regs,
  task_struct,
  bpf_map,
  bpf_prog,
  rex_cleanup_entry,
  rex_map_handle,
  rex_program_object,
  rex_rela_dyn,
  rex_dyn_sym,
  rex_text_sym,
  bpf_attr_map_create,
  bpf_attr_map_elem,
  bpf_attr_map_batch,
  bpf_attr_link_create,
  bpf_attr_obj_info,
  bpf_attr_obj,
  bpf_attr_get_id,
  bpf_attr_link_detach,
  bpf_attr_enable_stats,
  bpf_attr_rex_load,
  perf_event_attr,
} satisfies Record<string, Structure>;

export const structures = { ...userStructures, ...networkStructures, ...tracingStructures } satisfies Record<
  string,
  Structure
>;
