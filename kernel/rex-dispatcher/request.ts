/** What a loader asks for. Lists are read when their turn comes, as the kernel copies them from user space. */
import type { BpfMap } from '../bpf/types.ts';

/** `struct rex_rela_dyn` */
export interface RexRelocation {
  /** bytes from the start of the image */
  readonly offset: bigint;
  /** R_X86_64_* in the low half */
  readonly info: bigint;
  readonly addend: bigint;
}

/** `struct rex_dyn_sym` */
export interface RexImport {
  readonly offset: bigint;
  readonly name: string;
}

/** `struct rex_text_sym`; `size` in bytes */
export interface RexFunction {
  readonly offset: bigint;
  readonly size: bigint;
  readonly name: string;
}

/** A list whose length is known before it is read. */
export interface Rows<Row> {
  readonly count: bigint;
  /** errors: EFAULT; E2BIG for a name of KSYM_NAME_LEN bytes */
  read(): Iterable<Row>;
}

/** BPF_PROG_LOAD_REX_BASE */
export interface RexBaseRequest {
  readonly name: string;
  readonly gplCompatible: boolean;
  readonly loaderPid: number;
  /** errors: EBADF, EINVAL */
  file(): Uint8Array;
  /** offsets of `kptr` fields, which hold descriptors */
  readonly maps: Rows<bigint>;
  /** errors: EBADF, EINVAL */
  mapOf(descriptor: number): BpfMap;
  readonly relocations: Rows<RexRelocation>;
  readonly imports: Rows<RexImport>;
  readonly functions: Rows<RexFunction>;
}

/** BPF_PROG_LOAD_REX */
export interface RexProgramRequest {
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  readonly name: string;
  readonly gplCompatible: boolean;
  readonly loaderPid: number;
  /** of the entry and of __rex_handle_timeout, bytes from the start of the base's image */
  readonly offset: bigint;
  readonly timeoutOffset: bigint;
}
