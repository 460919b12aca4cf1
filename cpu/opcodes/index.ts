import { avxRows } from './avx.ts';
import { bitRows } from './bits.ts';
import { controlRows } from './control.ts';
import { cryptographyRows } from './cryptography.ts';
import { integerRows } from './integer.ts';
import type { OpcodeRow } from './row.ts';
import { mmxRows } from './mmx.ts';
import { sseRows } from './sse.ts';
import { sse3Rows } from './sse3.ts';
import { sse4Rows } from './sse4.ts';
import { systemRows } from './system.ts';
import { xsaveRows } from './xsave.ts';
import { x87Rows } from './x87.ts';

/** Every encoding the processor knows. */
export const opcodeRows: readonly OpcodeRow[] = [...integerRows, ...controlRows, ...systemRows, ...xsaveRows, ...sseRows, ...sse3Rows, ...sse4Rows, ...cryptographyRows, ...bitRows, ...avxRows, ...mmxRows, ...x87Rows];
