# arch/x86/entry/entry_64.S: the ways into the kernel and back. Kernel text keeps frame pointers.

	.text

# SYSCALL comes here: %rcx is the user's next instruction, %r11 its flags, the stack still the user's, interrupts off.
	.globl	entry_SYSCALL_64
	.type	entry_SYSCALL_64, @function
entry_SYSCALL_64:
	swapgs
	mov	%rsp, %gs:cpu_tss_rw_sp2
	mov	%gs:cpu_current_top_of_stack, %rsp
	# struct pt_regs, from its end
	push	$USER_DS
	push	%gs:cpu_tss_rw_sp2
	push	%r11
	push	$USER_CS
	push	%rcx
	.size	entry_SYSCALL_64, . - entry_SYSCALL_64

	.globl	entry_SYSCALL_64_after_hwframe
	.type	entry_SYSCALL_64_after_hwframe, @function
entry_SYSCALL_64_after_hwframe:
	push	%rax
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	$-ENOSYS
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	movslq	%eax, %rsi
	call	do_syscall_64

	# what sysret cannot restore goes the other way: %rcx must be the ip, %r11 the flags
	mov	pt_regs_ip(%rsp), %rcx
	cmp	%rcx, pt_regs_cx(%rsp)
	jne	swapgs_restore_regs_and_return_to_usermode
	mov	pt_regs_flags(%rsp), %r11
	cmp	%r11, pt_regs_r11(%rsp)
	jne	swapgs_restore_regs_and_return_to_usermode
	# a non-canonical ip would fault in the kernel
	shl	$16, %rcx
	sar	$16, %rcx
	cmp	%rcx, pt_regs_ip(%rsp)
	jne	swapgs_restore_regs_and_return_to_usermode
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	# over orig_ax, ip, cs and flags to the user's stack pointer
	mov	32(%rsp), %rsp
	swapgs
	sysretq
	.size	entry_SYSCALL_64_after_hwframe, . - entry_SYSCALL_64_after_hwframe

# void do_syscall_64(struct pt_regs *: %rdi, int nr: %rsi)
	.globl	do_syscall_64
	.type	do_syscall_64, @function
do_syscall_64:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	mov	%rdi, %rbx
	mov	%rsi, %r12
	sti
	native	syscall_enter_from_user_mode
	mov	%gs:current_task, %rax
	testl	$SYSCALL_WORK_ENTER, task_struct_syscall_work(%rax)
	jne	3f
1:	cmp	$NR_syscalls, %r12
	jae	2f
	mov	%rbx, %rdi
	call	*sys_call_table(,%r12,8)
	mov	%rax, pt_regs_ax(%rbx)
2:	call	local_bh_enable
	mov	%gs:current_task, %rax
	testl	$SYSCALL_WORK_SYSCALL_TRACEPOINT, task_struct_syscall_work(%rax)
	jne	4f
5:	cli
	mov	%rbx, %rdi
	call	syscall_exit_to_user_mode
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
3:	mov	%rbx, %rdi
	mov	%r12, %rsi
	call	syscall_trace_enter
	mov	%rax, %r12
	jmp	1b
4:	mov	%rbx, %rdi
	call	trace_sys_exit
	jmp	5b
	.size	do_syscall_64, . - do_syscall_64

	.globl	syscall_exit_to_user_mode
	.type	syscall_exit_to_user_mode, @function
syscall_exit_to_user_mode:
	push	%rbp
	mov	%rsp, %rbp
	native	syscall_exit_work
	native	exit_to_user_mode_loop
	pop	%rbp
	ret
	.size	syscall_exit_to_user_mode, . - syscall_exit_to_user_mode

# A new task's first instruction: its stack pointer is at its struct pt_regs.
	.globl	ret_from_fork_asm
	.type	ret_from_fork_asm, @function
ret_from_fork_asm:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	call	irqentry_exit_to_user_mode
	jmp	swapgs_restore_regs_and_return_to_usermode
	.size	ret_from_fork_asm, . - ret_from_fork_asm

	.globl	irqentry_exit_to_user_mode
	.type	irqentry_exit_to_user_mode, @function
irqentry_exit_to_user_mode:
	push	%rbp
	mov	%rsp, %rbp
	native	exit_to_user_mode_loop
	pop	%rbp
	ret
	.size	irqentry_exit_to_user_mode, . - irqentry_exit_to_user_mode

# Every exception and interrupt stub ends here, with the stack pointer at struct pt_regs.
	.globl	error_return
	.type	error_return, @function
error_return:
	testb	$3, pt_regs_cs(%rsp)
	jz	restore_regs_and_return_to_kernel
	mov	%rsp, %rdi
	call	irqentry_exit_to_user_mode
	.size	error_return, . - error_return

	.globl	swapgs_restore_regs_and_return_to_usermode
	.type	swapgs_restore_regs_and_return_to_usermode, @function
swapgs_restore_regs_and_return_to_usermode:
	swapgs
	.size	swapgs_restore_regs_and_return_to_usermode, . - swapgs_restore_regs_and_return_to_usermode

	.globl	restore_regs_and_return_to_kernel
	.type	restore_regs_and_return_to_kernel, @function
restore_regs_and_return_to_kernel:
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	# over orig_ax
	add	$8, %rsp
	.globl	native_iret
native_iret:
	iretq
	.size	restore_regs_and_return_to_kernel, . - restore_regs_and_return_to_kernel

	.data
	.align	8
	.globl	jiffies
	.type	jiffies, @object
jiffies:
	.quad	0
	.size	jiffies, 8
