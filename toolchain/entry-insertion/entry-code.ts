/** bytes from one entry function to the next */
export const ENTRY_SLOT = 32;
/** bytes of an entry function */
export const ENTRY_SIZE = 21;

const INT3 = 0xcc;

/**
 * The machine code of `u32 entry(void *ctx) { return __rex_entry_<type>(&PROG, ctx); }` for `address`, padded to
 * `ENTRY_SLOT` bytes with int3. It has a frame of its own, so that backtraces show the program's name. All addresses
 * are below 2^31 apart.
 */
export function entryCode(address: bigint, object: bigint, entryFunction: bigint): Uint8Array {
  const displacement = (target: bigint, next: number): readonly number[] => {
    const value = Number(target - (address + BigInt(next)));
    return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
  };
  const code = new Uint8Array(ENTRY_SLOT).fill(INT3);
  // prettier-ignore
  code.set([
    0x55,                                             //  0  push %rbp
    0x48, 0x89, 0xe5,                                 //  1  mov  %rsp,%rbp
    0x48, 0x89, 0xfe,                                 //  4  mov  %rdi,%rsi
    0x48, 0x8d, 0x3d, ...displacement(object, 14),    //  7  lea  PROG(%rip),%rdi
    0xe8, ...displacement(entryFunction, 19),         // 14  call __rex_entry_<type>
    0x5d,                                             // 19  pop  %rbp
    0xc3,                                             // 20  ret
  ]);
  return code;
}
