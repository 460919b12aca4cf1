/** What must not be probed: NOKPROBE_SYMBOL and noinstr of Linux, and instructions that cannot be stepped elsewhere. */

interface Row {
  readonly pattern: RegExp;
  readonly why: string;
}

const symbols: readonly Row[] = [
  { pattern: /^(asm_)?(exc|sysvec)_/, why: 'exception and interrupt entry' },
  {
    pattern:
      /^(entry_|do_syscall_64$|syscall_(return|enter|exit)_|error_|paranoid_|irqentry_|ret_from_fork|native_iret|restore_regs)/,
    why: 'entry code',
  },
  { pattern: /^(common_interrupt_return|swapgs_|do_int3$|do_debug$)/, why: 'entry code' },
  {
    pattern:
      /^(kprobe_(?!target_)|trace_call_bpf$|setup_singlestep$|bpf_prog_array_next$|bpf_prog_inc_misses$|kernel_fpu_)/,
    why: 'the way to a handler',
  },
  {
    pattern:
      /^(bpf_prog_run|bpf_overflow_handler|__perf_event_overflow|perf_trace_run_bpf_submit|syscall_trace_enter|trace_sys_(enter|exit)|trace_sched_process_exit)$/,
    why: 'the way to a tracing program',
  },
  {
    pattern: /^(rex_dispatcher_func|rex_exit|rex_landingpad_asm|just_return_func)$/,
    why: 'the way into a program and back',
  },
];

/** Why the function `name` is not probed; undefined when it may be. */
export function blacklisted(name: string): string | undefined {
  return symbols.find((row) => row.pattern.test(name))?.why;
}

/** Mnemonics whose effect depends on where they stand, or that leave the kernel before the step's trap. */
const unsteppable: ReadonlySet<string> = new Set([
  'int3',
  'int',
  'iretq',
  'sysretq',
  'syscall',
  'swapgs',
  'hlt',
  'ud0',
  'ud1',
  'ud2',
  // may sleep, and then runs again from its own address
  'native',
]);

export function canStep(mnemonic: string): boolean {
  return !unsteppable.has(mnemonic);
}
