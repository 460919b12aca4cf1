/**
 * Machine code that runs in kernel mode, as an extension does: in the place of a loaded Rex program, which kprobes, tracepoints and
 * packets lead to. It writes over the kernel's structures, uses privileged instructions, and calls what it is not meant to call.
 */
import { Box, type EngineName } from '../../index.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { PAGE_OFFSET } from '../../kernel/layout/address-map.ts';
import { writeKernel } from '../../kernel/mm/kernel-memory.ts';
import { nativeNames } from '../../kernel/natives.ts';
import { assemble } from '../../toolchain/assembler/index.ts';
import { mnemonics } from '../../toolchain/assembler/forms.ts';
import { udpFrame } from '../support/network-machine.ts';
import { tinyProgram } from '../support/tiny-program.ts';
import { readRepositoryFile } from '../support/user-machine.ts';
import { randomForms, randomInstruction, registerName, type Random } from '../random-instructions.ts';
import type { Fuzzer } from './fuzzer.ts';
import { anyNumber, between, oneIn, pick } from './random.ts';
import { runBox } from './run-box.ts';

const BUDGET = 60_000;
/** long enough for the watchdog of Rex programs */
const LONG = 2_500_000;
const WATCHDOG = 1_000_000;
const MEMORY = 16 << 20;

export interface KernelMode {
  /** assembly in which names are places of the kernel */
  readonly source: string;
  readonly hook: Hook;
  readonly cpus: number;
  readonly engine: EngineName;
  readonly budget: number;
  readonly twice: boolean;
}

interface Extension {
  readonly sample: string;
  readonly program: string;
  readonly attach: (box: Box, program: ReturnType<ReturnType<Box['rex']['load']>['program']>) => void;
}

const kprobe = (symbol: string): Extension => ({
  sample: 'error_injector',
  program: 'err_injector',
  attach: (_box, program) => void program.attachKprobe(symbol),
});
/** Where the code is reached from. */
const hooks = {
  getpid: kprobe('__x64_sys_getpid'),
  sched_yield: kprobe('__x64_sys_sched_yield'),
  tracepoint: {
    sample: 'syscall_tp',
    program: 'trace_enter_open',
    attach: (_box, program) => void program.attachTracepoint('syscalls/sys_enter_open'),
  },
  'packets in': {
    sample: 'xdp_test',
    program: 'xdp_rx_filter',
    attach: (box, program) => void box.network.device('eth0').attachXdp(program),
  },
  'packets out': {
    sample: 'xdp_test',
    program: 'xdp_tx_filter',
    attach: (box, program) => void box.network.device('eth0').attachTc(program, 'egress'),
  },
} satisfies Record<string, Extension>;
type Hook = keyof typeof hooks;

/** Kernel text that code may go to, and data that it may write to, by name. */
// prettier-ignore
const symbols = [
  'entry_SYSCALL_64', 'do_syscall_64', 'sys_call_table', 'rex_dispatcher_func', 'rex_landingpad',
  'rex_landingpad_asm', 'rex_exit', 'just_return_func', '__x64_sys_fork', '__x64_sys_execve',
  '__x64_sys_exit_group', '__x64_sys_mmap', '__x64_sys_read', '__x64_sys_dup', 'bpf_map_lookup_elem',
  'bpf_map_update_elem', 'bpf_spin_lock', 'bpf_probe_read_kernel', 'bpf_trace_printk', 'kprobe_int3_handler',
  'trace_call_bpf', 'asm_exc_page_fault', 'exc_page_fault', 'error_return', 'ret_from_fork_asm', 'exc_debug',
  'dump_stack_lvl', 'net_rx_action', 'do_softirq', 'tcf_classify', '__dev_queue_xmit', 'trace_sched_process_exit',
  'sysvec_irq_work', '__secure_computing', 'jiffies', '__per_cpu_offset', 'event_sys_enter',
] as const;
/** `record_N`: an address that one of the kernel's records has. */
const RECORDS = 96;
// prettier-ignore
const perCpu = [
  'current_task', 'rex_stack_ptr', 'rex_curr_prog', 'rex_termination_state', 'rex_cleanup_entries', 'cpu_tss_rw',
  'gdt_page', 'this_cpu_off',
];
// prettier-ignore
const data = [
  'task', 'task', 'stack_top', 'stack', 'per_cpu', 'per_cpu', 'kernel_pgd', 'user_pgd', 'jiffies',
  'sys_call_table',
];

/** Mostly memory that can be written: a fault ends the code. */
function place(random: Random): string {
  const kind = random(20);
  if (kind < 8) return `record_${random(RECORDS)}+${random(32) * 8}`;
  if (kind < 13) return `${pick(random, data)}+${oneIn(random, 3) ? random(4096) : random(32) * 8}`;
  if (kind < 16) return `per_cpu+${pick(random, perCpu)}+${random(8) * 8}`;
  if (kind < 18) return `${PAGE_OFFSET + BigInt(random(MEMORY))}`;
  if (kind < 19 || !oneIn(random, 6)) return `${pick(random, symbols)}+${random(64)}`;
  return `0x${anyNumber(random).toString(16)}`;
}

const general = (random: Random): string =>
  `%${registerName(pick(random, [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]), 64)}`;

/** Numbers of model-specific registers, EFER and STAR and the bases first. */
const msrs = [
  '0xc0000080',
  '0xc0000081',
  '0xc0000082',
  '0xc0000084',
  '0xc0000100',
  '0xc0000101',
  '0xc0000102',
  '0x10',
  '0x1b',
  '0x277',
  '0xda0',
];

const forms = randomForms(mnemonics);

type Piece = (random: Random) => string;
const load: Piece = (random) => `movabs $${place(random)}, ${general(random)}`;
const store: Piece = (random) => {
  const base = general(random);
  const [suffix, width] = pick(random, [
    ['b', 8],
    ['w', 16],
    ['l', 32],
    ['q', 64],
    ['q', 64],
  ] as const);
  const value = oneIn(random, 2) ? `$${random(128)}` : `%${registerName(random(8), width)}`;
  return `movabs $${place(random)}, ${base}\n\tmov${suffix} ${value}, ${random(16) * 8}(${base})`;
};
// prettier-ignore
const pieces: readonly (readonly [weight: number, piece: Piece])[] = [
  [8, load],
  [16, store],
  [3, (random) => `movabs $${place(random)}, %rdi\n\tmov $${pick(random, [1, 8, 64, 512, 4096, 2 ** 31 - 1])}, %ecx\n\tmovabs $${place(random)}, %rax\n\trep stosq`],
  [2, (random) => `movabs $${place(random)}, %rdi\n\tmovabs $${place(random)}, %rsi\n\tmov $${pick(random, [1, 8, 64, 512, 4096])}, %ecx\n\trep movsb`],
  [4, (random) => { for (;;) { const made = randomInstruction(random, pick(random, forms)); if (made !== undefined) return made.text; } }],
  [5, (random) => `native $${random(nativeNames.length)}`],
  [1, (random) => `native $0x${anyNumber(random).toString(16).slice(-7)}`],
  [3, (random) => `movabs $${pick(random, symbols)}, %rax\n\tcall *%rax`],
  [1, (random) => `movabs $${place(random)}, %rax\n\t${pick(random, ['call', 'jmp'])} *%rax`],
  [2, (random) => `mov ${general(random)}, %cr${pick(random, [0, 2, 3, 4])}`],
  [1, (random) => `mov %cr${pick(random, [0, 2, 3, 4])}, ${general(random)}`],
  [1, (random) => `mov ${general(random)}, %db${random(8)}`],
  [1, (random) => { const base = general(random); return `mov %cr0, ${base}\n\tbtc $${random(32)}, ${base}\n\tmov ${base}, %cr0`; }],
  [1, (random) => { const base = general(random); return `mov %cr4, ${base}\n\tbtc $${random(24)}, ${base}\n\tmov ${base}, %cr4`; }],
  [3, (random) => `mov $${pick(random, msrs)}, %ecx\n\t${pick(random, ['wrmsr', 'wrmsr', 'rdmsr'])}`],
  [1, (random) => `movabs $${place(random)}, %rsp`],
  [1, (random) => `push ${general(random)}\n\tpopfq`],
  [1, (random) => `${pick(random, ['lgdt', 'lidt', 'sgdt', 'sidt', 'invlpg'])} (${general(random)})`],
  [1, (random) => `mov $${pick(random, [0x10, 0x18, 0x2b, 0x33, 0, 3, random(65536)])}, %eax\n\t${pick(random, ['ltr %ax', 'lldt %ax', 'mov %eax, %ss', 'mov %eax, %ds', 'mov %eax, %gs', 'mov %eax, %fs'])}`],
  [2, (random) => pick(random, ['hlt', 'cli', 'sti', 'swapgs', 'iretq', 'sysretq', 'int3', 'int1', 'ud2', 'clac', 'stac', 'clts', 'syscall', 'wbinvd', 'ret', 'retf', 'cpuid', 'rdtsc'])],
  [1, (random) => `int $${random(256)}`],
  [1, (random) => `sub $${pick(random, [8, 64, 4096, 0x4000, 0x10000])}, %rsp`],
  [1, (random) => `mov $${between(random, 1, 2000)}, %ecx\n9:\t${store(random)}\n\tloop 9b`],
  [1, () => 'jmp .'],
  [1, () => 'call image'],
  [1, (random) => `.byte ${Array.from({ length: between(random, 1, 12) }, () => random(256)).join(', ')}`],
];
const weighted = pieces.flatMap(([weight, piece]) => Array<Piece>(weight).fill(piece));

/** Read-only pages can be written without CR0.WP; registers point to what can. */
const beginnings = (random: Random): string[] => [
  ...(oneIn(random, 4) ? [] : ['\tmov %cr0, %rax', '\tbtr $16, %rax', '\tmov %rax, %cr0']),
  ...Array.from({ length: random(8) }, () => `\t${load(random)}`),
];

function make(random: Random): KernelMode {
  const lines = Array.from({ length: between(random, 1, 24) }, () => `\t${pick(random, weighted)(random)}`);
  return {
    source: [...beginnings(random), ...lines, '\txor %eax, %eax', '\tret', ''].join('\n'),
    hook: pick(random, Object.keys(hooks) as Hook[]),
    cpus: between(random, 1, 2),
    engine: pick(random, ['interpreter', 'translator']),
    budget: oneIn(random, 12) ? LONG : BUDGET,
    twice: oneIn(random, 8),
  };
}

/** Two tasks that make the calls and send the packets which lead to the code. */
const program = tinyProgram(`
	mov $57, %eax
	syscall
	mov $41, %eax
	mov $2, %edi
	mov $2, %esi
	xor %edx, %edx
	syscall
	mov %eax, %ebx
	movabs $0x0200000a5c110002, %rax
	mov %rax, buffer
again:
	mov $39, %eax
	syscall
	mov $2, %eax
	mov $buffer, %edi
	xor %esi, %esi
	syscall
	mov %ebx, %edi
	mov $buffer, %esi
	mov $8, %edx
	xor %r10d, %r10d
	mov $buffer, %r8d
	mov $16, %r9d
	mov $44, %eax
	syscall
	mov $24, %eax
	syscall
	jmp again
`);

const KERNEL = 0xffff_8000_0000_0000n;

/** Addresses of the kernel's half that its records have. */
function addressesIn(value: unknown, found: Set<bigint>, seen: Set<object>): void {
  if (typeof value === 'bigint') {
    if (value >= KERNEL) found.add(value);
    return;
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
  seen.add(value);
  const children = value instanceof Map ? [...value].flat() : Object.values(value);
  for (const child of children) addressesIn(child, found, seen);
}

/** What the names of the code mean in `kernel`. */
function placesOf(kernel: Kernel, pid: number, image: bigint): Map<string, bigint> {
  const { memory: _memory, cpus: _cpus, symbols: table, listing: _listing, ...records } = kernel;
  const found = new Set<bigint>();
  addressesIn(records, found, new Set());
  const all = [...found];
  const task = kernel.tasks.get(pid)!;
  const of = (name: string): bigint => table.byName.get(name)?.address ?? image;
  return new Map([
    ...[...symbols, ...perCpu].map((name): [string, bigint] => [name, of(name)]),
    ...Array.from({ length: RECORDS }, (_, n): [string, bigint] => [`record_${n}`, all[(n * 31) % all.length]!]),
    ['task', task.address],
    ['stack', task.stack],
    ['stack_top', task.stack + 0x4000n - 256n],
    ['per_cpu', kernel.perCpu[0]!.area],
    ['kernel_pgd', PAGE_OFFSET + BigInt(kernel.swapperPgDir)],
    ['user_pgd', PAGE_OFFSET + BigInt(kernel.addressSpaces.get(task.addressSpace!)!.pageTable)],
    ['image', image],
    ['text', of('do_syscall_64')],
  ]);
}

async function boot({ source, hook, cpus }: KernelMode, engine: EngineName): Promise<Box> {
  const box = await Box.boot({
    memory: MEMORY,
    cpus,
    engine,
    translator: { threshold: 2 },
    watchdogPeriod: WATCHDOG,
    network: { veth: [{ name: 'eth0', address: '10.0.0.1/24' }] },
  });
  const { sample, program: name, attach }: Extension = hooks[hook];
  const extension = box.rex.load(readRepositoryFile(`samples/${sample}/${sample}.rex`));
  const handle = extension.program(name);
  box.network.device('eth0').addNeighbour('10.0.0.2', '02:00:00:00:00:09');
  box.files.write('/bin/program', program);
  const { pid } = box.spawn('/bin/program');
  attach(box, handle);
  const { kernel } = box;
  const image = kernel.bpf.programs.get(handle.id)!.function;
  const code = assemble(source, { sections: { '.text': image }, symbols: placesOf(kernel, pid, image) });
  box.change(() => writeKernel(kernel, image, code.sections.get('.text')!.bytes));
  for (let n = 0; n < 3; n++) box.network.device('eth0').inject(udpFrame(1, 2, new Uint8Array(n * 400)));
  return box;
}

const run = (input: KernelMode): Promise<string> => runBox({ ...input, boot: (engine) => boot(input, engine) });

const text = ({ source, ...rest }: KernelMode): string => `${source}${JSON.stringify(rest)}`;

export const kernelMode: Fuzzer<KernelMode> = { make, text, run };
