# kernel/entry/common.c and kernel/trace/trace_syscalls.c: the borders of a system call that somebody watches. A record is
# built on the kernel stack: 8 bytes for the pt_regs pointer that programs find, the number, then arguments or result.

	.text

# long syscall_trace_enter(struct pt_regs *: %rdi, long nr: %rsi): the number to go on with, -1 for none
	.globl	syscall_trace_enter
	.type	syscall_trace_enter, @function
syscall_trace_enter:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	mov	%rdi, %rbx
	mov	%rsi, %r12
	mov	%gs:current_task, %rax
	testl	$SYSCALL_WORK_SECCOMP, task_struct_syscall_work(%rax)
	je	1f
	call	__secure_computing
	test	%eax, %eax
	jne	2f
1:	mov	%gs:current_task, %rax
	testl	$SYSCALL_WORK_SYSCALL_TRACEPOINT, task_struct_syscall_work(%rax)
	je	3f
	mov	%rbx, %rdi
	mov	%r12, %rsi
	call	trace_sys_enter
3:	mov	%r12, %rax
	jmp	4f
2:	mov	$-1, %rax
4:	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	syscall_trace_enter, . - syscall_trace_enter

# int __secure_computing(struct pt_regs *: %rdi, long nr: %rsi): 0 when the call may be made
	.globl	__secure_computing
	.type	__secure_computing, @function
__secure_computing:
	push	%rbp
	mov	%rsp, %rbp
	# struct seccomp_data
	sub	$sizeof_seccomp_data, %rsp
	mov	%esi, seccomp_data_nr(%rsp)
	movl	$AUDIT_ARCH_X86_64, seccomp_data_arch(%rsp)
	mov	pt_regs_ip(%rdi), %rax
	mov	%rax, seccomp_data_instruction_pointer(%rsp)
	mov	pt_regs_di(%rdi), %rax
	mov	%rax, seccomp_data_args(%rsp)
	mov	pt_regs_si(%rdi), %rax
	mov	%rax, seccomp_data_args+8(%rsp)
	mov	pt_regs_dx(%rdi), %rax
	mov	%rax, seccomp_data_args+16(%rsp)
	mov	pt_regs_r10(%rdi), %rax
	mov	%rax, seccomp_data_args+24(%rsp)
	mov	pt_regs_r8(%rdi), %rax
	mov	%rax, seccomp_data_args+32(%rsp)
	mov	pt_regs_r9(%rdi), %rax
	mov	%rax, seccomp_data_args+40(%rsp)
	movslq	%esi, %rdi
	mov	%rsp, %rsi
	xor	%edx, %edx
	call	__seccomp_filter
	leave
	ret
	.size	__secure_computing, . - __secure_computing

# void trace_sys_enter(struct pt_regs *: %rdi, long nr: %rsi)
	.globl	trace_sys_enter
	.type	trace_sys_enter, @function
trace_sys_enter:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	# the longest record: header, number, six arguments
	sub	$64, %rsp
	mov	%rdi, %rbx
	mov	%rsi, %r12
	cmpl	$0, event_sys_enter+trace_event_call_perf_refcount(%rip)
	je	1f
	lea	event_sys_enter(%rip), %rsi
	call	2f
1:	cmp	$NR_syscalls, %r12
	jae	3f
	mov	enter_events(,%r12,8), %rsi
	test	%rsi, %rsi
	je	3f
	cmpl	$0, trace_event_call_perf_refcount(%rsi)
	je	3f
	call	2f
3:	add	$64, %rsp
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	# one event's record, anew for each: programs may have written into the last one
2:	lea	8(%rsp), %rdi
	movq	$0, (%rdi)
	mov	%r12, 8(%rdi)
	mov	pt_regs_di(%rbx), %rax
	mov	%rax, 16(%rdi)
	mov	pt_regs_si(%rbx), %rax
	mov	%rax, 24(%rdi)
	mov	pt_regs_dx(%rbx), %rax
	mov	%rax, 32(%rdi)
	mov	pt_regs_r10(%rbx), %rax
	mov	%rax, 40(%rdi)
	mov	pt_regs_r8(%rbx), %rax
	mov	%rax, 48(%rdi)
	mov	pt_regs_r9(%rbx), %rax
	mov	%rax, 56(%rdi)
	mov	%rbx, %rdx
	mov	trace_event_call_size(%rsi), %ecx
	jmp	perf_trace_run_bpf_submit
	.size	trace_sys_enter, . - trace_sys_enter

# void trace_sys_exit(struct pt_regs *: %rdi): the number is in orig_ax, the result in ax
	.globl	trace_sys_exit
	.type	trace_sys_exit, @function
trace_sys_exit:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	sub	$32, %rsp
	mov	%rdi, %rbx
	movslq	pt_regs_orig_ax(%rdi), %r12
	# rt_sigreturn leaves -1
	test	%r12, %r12
	js	3f
	cmpl	$0, event_sys_exit+trace_event_call_perf_refcount(%rip)
	je	1f
	lea	event_sys_exit(%rip), %rsi
	call	2f
1:	cmp	$NR_syscalls, %r12
	jae	3f
	mov	exit_events(,%r12,8), %rsi
	test	%rsi, %rsi
	je	3f
	cmpl	$0, trace_event_call_perf_refcount(%rsi)
	je	3f
	call	2f
3:	add	$32, %rsp
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
2:	lea	8(%rsp), %rdi
	movq	$0, (%rdi)
	mov	%r12, 8(%rdi)
	mov	pt_regs_ax(%rbx), %rax
	mov	%rax, 16(%rdi)
	mov	%rbx, %rdx
	mov	trace_event_call_size(%rsi), %ecx
	jmp	perf_trace_run_bpf_submit
	.size	trace_sys_exit, . - trace_sys_exit

# void perf_trace_run_bpf_submit(void *record: %rdi, struct trace_event_call *: %rsi, struct pt_regs *: %rdx,
#                                int size: %ecx)
	.globl	perf_trace_run_bpf_submit
	.type	perf_trace_run_bpf_submit, @function
perf_trace_run_bpf_submit:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	mov	%rdi, %rbx
	mov	%rsi, %r12
	mov	%rdx, %r13
	mov	%ecx, %r14d
	cmpl	$0, trace_event_call_prog_count(%rsi)
	je	1f
	mov	%rdx, (%rdi)
	call	trace_call_bpf
	# 0: no perf event gets the record
	test	%eax, %eax
	je	2f
1:	mov	%rbx, %rdi
	mov	%r12, %rsi
	mov	%r13, %rdx
	mov	%r14d, %ecx
	native	perf_tp_event
2:	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	perf_trace_run_bpf_submit, . - perf_trace_run_bpf_submit
