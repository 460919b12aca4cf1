import { controlRows } from './control.ts';
import { integerRows } from './integer.ts';
import type { OpcodeRow } from './row.ts';
import { sseRows } from './sse.ts';
import { systemRows } from './system.ts';

/** Every encoding the processor knows. */
export const opcodeRows: readonly OpcodeRow[] = [...integerRows, ...controlRows, ...systemRows, ...sseRows];
