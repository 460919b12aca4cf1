# kernel/trace/bpf_trace.c: what every tracing hook calls to run the programs attached to its event.

	.text

# unsigned int trace_call_bpf(ctx: %rdi, struct trace_event_call *: %rsi): 0 when a program says so or none may run
	.globl	trace_call_bpf
	.type	trace_call_bpf, @function
trace_call_bpf:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	mov	%rdi, %rbx
	mov	%rsi, %r12
	xor	%r14d, %r14d
	incl	%gs:bpf_prog_active
	cmpl	$1, %gs:bpf_prog_active
	jne	3f
	native	kernel_fpu_begin
	mov	$1, %r14d
	xor	%r13d, %r13d
1:	mov	%r12, %rdi
	mov	%r13, %rsi
	# %rax: struct bpf_prog * or 0, %rdx: its function
	native	bpf_prog_array_next
	test	%rax, %rax
	je	2f
	mov	%rbx, %rdi
	mov	%rax, %rsi
	call	bpf_prog_run
	and	%eax, %r14d
	inc	%r13
	jmp	1b
2:	native	kernel_fpu_end
	jmp	4f
	# a program's own work hit an event: its programs are skipped
3:	mov	%r12, %rdi
	native	bpf_prog_inc_misses
4:	decl	%gs:bpf_prog_active
	mov	%r14d, %eax
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	trace_call_bpf, . - trace_call_bpf

# unsigned int bpf_prog_run(ctx: %rdi, const struct bpf_prog *: %rsi, function: %rdx)
	.globl	bpf_prog_run
	.type	bpf_prog_run, @function
bpf_prog_run:
	cmpl	$0, bpf_stats_enabled_key(%rip)
	jne	1f
	jmp	rex_dispatcher_func
1:	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	mov	%rsi, %rbx
	native	sched_clock
	mov	%rax, %r12
	call	rex_dispatcher_func
	# %rdi: struct bpf_prog *, %rsi: when it began
	mov	%rbx, %rdi
	mov	%r12, %rsi
	mov	%eax, %ebx
	native	update_prog_stats
	mov	%ebx, %eax
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	bpf_prog_run, . - bpf_prog_run

	.data
	.align	4
	# how many ask for run_cnt and run_time_ns
	.globl	bpf_stats_enabled_key
	.type	bpf_stats_enabled_key, @object
bpf_stats_enabled_key:
	.long	0
	.size	bpf_stats_enabled_key, 4
