/** A box whose kernel text has small XDP and TC programs beside its own, which tests attach to devices. */
import { Box, type BoxOptions, type BoxSnapshot } from '../../box/box.ts';
import type { RexProgram } from '../../box/rex.ts';
import { createProgram } from '../../kernel/bpf/programs.ts';
import { constants } from '../../kernel/layout/constants.ts';
import { readKernelU32, readKernelU64, writeKernelU32 } from '../../kernel/mm/kernel-memory.ts';
import { parseIpv4 } from '../../kernel/net/address.ts';
import { ETH_P_IP, ethernetFrame, IPPROTO_UDP, ipv4Packet, udpDatagram } from '../../kernel/net/packet.ts';
import { kernelSources } from './kernel-machine.ts';

const returning = (name: string, value: number): string => `
	.globl ${name}
	.type ${name}, @function
${name}:
	mov $${value}, %eax
	ret
	.size ${name}, . - ${name}
`;

/** Programs that only return are made of their names' numbers; the others note what they see. */
const source = `
	.text
${[0, 1, 2, 3, 4, 7, 99].map((value) => returning(`return_${value}`, value)).join('')}
	.globl xdp_tail
	.type xdp_tail, @function
# moves the end by test_argument and notes the result, and the packet's length afterwards
xdp_tail:
	push %rbx
	mov %rdi, %rbx
	mov test_argument(%rip), %esi
	call bpf_xdp_adjust_tail
	mov %rax, test_result(%rip)
	mov xdp_buff_data_end(%rbx), %rax
	sub xdp_buff_data(%rbx), %rax
	mov %rax, test_length(%rip)
	mov $2, %eax
	pop %rbx
	ret
	.size xdp_tail, . - xdp_tail

	.globl xdp_head
	.type xdp_head, @function
xdp_head:
	push %rbx
	mov %rdi, %rbx
	mov test_argument(%rip), %esi
	call bpf_xdp_adjust_head
	mov %rax, test_result(%rip)
	mov xdp_buff_data_end(%rbx), %rax
	sub xdp_buff_data(%rbx), %rax
	mov %rax, test_length(%rip)
	mov $1, %eax
	pop %rbx
	ret
	.size xdp_head, . - xdp_head

	.globl xdp_reflect
	.type xdp_reflect, @function
# swaps the addresses of the frame, of the packet and of the datagram, and sends it back; only to UDP port 7
xdp_reflect:
	mov xdp_buff_data(%rdi), %rdx
	mov $2, %eax
	cmpb $17, 23(%rdx)
	jne 1f
	cmpw $0x0700, 36(%rdx)
	jne 1f
	mov 0(%rdx), %eax
	mov 6(%rdx), %ecx
	mov %ecx, 0(%rdx)
	mov %eax, 6(%rdx)
	mov 4(%rdx), %ax
	mov 10(%rdx), %cx
	mov %cx, 4(%rdx)
	mov %ax, 10(%rdx)
	mov 26(%rdx), %eax
	mov 30(%rdx), %ecx
	mov %ecx, 26(%rdx)
	mov %eax, 30(%rdx)
	mov 34(%rdx), %ax
	mov 36(%rdx), %cx
	mov %cx, 34(%rdx)
	mov %ax, 36(%rdx)
	mov $3, %eax
1:	ret
	.size xdp_reflect, . - xdp_reflect

	.globl xdp_look
	.type xdp_look, @function
# notes what a struct xdp_buff says: ifindex and queue, headroom, alignment; and changes SSE registers
xdp_look:
	mov xdp_buff_rxq(%rdi), %rax
	mov xdp_rxq_info_dev(%rax), %rdx
	mov net_device_ifindex(%rdx), %ecx
	mov %rcx, test_ifindex(%rip)
	mov xdp_rxq_info_queue_index(%rax), %ecx
	mov %rcx, test_queue(%rip)
	mov xdp_buff_data(%rdi), %rax
	mov %rax, %rcx
	and $3, %ecx
	mov %rcx, test_alignment(%rip)
	sub xdp_buff_data_hard_start(%rdi), %rax
	mov %rax, test_headroom(%rip)
	mov xdp_buff_frame_sz(%rdi), %ecx
	mov %rcx, test_length(%rip)
	mov %gs:cpu_number, %eax
	lea test_runs(%rip), %rdx
	incl (%rdx,%rax,4)
	pxor %xmm0, %xmm0
	pxor %xmm7, %xmm7
	mov $2, %eax
	ret
	.size xdp_look, . - xdp_look

	.globl xdp_damage
	.type xdp_damage, @function
xdp_damage:
	movq $0, xdp_buff_data(%rdi)
	mov $2, %eax
	ret
	.size xdp_damage, . - xdp_damage

	.globl xdp_panic
	.type xdp_panic, @function
xdp_panic:
	push %rbp
	call rex_landingpad
	.size xdp_panic, . - xdp_panic

	.globl tc_clone
	.type tc_clone, @function
# clones the packet to test_argument with the flags test_flags, and counts its own runs
tc_clone:
	push %rbx
	mov test_argument(%rip), %esi
	mov test_flags(%rip), %edx
	call bpf_clone_redirect
	mov %rax, test_result(%rip)
	incl test_runs(%rip)
	xor %eax, %eax
	pop %rbx
	ret
	.size tc_clone, . - tc_clone

	.globl tc_chain
	.type tc_chain, @function
# the first byte behind the headers counts: below test_argument the packet is cloned with one more there
tc_chain:
	push %rbx
	push %r12
	push %r13
	mov %rdi, %rbx
	incl test_runs(%rip)
	mov sk_buff_data(%rdi), %r12
	movzbl 42(%r12), %r13d
	cmp test_argument(%rip), %r13d
	jae 1f
	incb 42(%r12)
	mov test_ifindex(%rip), %esi
	mov test_flags(%rip), %edx
	call bpf_clone_redirect
	mov %rax, test_result(%rip)
	mov %r13b, 42(%r12)
1:	xor %eax, %eax
	pop %r13
	pop %r12
	pop %rbx
	ret
	.size tc_chain, . - tc_chain

	.globl tc_tree
	.type tc_tree, @function
# of 0 it makes 1 and 2, of those 17 and 18
tc_tree:
	push %rbx
	push %r12
	push %r13
	push %r14
	mov %rdi, %rbx
	mov sk_buff_data(%rdi), %r12
	movzbl 42(%r12), %r13d
	cmp $16, %r13d
	jae 2f
	mov $16, %r14d
	test %r13d, %r13d
	jne 1f
	movb $1, 42(%r12)
	mov test_ifindex(%rip), %esi
	xor %edx, %edx
	call bpf_clone_redirect
	mov $2, %r14d
1:	or %r13d, %r14d
	mov %r14b, 42(%r12)
	mov %rbx, %rdi
	mov test_ifindex(%rip), %esi
	xor %edx, %edx
	call bpf_clone_redirect
	mov %r13b, 42(%r12)
2:	xor %eax, %eax
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	ret
	.size tc_tree, . - tc_tree

	.globl tc_flood
	.type tc_flood, @function
# clones the packet test_argument times, and then panics if test_flags says so
tc_flood:
	push %rbp
	mov %rsp, %rbp
	push %rbx
	push %r12
	mov %rdi, %rbx
	mov test_argument(%rip), %r12d
1:	mov %rbx, %rdi
	mov test_ifindex(%rip), %esi
	xor %edx, %edx
	call bpf_clone_redirect
	mov %rax, test_result(%rip)
	dec %r12d
	jnz 1b
	cmpl $0, test_flags(%rip)
	je 2f
	call rex_landingpad
2:	mov $2, %eax
	pop %r12
	pop %rbx
	pop %rbp
	ret
	.size tc_flood, . - tc_flood

	.globl tc_look
	.type tc_look, @function
tc_look:
	mov sk_buff_len(%rdi), %ecx
	mov %rcx, test_length(%rip)
	movzwl sk_buff_protocol(%rdi), %ecx
	mov %rcx, test_result(%rip)
	mov sk_buff_dev(%rdi), %rax
	mov net_device_ifindex(%rax), %ecx
	mov %rcx, test_ifindex(%rip)
	mov sk_buff_sk(%rdi), %rax
	mov %rax, test_sock(%rip)
	mov sk_buff_data(%rdi), %rax
	movzbl 14(%rax), %ecx
	mov %rcx, test_headroom(%rip)
	incl test_runs(%rip)
	xor %eax, %eax
	ret
	.size tc_look, . - tc_look

	.data
	.align 8
${['argument', 'flags', 'result', 'length', 'ifindex', 'queue', 'alignment', 'headroom', 'sock', 'runs']
  .map(
    (name) =>
      `\t.globl test_${name}\n\t.type test_${name}, @object\ntest_${name}:\n\t.quad 0\n\t.size test_${name}, 8\n`,
  )
  .join('')}`;

export interface NetworkMachine {
  readonly box: Box;
  /** of one of the functions above */
  readonly program: (name: string, type?: 'xdp' | 'tc') => RexProgram;
  /** the variable `test_NAME`, signed */
  readonly note: (name: string) => bigint;
  readonly set: (name: string, value: number) => void;
}

/** Booting takes longer than what most tests do: a box of the same options is put back to its start. */
const booted = new Map<string, { readonly box: Box; readonly start: BoxSnapshot }>();

async function bootOnce(options: BoxOptions): Promise<Box> {
  const key = JSON.stringify(options);
  const known = booted.get(key);
  if (known !== undefined) {
    known.box.restore(known.start);
    return known.box;
  }
  const sources = [...kernelSources, { file: 'test.S', source }];
  const box = await Box.boot({ memory: 16 << 20, ...options, sources });
  booted.set(key, { box, start: box.snapshot() });
  return box;
}

/** A machine as it booted; the one that was made before with the same options is void. */
export async function createNetworkMachine(options: BoxOptions = {}): Promise<NetworkMachine> {
  const box = await bootOnce(options);
  const { kernel } = box;
  const address = (name: string): bigint => box.symbols.lookup(name)!;
  return {
    box,
    program(name, type = name.startsWith('tc') ? 'tc' : 'xdp') {
      const program = createProgram(kernel, {
        type: type === 'xdp' ? constants.BPF_PROG_TYPE_XDP : constants.BPF_PROG_TYPE_SCHED_CLS,
        name,
        gplCompatible: true,
        loadedAt: 0n,
        function: address(name),
        base: undefined,
        image: undefined,
        tag: '0011223344556677',
        maps: [],
        loaderPid: 0,
        timeoutHandler: 0n,
      });
      return { name, id: program.id } as RexProgram;
    },
    note: (name) => BigInt.asIntN(64, readKernelU64(kernel, address(`test_${name}`))!),
    set: (name, value) => void writeKernelU32(kernel, address(`test_${name}`), value),
  };
}

/** The count that `xdp_look` keeps for a CPU. */
export const runsOn = ({ box }: NetworkMachine, cpu: number): number =>
  readKernelU32(box.kernel, box.symbols.lookup('test_runs')! + BigInt(cpu * 4))!;

export const HOST = { mac: Uint8Array.of(2, 0, 0, 0, 0, 2), address: parseIpv4('10.0.0.1')! };
export const OUTSIDE = { mac: Uint8Array.of(6, 1, 2, 3, 4, 5), address: parseIpv4('10.0.0.9')! };
/** what `network` needs for a device `veth0` with HOST's addresses */
export const veth0 = { name: 'veth0', address: '10.0.0.1/24', mac: '02:00:00:00:00:02' } as const;

/** A datagram from OUTSIDE to HOST. */
export function udpFrame(sourcePort: number, port: number, payload: Uint8Array): Uint8Array {
  const from = { address: OUTSIDE.address, port: sourcePort };
  const datagram = udpDatagram(from, { address: HOST.address, port }, payload);
  const packet = ipv4Packet(OUTSIDE.address, HOST.address, IPPROTO_UDP, datagram, 1);
  return ethernetFrame({ destination: HOST.mac, source: OUTSIDE.mac, protocol: ETH_P_IP }, packet);
}

/** Blocks of kmalloc, live packets and pages in use: what must be as before. */
export function used({ box: { kernel } }: NetworkMachine): readonly number[] {
  return [kernel.heap.blocks, kernel.net.skbs.size, kernel.net.sockets.size];
}
