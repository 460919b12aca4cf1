# kernel/events/core.c: from the interrupt of a counter that has overflowed to the program or the record of its event.

	.text

# void sysvec_perf_interrupt(struct pt_regs *)
	.globl	sysvec_perf_interrupt
	.type	sysvec_perf_interrupt, @function
sysvec_perf_interrupt:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	sub	$sizeof_perf_sample_data+8, %rsp
	mov	%rdi, %rbx
	native	perf_pmu_disable
	# %rax: struct perf_event * of the next overflow, or 0; the sample's fields are filled in
1:	mov	%rsp, %rdi
	mov	%rbx, %rsi
	native	perf_event_next_overflow
	test	%rax, %rax
	je	2f
	mov	%rax, %rdi
	mov	%rsp, %rsi
	mov	%rbx, %rdx
	call	__perf_event_overflow
	jmp	1b
2:	native	perf_pmu_enable
	add	$sizeof_perf_sample_data+8, %rsp
	pop	%rbx
	pop	%rbp
	ret
	.size	sysvec_perf_interrupt, . - sysvec_perf_interrupt

# void __perf_event_overflow(struct perf_event *, struct perf_sample_data *, struct pt_regs *)
	.globl	__perf_event_overflow
	.type	__perf_event_overflow, @function
__perf_event_overflow:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	mov	%rdi, %rbx
	mov	%rsi, %r12
	mov	%rdx, %r13
	cmpq	$0, perf_event_prog(%rdi)
	je	1f
	call	bpf_overflow_handler
	# 0: there is no record
	test	%eax, %eax
	je	2f
1:	mov	%rbx, %rdi
	mov	%r12, %rsi
	mov	%r13, %rdx
	native	perf_event_output
2:	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	__perf_event_overflow, . - __perf_event_overflow

# int bpf_overflow_handler(struct perf_event *, struct perf_sample_data *, struct pt_regs *)
	.globl	bpf_overflow_handler
	.type	bpf_overflow_handler, @function
bpf_overflow_handler:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	# struct bpf_perf_event_data_kern
	sub	$sizeof_bpf_perf_event_data_kern+8, %rsp
	mov	%rdx, bpf_perf_event_data_kern_regs(%rsp)
	mov	%rsi, bpf_perf_event_data_kern_data(%rsp)
	mov	%rdi, bpf_perf_event_data_kern_event(%rsp)
	mov	%rdi, %rbx
	xor	%r12d, %r12d
	incl	%gs:bpf_prog_active
	cmpl	$1, %gs:bpf_prog_active
	jne	1f
	# %rax: struct bpf_prog * or 0, %rdx: its function
	native	perf_event_bpf_prog
	test	%rax, %rax
	je	2f
	native	kernel_fpu_begin
	mov	%rsp, %rdi
	mov	%rax, %rsi
	call	bpf_prog_run
	mov	%eax, %r12d
	native	kernel_fpu_end
	jmp	2f
	# the sample fell into a program, or into what runs one
1:	mov	%rbx, %rdi
	native	perf_event_inc_misses
2:	decl	%gs:bpf_prog_active
	mov	%r12d, %eax
	add	$sizeof_bpf_perf_event_data_kern+8, %rsp
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	bpf_overflow_handler, . - bpf_overflow_handler
