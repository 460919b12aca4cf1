# The scheduler's tracepoints. What switches, forks and executes is native code, which cannot run programs: it leaves a
# record on its CPU and raises irq_work, whose handler does what the tracepoint would.

	.text

# void sysvec_irq_work(struct pt_regs *)
	.globl	sysvec_irq_work
	.type	sysvec_irq_work, @function
sysvec_irq_work:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	sub	$TRACE_RECORD_SIZE+8, %rsp
	mov	%rdi, %rbx
	# %rax: struct trace_event_call * of the next record or 0, %rcx: its size
1:	mov	%rsp, %rdi
	native	irq_work_next_record
	test	%rax, %rax
	je	2f
	mov	%rsp, %rdi
	mov	%rax, %rsi
	mov	%rbx, %rdx
	call	perf_trace_run_bpf_submit
	jmp	1b
2:	add	$TRACE_RECORD_SIZE+8, %rsp
	pop	%rbx
	pop	%rbp
	ret
	.size	sysvec_irq_work, . - sysvec_irq_work

# void trace_sched_process_exit(struct pt_regs *): the task has called exit or exit_group
	.globl	trace_sched_process_exit
	.type	trace_sched_process_exit, @function
trace_sched_process_exit:
	cmpl	$0, event_sched_process_exit+trace_event_call_perf_refcount(%rip)
	jne	1f
	ret
1:	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	sub	$40, %rsp
	mov	%rdi, %rbx
	mov	%rsp, %rdi
	native	sched_process_exit_record
	mov	%rsp, %rdi
	lea	event_sched_process_exit(%rip), %rsi
	mov	%rbx, %rdx
	mov	trace_event_call_size(%rsi), %ecx
	call	perf_trace_run_bpf_submit
	mov	%rbx, %rdi
	add	$40, %rsp
	pop	%rbx
	pop	%rbp
	ret
	.size	trace_sched_process_exit, . - trace_sched_process_exit
