/**
 * The per-CPU area: one copy a CPU, found through GS. A symbol's *template address* is its offset in the area (as on
 * x86-64 Linux, where per-CPU symbols are zero-based), so `%gs:symbol` reaches this CPU's copy and
 * `symbol + this_cpu_off` is its linear address.
 */
export interface PerCpuVariable {
  readonly name: string;
  /** bytes */
  readonly size: number;
  /** bytes */
  readonly align: number;
  readonly what: string;
}

const rows: readonly PerCpuVariable[] = [
  {
    name: 'fixed_percpu_data',
    size: 64,
    align: 64,
    what: 'stack canary at +40; keeps every other template address non-zero',
  },
  { name: 'this_cpu_off', size: 8, align: 8, what: "linear address of this CPU's area" },
  { name: 'cpu_number', size: 4, align: 4, what: 'i32' },
  { name: 'numa_node', size: 4, align: 4, what: 'i32, always 0' },
  { name: 'current_task', size: 8, align: 8, what: 'struct task_struct *' },
  { name: 'cpu_current_top_of_stack', size: 8, align: 8, what: "end of the current task's kernel stack" },
  { name: 'cpu_tss_rw_sp2', size: 8, align: 8, what: 'user rsp while entry_SYSCALL_64 switches stacks' },
  { name: 'rex_stack_ptr', size: 8, align: 8, what: "top slot of this CPU's Rex stack: base + 0x8000 - 8" },
  {
    name: 'rex_termination_state',
    size: 1,
    align: 1,
    what: '0 extension code or idle, 1 helper or panic, 2 termination requested',
  },
  { name: 'rex_prog_start_time', size: 8, align: 8, what: 'jiffies when the program was entered' },
  { name: 'rex_curr_prog', size: 8, align: 8, what: 'struct bpf_prog * while a program runs' },
  { name: 'bpf_prog_active', size: 4, align: 4, what: 'nesting guard of trace_call_bpf' },
  { name: 'softirq_pending', size: 4, align: 4, what: 'packets wait for do_softirq' },
  { name: 'softirq_active', size: 4, align: 4, what: 'nesting guard of do_softirq' },
  { name: 'rex_log_buf', size: 1024, align: 8, what: 'printk and panic text, NUL-terminated' },
  { name: 'rex_cleanup_entries', size: 64 * 24, align: 64, what: 'resources to release on panic' },
  { name: 'cpu_tss_rw', size: 104, align: 64, what: 'the hardware TSS: rsp0, ist1-7' },
  { name: 'gdt_page', size: 128, align: 64, what: 'the GDT' },
];

export interface PlacedPerCpuVariable extends PerCpuVariable {
  /** bytes from the start of the area: the symbol's template address */
  readonly offset: number;
}

function place(): { readonly variables: ReadonlyMap<string, PlacedPerCpuVariable>; readonly size: number } {
  const variables = new Map<string, PlacedPerCpuVariable>();
  let end = 0;
  for (const row of rows) {
    const offset = Math.ceil(end / row.align) * row.align;
    variables.set(row.name, { ...row, offset });
    end = offset + row.size;
  }
  return { variables, size: Math.ceil(end / 4096) * 4096 };
}

const placed = place();

/** By name, in the order of placement. */
export const perCpuVariables = placed.variables;
/** Bytes of one CPU's area, whole pages. */
export const perCpuAreaSize = placed.size;
