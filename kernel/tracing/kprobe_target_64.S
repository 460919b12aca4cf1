# samples/kprobes/kprobe_target.c: what /proc/kprobe_target's ioctls call.

	.text

# unsigned long kprobe_target_func(unsigned long)
	.globl	kprobe_target_func
	.type	kprobe_target_func, @function
kprobe_target_func:
	push	%rbp
	mov	%rsp, %rbp
	mov	%rdi, %rax
	pop	%rbp
	ret
	.size	kprobe_target_func, . - kprobe_target_func

# unsigned long kprobe_target_func_irq(unsigned long)
	.globl	kprobe_target_func_irq
	.type	kprobe_target_func_irq, @function
kprobe_target_func_irq:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	mov	%rdi, %rbx
	mov	%gs:current_task, %rdi
	call	task_pid_vnr
	mov	%rbx, %rax
	pop	%rbx
	pop	%rbp
	ret
	.size	kprobe_target_func_irq, . - kprobe_target_func_irq

# pid_t task_pid_vnr(struct task_struct *)
	.globl	task_pid_vnr
	.type	task_pid_vnr, @function
task_pid_vnr:
	push	%rbp
	mov	%rsp, %rbp
	mov	task_struct_pid(%rdi), %eax
	pop	%rbp
	ret
	.size	task_pid_vnr, . - task_pid_vnr
