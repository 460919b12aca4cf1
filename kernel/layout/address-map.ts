/** Virtual addresses, as Documentation/arch/x86/x86_64/mm.rst places them. */
export const TASK_SIZE_MAX = 0x7fff_ffff_f000n;
/** the kernel's half begins */
export const KERNEL_HALF = 0x8000_0000_0000_0000n;
/** all of physical memory, 2 MiB pages */
export const PAGE_OFFSET = 0xffff_8880_0000_0000n;
/** Rex stacks and extension images come from here and from MODULES_VADDR */
export const VMALLOC_START = 0xffff_c900_0000_0000n;
export const KERNEL_TEXT = 0xffff_ffff_8100_0000n;
export const KERNEL_DATA = 0xffff_ffff_8200_0000n;
export const MODULES_VADDR = 0xffff_ffff_c000_0000n;
