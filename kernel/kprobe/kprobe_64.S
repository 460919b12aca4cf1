# From the int3 of a probe to the programs attached to it, and the trap after the step.

	.text

# void exc_int3(struct pt_regs *regs): called by asm_exc_int3; regs->ip is behind the int3
	.globl	exc_int3
	.type	exc_int3, @function
exc_int3:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	mov	%rdi, %rbx
	testb	$3, pt_regs_cs(%rdi)
	jne	1f
	call	kprobe_int3_handler
	test	%eax, %eax
	jne	2f
	mov	%rbx, %rdi
1:	native	do_int3
2:	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	exc_int3, . - exc_int3

# int kprobe_int3_handler(struct pt_regs *regs): 1 when the int3 was a probe's
	.globl	kprobe_int3_handler
	.type	kprobe_int3_handler, @function
kprobe_int3_handler:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	mov	%rdi, %rbx
	# the probed address; or 0: not a probe, 1: nothing left to do
	native	kprobe_enter
	cmp	$1, %rax
	jbe	2f
	mov	%rax, %r12
	xor	%r13d, %r13d
	# aggr_pre_handler: the probe's events in turn, until a program has sent regs->ip elsewhere
1:	mov	%r12, %rdi
	mov	%r13, %rsi
	native	kprobe_event_next
	test	%rax, %rax
	je	3f
	mov	%rbx, %rdi
	mov	%rax, %rsi
	call	kprobe_perf_func
	inc	%r13
	test	%eax, %eax
	je	1b
	# the instruction is not executed
	mov	%rbx, %rdi
	mov	%r12, %rsi
	native	kprobe_overridden
	jmp	4f
3:	mov	%rbx, %rdi
	mov	%r12, %rsi
	native	setup_singlestep
4:	mov	$1, %eax
2:	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	kprobe_int3_handler, . - kprobe_int3_handler

# int kprobe_perf_func(struct pt_regs *regs, struct trace_event_call *): 1 when a program changed regs->ip
	.globl	kprobe_perf_func
	.type	kprobe_perf_func, @function
kprobe_perf_func:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	mov	%rdi, %rbx
	mov	pt_regs_ip(%rdi), %r12
	call	trace_call_bpf
	xor	%eax, %eax
	cmp	pt_regs_ip(%rbx), %r12
	setne	%al
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	kprobe_perf_func, . - kprobe_perf_func

# void exc_debug(struct pt_regs *regs): called by asm_exc_debug
	.globl	exc_debug
	.type	exc_debug, @function
exc_debug:
	push	%rbp
	mov	%rsp, %rbp
	native	do_debug
	pop	%rbp
	ret
	.size	exc_debug, . - exc_debug

# arch/x86/lib/error-inject.c: where an override sends the probed function, to return with regs->ax
	.globl	just_return_func
	.type	just_return_func, @function
just_return_func:
	ret
	.size	just_return_func, . - just_return_func
