import type { OpcodeRow } from './row.ts';
import { sseFloatRows } from './sse-float.ts';
import { sseIntegerRows } from './sse-integer.ts';
import { sseMoveRows } from './sse-move.ts';

/** SSE and SSE2, without the MMX forms. */
export const sseRows: readonly OpcodeRow[] = [...sseMoveRows, ...sseIntegerRows, ...sseFloatRows];
