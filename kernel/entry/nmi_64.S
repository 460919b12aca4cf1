# The non-maskable interrupt comes anywhere: before entry_SYSCALL_64 has executed swapgs or behind it, in a program on
# the Rex stack, in another handler. So it has a stack of its own (IST 2), and what GS is says nothing about the mode.

	.text

	.globl	asm_exc_nmi
	.type	asm_exc_nmi, @function
asm_exc_nmi:
	push	$-1
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rax
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
	cld
	# paranoid_entry: user code may have put any address into GS base, so the processor's number decides, not a sign
	rdgsbase	%rbx
	rdpid	%rax
	mov	__per_cpu_offset(,%rax,8), %rax
	wrgsbase	%rax
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	call	exc_nmi
	# paranoid_exit
	wrgsbase	%rbx
	# no work for user mode is done here: signals and the scheduler wait for the next ordinary entry
	jmp	restore_regs_and_return_to_kernel
	.size	asm_exc_nmi, . - asm_exc_nmi

# void exc_nmi(struct pt_regs *regs)
	.globl	exc_nmi
	.type	exc_nmi, @function
exc_nmi:
	push	%rbp
	mov	%rsp, %rbp
	native	rex_watchdog_overflow
	pop	%rbp
	ret
	.size	exc_nmi, . - exc_nmi

	.data
	.align	8
# linear addresses of the per-CPU areas
	.globl	__per_cpu_offset
	.type	__per_cpu_offset, @object
__per_cpu_offset:
	.zero	8 * NR_CPUS
	.size	__per_cpu_offset, 8 * NR_CPUS
