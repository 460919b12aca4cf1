import type { OpcodeRow } from './row.ts';

export const sseRows: readonly OpcodeRow[] = [];
