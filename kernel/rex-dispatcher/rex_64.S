# arch/x86/net/rex_64.S: how the kernel enters an extension program, and the two ways back.

	.text

# unsigned int rex_dispatcher_func(ctx: %rdi, const struct bpf_prog *: %rsi, function: %rdx)
	.globl	rex_dispatcher_func
	.type	rex_dispatcher_func, @function
rex_dispatcher_func:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	# the top slot of this CPU's Rex stack holds the caller's stack pointer
	mov	%gs:rex_stack_ptr, %rbp
	mov	%rsp, (%rbp)
	mov	%rbp, %rsp
	mov	jiffies(%rip), %r11
	mov	%r11, %gs:rex_prog_start_time
	mov	%rsi, %gs:rex_curr_prog
	call	*%rdx

	.globl	rex_exit
	.type	rex_exit, @function
rex_exit:
	movq	$0, %gs:rex_curr_prog
	pop	%rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	rex_exit, . - rex_exit
	.size	rex_dispatcher_func, . - rex_dispatcher_func

# A panic ends here: drop every frame of the program and return 0 to the dispatcher's caller.
	.globl	rex_landingpad_asm
	.type	rex_landingpad_asm, @function
rex_landingpad_asm:
	xor	%eax, %eax
	mov	%gs:rex_stack_ptr, %rsp
	jmp	rex_exit
	.size	rex_landingpad_asm, . - rex_landingpad_asm

# void __noreturn rex_landingpad(void): what the panic handler calls after the cleanups.
	.globl	rex_landingpad
	.type	rex_landingpad, @function
rex_landingpad:
	push	%rbp
	mov	%rsp, %rbp
	native	rex_landingpad_report
	call	dump_stack_lvl
	native	rex_landingpad_signal
	jmp	rex_landingpad_asm
	.size	rex_landingpad, . - rex_landingpad

	.globl	dump_stack_lvl
	.type	dump_stack_lvl, @function
dump_stack_lvl:
	push	%rbp
	mov	%rsp, %rbp
	native	dump_stack_lvl
	pop	%rbp
	ret
	.size	dump_stack_lvl, . - dump_stack_lvl

	# nothing falls out of this file into the next
	.byte	0xcc
