/** The interrupt descriptor table, one row a vector in use: its stub and the kernel function the stub calls. */
export interface VectorRow {
  readonly vector: number;
  /** the handler; its stub is `asm_` + name */
  readonly name: string;
  /** the processor pushes an error code */
  readonly errorCode: boolean;
  /** interrupt stack: 0 none, else IST index */
  readonly ist: number;
  /** highest CPL that may raise it by int n */
  readonly dpl: 0 | 3;
  /** its stub is in a `.S` file */
  readonly ownStub?: true;
}

const exception = (vector: number, name: string, errorCode = false, dpl: 0 | 3 = 0, ist = 0): VectorRow => ({
  vector,
  name,
  errorCode,
  ist,
  dpl,
});

export const LOCAL_TIMER_VECTOR = 0xec;
/** a counter has overflowed */
export const LOCAL_PERF_VECTOR = 0xee;
/** a native function has left something to do */
export const IRQ_WORK_VECTOR = 0xf6;
/** packets wait for this CPU: net/net_64.S */
export const CALL_FUNCTION_SINGLE_VECTOR = 0xfb;

export const vectorRows: readonly VectorRow[] = [
  exception(0, 'exc_divide_error'),
  exception(1, 'exc_debug'),
  { ...exception(2, 'exc_nmi', false, 0, 2), ownStub: true },
  exception(3, 'exc_int3', false, 3),
  exception(4, 'exc_overflow', false, 3),
  exception(5, 'exc_bounds'),
  exception(6, 'exc_invalid_op'),
  exception(7, 'exc_device_not_available'),
  exception(8, 'exc_double_fault', true, 0, 1),
  exception(10, 'exc_invalid_tss', true),
  exception(11, 'exc_segment_not_present', true),
  exception(12, 'exc_stack_segment', true),
  exception(13, 'exc_general_protection', true),
  exception(14, 'exc_page_fault', true),
  exception(16, 'exc_coprocessor_error'),
  exception(17, 'exc_alignment_check', true),
  exception(19, 'exc_simd_coprocessor_error'),
  exception(LOCAL_TIMER_VECTOR, 'sysvec_apic_timer_interrupt'),
  exception(LOCAL_PERF_VECTOR, 'sysvec_perf_interrupt'),
  exception(IRQ_WORK_VECTOR, 'sysvec_irq_work'),
  exception(CALL_FUNCTION_SINGLE_VECTOR, 'sysvec_call_function_single'),
];

const saved = ['di', 'si', 'dx', 'cx', 'ax', '8', '9', '10', '11', 'bx', 'bp', '12', '13', '14', '15'];

/** The stub of one vector: struct pt_regs on the stack, GS the kernel's, then the handler with pt_regs and error code. */
function stub({ name, errorCode }: VectorRow): string {
  return `
	.globl	asm_${name}
	.type	asm_${name}, @function
asm_${name}:
${errorCode ? '' : '\tpush\t$-1\n'}${saved.map((register) => `\tpush\t%r${register}`).join('\n')}
	cld
	testb	$3, pt_regs_cs(%rsp)
	jz	1f
	swapgs
1:	mov	%rsp, %rdi
${errorCode ? '\tmov\tpt_regs_orig_ax(%rsp), %rsi\n\tmovq\t$-1, pt_regs_orig_ax(%rsp)' : '\txor\t%esi, %esi'}
	call	${name}
	jmp	error_return
	.size	asm_${name}, . - asm_${name}
`;
}

/** Assembly source of all stubs. */
export function vectorStubs(): string {
  return `\t.text\n${vectorRows
    .filter(({ ownStub }) => ownStub !== true)
    .map(stub)
    .join('')}`;
}
