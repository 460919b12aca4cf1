/** Where the kernel's text calls its native functions: by the name of each, the addresses of the instructions. */
import { decode, MAX_INSTRUCTION_LENGTH } from '../../cpu/decoder.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { KERNEL_DATA, KERNEL_TEXT } from '../../kernel/layout/address-map.ts';
import { readKernel } from '../../kernel/mm/kernel-memory.ts';
import { nativeNames } from '../../kernel/natives.ts';

export interface NativeCalls {
  /** none: nothing of that name is called */
  of(name: string): readonly bigint[];
  readonly all: readonly bigint[];
}

/** The text of a function as it is without probes. */
function textOf(kernel: Kernel, address: bigint, size: number): Uint8Array {
  const text = readKernel(kernel, address, size) ?? new Uint8Array(0);
  for (const probe of kernel.kprobes.probes.values()) {
    const offset = probe.address - address;
    if (offset >= 0n && offset < BigInt(text.length)) text[Number(offset)] = probe.original[0]!;
  }
  return text;
}

function collect(kernel: Kernel): Map<string, bigint[]> {
  const found = new Map<string, bigint[]>();
  let end = KERNEL_TEXT;
  for (const { address, size } of kernel.symbols.sorted) {
    if (address < end || address >= KERNEL_DATA) continue;
    end = address + BigInt(size);
    const text = textOf(kernel, address, size);
    for (let at = 0; at < text.length;) {
      const instruction = decode(text, at, Math.min(text.length, at + MAX_INSTRUCTION_LENGTH));
      if (typeof instruction !== 'object') break;
      const [operand] = instruction.operands;
      if (instruction.mnemonic === 'native' && operand?.kind === 2) {
        const name = nativeNames[Number(operand.value)] ?? '';
        const list = found.get(name);
        if (list === undefined) found.set(name, [address + BigInt(at)]);
        else list.push(address + BigInt(at));
      }
      at += instruction.length;
    }
  }
  return found;
}

/** Kernel text does not change but for probes: it is read once, when first asked for. */
export function createNativeCalls(kernel: Kernel): NativeCalls {
  let known: Map<string, bigint[]> | undefined;
  let all: readonly bigint[] | undefined;
  const byName = (): Map<string, bigint[]> => (known ??= collect(kernel));
  return {
    of: (name) => byName().get(name) ?? [],
    get all() {
      return (all ??= [...byName().values()].flat());
    },
  };
}
