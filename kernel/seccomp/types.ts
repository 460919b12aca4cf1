/** Classic BPF as seccomp takes it: include/uapi/linux/filter.h. */

/** struct sock_filter */
export interface FilterInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  /** unsigned */
  readonly k: number;
}

export type FilterProgram = readonly FilterInstruction[];

export interface SeccompFilter {
  readonly instructions: FilterProgram;
  /** tasks that have it: see references.ts */
  references: number;
}
