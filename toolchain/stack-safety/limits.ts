import { constants } from '../../kernel/layout/constants.ts';

/** Bytes of the Rex stack for the frames of a program; the rest is for helpers and the panic handler. */
export const STACK_LIMIT = constants.REX_STACK_LIMIT;
/** of one frame where the depth is checked at run time: the check is made where a function begins */
export const FRAME_LIMIT = constants.PAGE_SIZE;
/** A call whose whole depth is known not to be more is not checked. */
export const UNCHECKED_DEPTH = 512;

/** What the kernel or the check itself enters, which no check may stand before. */
export const UNCHECKED_FUNCTIONS: ReadonlySet<string> = new Set([
  '__rex_check_stack',
  '__rex_handle_stack_overflow',
  '__rex_handle_timeout',
]);
export const CHECK_FUNCTION = '__rex_check_stack';
