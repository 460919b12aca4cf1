import { lanes } from '../semantics/sse-integer.ts';
import { movups } from '../semantics/sse-move.ts';
import * as x from '../semantics/sse3.ts';
import { ofFeature, row, type OpcodeRow } from './row.ts';

/** But FISTTP, which stands with the x87 instructions. */
const sse3: readonly OpcodeRow[] = [
  row('66 0F D0 /r',     'addsubpd', 'Vx Wx', x.addsub(64)),
  row('F2 0F D0 /r',     'addsubps', 'Vx Wx', x.addsub(32)),
  row('66 0F 7C /r',     'haddpd',   'Vx Wx', x.horizontalFloat('add', 64)),
  row('F2 0F 7C /r',     'haddps',   'Vx Wx', x.horizontalFloat('add', 32)),
  row('66 0F 7D /r',     'hsubpd',   'Vx Wx', x.horizontalFloat('sub', 64)),
  row('F2 0F 7D /r',     'hsubps',   'Vx Wx', x.horizontalFloat('sub', 32)),
  row('F2 0F 12 /r',     'movddup',  'Vx Wq', x.movddup),
  row('F3 0F 12 /r',     'movsldup', 'Vx Wx', x.duplicate(0)),
  row('F3 0F 16 /r',     'movshdup', 'Vx Wx', x.duplicate(1)),
  row('F2 0F F0 /r mem', 'lddqu',    'Vx Mx', movups),
];

const ssse3: readonly OpcodeRow[] = [
  row('66 0F 38 00 /r', 'pshufb',    'Vx Wx',    lanes('shuffle', 8)),
  row('66 0F 38 01 /r', 'phaddw',    'Vx Wx',    x.horizontal('add', 16)),
  row('66 0F 38 02 /r', 'phaddd',    'Vx Wx',    x.horizontal('add', 32)),
  row('66 0F 38 03 /r', 'phaddsw',   'Vx Wx',    x.horizontal('addSaturateSigned', 16)),
  row('66 0F 38 05 /r', 'phsubw',    'Vx Wx',    x.horizontal('sub', 16)),
  row('66 0F 38 06 /r', 'phsubd',    'Vx Wx',    x.horizontal('sub', 32)),
  row('66 0F 38 07 /r', 'phsubsw',   'Vx Wx',    x.horizontal('subSaturateSigned', 16)),
  row('66 0F 38 04 /r', 'pmaddubsw', 'Vx Wx',    lanes('mulAddPairsUnsignedSigned', 8)),
  row('66 0F 38 08 /r', 'psignb',    'Vx Wx',    lanes('applySign', 8)),
  row('66 0F 38 09 /r', 'psignw',    'Vx Wx',    lanes('applySign', 16)),
  row('66 0F 38 0A /r', 'psignd',    'Vx Wx',    lanes('applySign', 32)),
  row('66 0F 38 0B /r', 'pmulhrsw',  'Vx Wx',    lanes('mulHighRounded', 16)),
  row('66 0F 38 1C /r', 'pabsb',     'Vx Wx',    x.absolute(8)),
  row('66 0F 38 1D /r', 'pabsw',     'Vx Wx',    x.absolute(16)),
  row('66 0F 38 1E /r', 'pabsd',     'Vx Wx',    x.absolute(32)),
  row('66 0F 3A 0F /r', 'palignr',   'Vx Wx Ib', x.palignr),
];

export const sse3Rows: readonly OpcodeRow[] = [...ofFeature('SSE3', sse3), ...ofFeature('SSSE3', ssse3)];
