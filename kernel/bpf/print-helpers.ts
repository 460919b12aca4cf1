/** bpf_snprintf, bpf_trace_printk and vprintk. */
import { negativeErrno } from './negative-errno.ts';
import { fail } from '../errno.ts';
import { latin1Bytes } from '../fs/bytes.ts';
import type { Kernel } from '../kernel.ts';
import { kernelString, readKernel, readKernelU64, writeKernel } from '../mm/kernel-memory.ts';
import type { NativeFunction } from '../native.ts';
import { printk } from '../printk.ts';
import { formatText, MAX_ARGUMENTS } from './bprintf.ts';
import type { HelperRow } from './helper.ts';
import { addTraceEntry } from './trace-printk.ts';

const LONGEST_FORMAT = 4096;

/** Gives `values` in turn; EINVAL when there is none left. */
function inTurn(values: readonly bigint[]): () => bigint {
  let at = 0;
  return () => values[at++] ?? fail('EINVAL');
}

function words(kernel: Kernel, address: bigint, bytes: number): bigint[] {
  if (bytes === 0) return [];
  const image = readKernel(kernel, address, bytes) ?? fail('EFAULT');
  const view = new DataView(image.buffer);
  return Array.from({ length: bytes / 8 }, (_, n) => view.getBigUint64(n * 8, true));
}

/** (str, str_size, fmt, data, data_len): bytes of the whole text with its NUL, of which as many as fit are stored. */
const bpf_snprintf: NativeFunction = (kernel, { registers: { rdi, rsi, rdx, rcx, r8 } }) =>
  negativeErrno(() => {
    const room = Number(BigInt.asUintN(32, rsi));
    const length = Number(BigInt.asUintN(32, r8));
    if (length % 8 !== 0 || length > MAX_ARGUMENTS * 8 || (length > 0 && rcx === 0n)) fail('EINVAL');
    const format = kernelString(kernel, rdx, LONGEST_FORMAT) ?? fail('EFAULT');
    const bytes = latin1Bytes(formatText(kernel, format, inTurn(words(kernel, rcx, length))));
    if (room > 0) {
      const kept = new Uint8Array(Math.min(bytes.length, room - 1) + 1);
      kept.set(bytes.subarray(0, kept.length - 1));
      if (!writeKernel(kernel, rdi, kept)) fail('EFAULT');
    }
    return bytes.length + 1;
  });

/** (fmt, fmt_size, three arguments) */
const bpf_trace_printk: NativeFunction = (kernel, cpu) =>
  negativeErrno(() => {
    const { rdi, rsi, rdx, rcx, r8 } = cpu.registers;
    const size = Number(BigInt.asUintN(32, rsi));
    if (size === 0 || size > LONGEST_FORMAT) fail('EINVAL');
    const format = kernelString(kernel, rdi, size) ?? fail('EFAULT');
    if (format.length === size) fail('EINVAL');
    const text = formatText(kernel, format, inTurn([rdx, rcx, r8])).slice(0, 1023);
    addTraceEntry(kernel, cpu, text);
    return text.length;
  });

/** Six registers' room in a va_list's reg_save_area. */
const REGISTERS_END = 48;
/** arguments of one call; more is a format that makes no sense */
const MOST_ARGUMENTS = 64;

/** The arguments behind a va_list: x86-64 ABI, 3.5.7. */
function variadic(kernel: Kernel, list: bigint): () => bigint {
  const image = readKernel(kernel, list, 24) ?? fail('EFAULT');
  const view = new DataView(image.buffer);
  let offset = view.getUint32(0, true);
  let overflow = view.getBigUint64(8, true);
  const saved = view.getBigUint64(16, true);
  let count = 0;
  return () => {
    if (++count > MOST_ARGUMENTS) fail('EINVAL');
    let address = overflow;
    if (offset < REGISTERS_END) {
      address = saved + BigInt(offset);
      offset += 8;
    } else overflow += 8n;
    return readKernelU64(kernel, BigInt.asUintN(64, address)) ?? fail('EFAULT');
  };
}

const KERN_SOH = '\x01';

/** (fmt, args): the characters printed. What cannot be read or formatted is -errno, where Linux would oops. */
const vprintk: NativeFunction = (kernel, cpu) =>
  negativeErrno(() => {
    const { rdi, rsi } = cpu.registers;
    const format = kernelString(kernel, rdi, LONGEST_FORMAT) ?? fail('EFAULT');
    // KERN_ERR and its like
    const rest = format.startsWith(KERN_SOH) ? format.slice(2) : format;
    const text = formatText(kernel, rest, variadic(kernel, rsi)).slice(0, 1023);
    printk(kernel, cpu, text);
    return text.length;
  });

export const printHelpers: readonly HelperRow[] = [
  {
    name: 'bpf_snprintf',
    prototype: 'long bpf_snprintf(char *str, u32 str_size, char *fmt, const u64 *data, u32 data_len)',
    support: 'full',
    note: 'widths count up to 4096; addresses of IP packets (%pi4 …) print as pointers',
    native: bpf_snprintf,
  },
  {
    name: 'bpf_trace_printk',
    prototype: 'long bpf_trace_printk(char *fmt, u32 fmt_size, u64 arg1, u64 arg2, u64 arg3)',
    support: 'full',
    note: '',
    native: bpf_trace_printk,
  },
  {
    name: 'vprintk',
    prototype: 'int vprintk(const char *fmt, va_list args)',
    support: 'full',
    note: 'log levels are dropped; what is unmapped is -EFAULT, where Linux would oops',
    native: vprintk,
  },
];
