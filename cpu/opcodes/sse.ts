import type { OpcodeRow } from './row.ts';
import { sseFloatRows } from './sse-float.ts';
import { sseIntegerRows } from './sse-integer.ts';
import { sseMoveRows } from './sse-move.ts';

/** Without prefix or with F3, but for these, an instruction is as old as SSE; the others came with SSE2. */
const younger = /^(cvt(dq2ps|ps2pd|ss2sd|tps2dq|dq2pd)|movnti|movdqu|movq|pshufhw)$/;
const isFirst = ({ pattern, mnemonic }: OpcodeRow): boolean => /^(NP|F3) /.test(pattern) && !younger.test(mnemonic);

/** SSE and SSE2, without the MMX forms. */
export const sseRows: readonly OpcodeRow[] = [...sseMoveRows, ...sseIntegerRows, ...sseFloatRows].map((one) =>
  one.feature === 'X86' ? { ...one, feature: isFirst(one) ? 'SSE' : 'SSE2' } : one,
);
