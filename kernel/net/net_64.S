# net/core/dev.c, net/sched/cls_bpf.c, kernel/softirq.c: the way of a packet, as far as programs can see it. The bodies of the
# protocols are native functions.

	.text

# void local_bh_enable(void): on the way out of a system call
	.globl	local_bh_enable
	.type	local_bh_enable, @function
local_bh_enable:
	cmpl	$0, %gs:softirq_pending
	jne	do_softirq
	ret
	.size	local_bh_enable, . - local_bh_enable

# void do_softirq(void): handles this CPU's packets, unless it is at it already or a program runs below
	.globl	do_softirq
	.type	do_softirq, @function
do_softirq:
	push	%rbp
	mov	%rsp, %rbp
	cmpl	$0, %gs:softirq_active
	jne	1f
	cmpl	$0, %gs:bpf_prog_active
	jne	1f
	cmpq	$0, %gs:rex_curr_prog
	jne	1f
	incl	%gs:softirq_active
	pushfq
	sti
	call	__do_softirq
	popfq
	decl	%gs:softirq_active
1:	pop	%rbp
	ret
	.size	do_softirq, . - do_softirq

	.globl	__do_softirq
	.type	__do_softirq, @function
__do_softirq:
	push	%rbp
	mov	%rsp, %rbp
	native	softirq_enter
	# %rax: NET_TX_SOFTIRQ, NET_RX_SOFTIRQ or 0; %rdx: struct sk_buff *
1:	native	softirq_next
	mov	%rdx, %rdi
	cmp	$NET_TX_SOFTIRQ, %eax
	je	2f
	cmp	$NET_RX_SOFTIRQ, %eax
	jne	3f
	call	net_rx_action
	jmp	1b
2:	call	net_tx_action
	jmp	1b
3:	pop	%rbp
	ret
	.size	__do_softirq, . - __do_softirq

# Another CPU, or a device, has queued packets for this one.
	.globl	sysvec_call_function_single
	.type	sysvec_call_function_single, @function
sysvec_call_function_single:
	push	%rbp
	mov	%rsp, %rbp
	call	local_bh_enable
	pop	%rbp
	ret
	.size	sysvec_call_function_single, . - sysvec_call_function_single

# int run_ksoftirqd(void): the kernel thread for packets that come while nothing runs, and for timers
	.globl	run_ksoftirqd
	.type	run_ksoftirqd, @function
run_ksoftirqd:
	sti
1:	native	ksoftirqd_should_run
	call	local_bh_enable
	native	cond_resched
	jmp	1b
	.size	run_ksoftirqd, . - run_ksoftirqd

# void net_tx_action(struct sk_buff *)
	.globl	net_tx_action
	.type	net_tx_action, @function
net_tx_action:
	push	%rbp
	mov	%rsp, %rbp
	call	__dev_queue_xmit
	pop	%rbp
	ret
	.size	net_tx_action, . - net_tx_action

# int __dev_queue_xmit(struct sk_buff *): the clsact egress programs, then the device
	.globl	__dev_queue_xmit
	.type	__dev_queue_xmit, @function
__dev_queue_xmit:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	mov	%rdi, %rbx
	mov	$TC_EGRESS, %esi
	call	tcf_classify
	mov	%rbx, %rdi
	mov	%eax, %esi
	# 1: the packet goes on
	native	sch_handle_egress
	test	%eax, %eax
	je	1f
	mov	%rbx, %rdi
	native	dev_hard_start_xmit
1:	xor	%eax, %eax
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	__dev_queue_xmit, . - __dev_queue_xmit

# int tcf_classify(struct sk_buff *, int hook): the device's programs in turn, until one decides
	.globl	tcf_classify
	.type	tcf_classify, @function
tcf_classify:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	mov	%rdi, %rbx
	mov	%esi, %r12d
	xor	%r13d, %r13d
1:	mov	%rbx, %rdi
	mov	%r12d, %esi
	mov	%r13d, %edx
	# %rax: struct bpf_prog *, 0 at the end or 1 for another protocol's; %rdx: its function
	native	tcf_next_filter
	test	%rax, %rax
	je	2f
	cmp	$1, %rax
	je	4f
	mov	%rbx, %rdi
	mov	%rax, %rsi
	mov	%r12d, %ecx
	mov	%r13d, %r8d
	call	cls_bpf_classify
	cmp	$-1, %eax
	jne	3f
4:	inc	%r13d
	jmp	1b
2:	mov	$-1, %eax
3:	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	tcf_classify, . - tcf_classify

# int cls_bpf_classify(struct sk_buff *, struct bpf_prog *, function, int hook, int number): a TC_ACT_*
	.globl	cls_bpf_classify
	.type	cls_bpf_classify, @function
cls_bpf_classify:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	mov	%rdi, %rbx
	mov	%ecx, %r12d
	mov	%r8d, %r13d
	call	bpf_prog_run_pin_on_cpu
	mov	%rbx, %rdi
	mov	%eax, %esi
	mov	%r12d, %ecx
	mov	%r13d, %r8d
	# %rdx: whether the program ran
	native	cls_bpf_exec_opcode
	mov	%eax, %r12d
	# what it has cloned goes before the packet itself, and may meet the same program
1:	mov	%rbx, %rdi
	native	bpf_next_clone
	test	%rax, %rax
	je	2f
	mov	%rax, %rdi
	call	__dev_queue_xmit
	jmp	1b
2:	mov	%r12d, %eax
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	cls_bpf_classify, . - cls_bpf_classify

# void net_rx_action(struct sk_buff *): the driver's XDP program, then the stack
	.globl	net_rx_action
	.type	net_rx_action, @function
net_rx_action:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	mov	%rdi, %rbx
	call	veth_xdp_rcv_skb
	test	%eax, %eax
	je	1f
	mov	%rbx, %rdi
	call	__netif_receive_skb
1:	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	net_rx_action, . - net_rx_action

# int veth_xdp_rcv_skb(struct sk_buff *): driver mode; 1 when the packet goes on
	.globl	veth_xdp_rcv_skb
	.type	veth_xdp_rcv_skb, @function
veth_xdp_rcv_skb:
	push	%rbp
	mov	%rsp, %rbp
	mov	$XDP_FLAGS_DRV_MODE, %esi
	call	netif_run_xdp
	pop	%rbp
	ret
	.size	veth_xdp_rcv_skb, . - veth_xdp_rcv_skb

# int do_xdp_generic(struct sk_buff *): SKB mode; 1 when the packet goes on
	.globl	do_xdp_generic
	.type	do_xdp_generic, @function
do_xdp_generic:
	push	%rbp
	mov	%rsp, %rbp
	mov	$XDP_FLAGS_SKB_MODE, %esi
	call	netif_run_xdp
	pop	%rbp
	ret
	.size	do_xdp_generic, . - do_xdp_generic

# int netif_run_xdp(struct sk_buff *, int mode): a struct xdp_buff over the packet, the program, its verdict
	.globl	netif_run_xdp
	.type	netif_run_xdp, @function
netif_run_xdp:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	sub	$64, %rsp
	mov	%rdi, %rbx
	mov	%rsp, %rdx
	# %rax: struct bpf_prog * or 0, %rdx: its function
	native	xdp_prepare_buff
	test	%rax, %rax
	je	1f
	mov	%rsp, %rdi
	mov	%rax, %rsi
	mov	%rax, %r12
	call	bpf_prog_run_xdp
	mov	%rbx, %rdi
	mov	%rsp, %rsi
	mov	%edx, %ecx
	mov	%eax, %edx
	mov	%r12, %r8
	# 1: XDP_PASS
	native	bpf_prog_run_generic_xdp
	jmp	2f
1:	mov	$1, %eax
2:	add	$64, %rsp
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	netif_run_xdp, . - netif_run_xdp

# unsigned int bpf_prog_run_xdp(struct xdp_buff *, struct bpf_prog *, function); %rdx: whether it ran
	.globl	bpf_prog_run_xdp
	.type	bpf_prog_run_xdp, @function
bpf_prog_run_xdp:
	push	%rbp
	mov	%rsp, %rbp
	call	bpf_prog_run_pin_on_cpu
	pop	%rbp
	ret
	.size	bpf_prog_run_xdp, . - bpf_prog_run_xdp

# unsigned int bpf_prog_run_pin_on_cpu(ctx, struct bpf_prog *, function): one program a CPU; %rdx: 0 when another is on it
	.globl	bpf_prog_run_pin_on_cpu
	.type	bpf_prog_run_pin_on_cpu, @function
bpf_prog_run_pin_on_cpu:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	mov	%rdi, %rbx
	mov	%rsi, %r12
	mov	%rdx, %r13
	incl	%gs:bpf_prog_active
	cmpl	$1, %gs:bpf_prog_active
	jne	1f
	cmpq	$0, %gs:rex_curr_prog
	jne	1f
	mov	%rsi, %rdi
	native	bpf_prog_inc_runs
	native	kernel_fpu_begin
	mov	%rbx, %rdi
	mov	%r12, %rsi
	mov	%r13, %rdx
	call	bpf_prog_run
	mov	%eax, %r14d
	native	kernel_fpu_end
	mov	%r14d, %eax
	mov	$1, %edx
	jmp	2f
1:	mov	%r12, %rdi
	native	bpf_prog_inc_missed
	xor	%eax, %eax
	xor	%edx, %edx
2:	decl	%gs:bpf_prog_active
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	bpf_prog_run_pin_on_cpu, . - bpf_prog_run_pin_on_cpu

# int __netif_receive_skb(struct sk_buff *): generic XDP, clsact ingress, the protocol
	.globl	__netif_receive_skb
	.type	__netif_receive_skb, @function
__netif_receive_skb:
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	push	%r12
	mov	%rdi, %rbx
	call	do_xdp_generic
	test	%eax, %eax
	je	1f
	mov	%rbx, %rdi
	mov	$TC_INGRESS, %esi
	call	tcf_classify
	mov	%rbx, %rdi
	mov	%eax, %esi
	# 1: the packet goes on
	native	sch_handle_ingress
	test	%eax, %eax
	je	1f
	mov	%rbx, %rdi
	native	deliver_skb
1:	xor	%eax, %eax
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	__netif_receive_skb, . - __netif_receive_skb
