import { bitRows } from './bits.ts';
import { controlRows } from './control.ts';
import { cryptographyRows } from './cryptography.ts';
import { integerRows } from './integer.ts';
import type { OpcodeRow } from './row.ts';
import { sseRows } from './sse.ts';
import { sse3Rows } from './sse3.ts';
import { sse4Rows } from './sse4.ts';
import { systemRows } from './system.ts';
import { x87Rows } from './x87.ts';

/** Every encoding the processor knows. */
export const opcodeRows: readonly OpcodeRow[] = [...integerRows, ...controlRows, ...systemRows, ...sseRows, ...sse3Rows, ...sse4Rows, ...cryptographyRows, ...bitRows, ...x87Rows];
