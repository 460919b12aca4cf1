import { absolute, horizontal, palignr } from '../semantics/sse3.ts';
import * as convert from '../semantics/sse-float.ts';
import { lanes, pack, shift } from '../semantics/sse-integer.ts';
import { maskmov, movd, moveLow, pextrw, pinsrw, signMask, unpack } from '../semantics/sse-move.ts';
import * as x from '../semantics/mmx.ts';
import { ofFeature, row, type OpcodeRow } from './row.ts';

const first: readonly OpcodeRow[] = [
  row('NP W0 0F 6E /r',  'movd',      'Pq Ey', movd),
  row('NP W1 0F 6E /r',  'movq',      'Pq Ey', movd),
  row('NP W0 0F 7E /r',  'movd',      'Ey Pq', moveLow),
  row('NP W1 0F 7E /r',  'movq',      'Ey Pq', moveLow),
  row('NP 0F 6F /r',     'movq',      'Pq Qq', moveLow),
  row('NP 0F 7F /r',     'movq',      'Qq Pq', moveLow),
  row('NP 0F 60 /r',     'punpcklbw', 'Pq Qd', unpack('low', 8, 64)),
  row('NP 0F 61 /r',     'punpcklwd', 'Pq Qd', unpack('low', 16, 64)),
  row('NP 0F 62 /r',     'punpckldq', 'Pq Qd', unpack('low', 32, 64)),
  row('NP 0F 68 /r',     'punpckhbw', 'Pq Qq', unpack('high', 8, 64)),
  row('NP 0F 69 /r',     'punpckhwd', 'Pq Qq', unpack('high', 16, 64)),
  row('NP 0F 6A /r',     'punpckhdq', 'Pq Qq', unpack('high', 32, 64)),
  row('NP 0F 63 /r',     'packsswb',  'Pq Qq', pack('packSigned', 16)),
  row('NP 0F 6B /r',     'packssdw',  'Pq Qq', pack('packSigned', 32)),
  row('NP 0F 67 /r',     'packuswb',  'Pq Qq', pack('packUnsigned', 16)),
  row('NP 0F 64 /r',     'pcmpgtb',   'Pq Qq', lanes('greaterSigned', 8)),
  row('NP 0F 65 /r',     'pcmpgtw',   'Pq Qq', lanes('greaterSigned', 16)),
  row('NP 0F 66 /r',     'pcmpgtd',   'Pq Qq', lanes('greaterSigned', 32)),
  row('NP 0F 74 /r',     'pcmpeqb',   'Pq Qq', lanes('equal', 8)),
  row('NP 0F 75 /r',     'pcmpeqw',   'Pq Qq', lanes('equal', 16)),
  row('NP 0F 76 /r',     'pcmpeqd',   'Pq Qq', lanes('equal', 32)),
  row('NP 0F FC /r',     'paddb',     'Pq Qq', lanes('add', 8)),
  row('NP 0F FD /r',     'paddw',     'Pq Qq', lanes('add', 16)),
  row('NP 0F FE /r',     'paddd',     'Pq Qq', lanes('add', 32)),
  row('NP 0F D4 /r',     'paddq',     'Pq Qq', lanes('add', 64)),
  row('NP 0F F8 /r',     'psubb',     'Pq Qq', lanes('sub', 8)),
  row('NP 0F F9 /r',     'psubw',     'Pq Qq', lanes('sub', 16)),
  row('NP 0F FA /r',     'psubd',     'Pq Qq', lanes('sub', 32)),
  row('NP 0F EC /r',     'paddsb',    'Pq Qq', lanes('addSaturateSigned', 8)),
  row('NP 0F ED /r',     'paddsw',    'Pq Qq', lanes('addSaturateSigned', 16)),
  row('NP 0F DC /r',     'paddusb',   'Pq Qq', lanes('addSaturateUnsigned', 8)),
  row('NP 0F DD /r',     'paddusw',   'Pq Qq', lanes('addSaturateUnsigned', 16)),
  row('NP 0F E8 /r',     'psubsb',    'Pq Qq', lanes('subSaturateSigned', 8)),
  row('NP 0F E9 /r',     'psubsw',    'Pq Qq', lanes('subSaturateSigned', 16)),
  row('NP 0F D8 /r',     'psubusb',   'Pq Qq', lanes('subSaturateUnsigned', 8)),
  row('NP 0F D9 /r',     'psubusw',   'Pq Qq', lanes('subSaturateUnsigned', 16)),
  row('NP 0F D5 /r',     'pmullw',    'Pq Qq', lanes('mulLow', 16)),
  row('NP 0F E5 /r',     'pmulhw',    'Pq Qq', lanes('mulHighSigned', 16)),
  row('NP 0F F5 /r',     'pmaddwd',   'Pq Qq', lanes('mulAddPairs', 16)),
  row('NP 0F DB /r',     'pand',      'Pq Qq', lanes('and', 64)),
  row('NP 0F DF /r',     'pandn',     'Pq Qq', lanes('andNot', 64)),
  row('NP 0F EB /r',     'por',       'Pq Qq', lanes('or', 64)),
  row('NP 0F EF /r',     'pxor',      'Pq Qq', lanes('xor', 64)),
  row('NP 0F D1 /r',     'psrlw',     'Pq Qq', shift('shr', 16)),
  row('NP 0F D2 /r',     'psrld',     'Pq Qq', shift('shr', 32)),
  row('NP 0F D3 /r',     'psrlq',     'Pq Qq', shift('shr', 64)),
  row('NP 0F E1 /r',     'psraw',     'Pq Qq', shift('sar', 16)),
  row('NP 0F E2 /r',     'psrad',     'Pq Qq', shift('sar', 32)),
  row('NP 0F F1 /r',     'psllw',     'Pq Qq', shift('shl', 16)),
  row('NP 0F F2 /r',     'pslld',     'Pq Qq', shift('shl', 32)),
  row('NP 0F F3 /r',     'psllq',     'Pq Qq', shift('shl', 64)),
  row('NP 0F 71 /2 reg', 'psrlw',     'Nq Ib', shift('shr', 16)),
  row('NP 0F 72 /2 reg', 'psrld',     'Nq Ib', shift('shr', 32)),
  row('NP 0F 73 /2 reg', 'psrlq',     'Nq Ib', shift('shr', 64)),
  row('NP 0F 71 /4 reg', 'psraw',     'Nq Ib', shift('sar', 16)),
  row('NP 0F 72 /4 reg', 'psrad',     'Nq Ib', shift('sar', 32)),
  row('NP 0F 71 /6 reg', 'psllw',     'Nq Ib', shift('shl', 16)),
  row('NP 0F 72 /6 reg', 'pslld',     'Nq Ib', shift('shl', 32)),
  row('NP 0F 73 /6 reg', 'psllq',     'Nq Ib', shift('shl', 64)),
];

const sse: readonly OpcodeRow[] = [
  row('NP 0F E4 /r',     'pmulhuw',   'Pq Qq',    lanes('mulHighUnsigned', 16)),
  row('NP 0F F6 /r',     'psadbw',    'Pq Qq',    lanes('sumDifferences', 8)),
  row('NP 0F E0 /r',     'pavgb',     'Pq Qq',    lanes('averageUnsigned', 8)),
  row('NP 0F E3 /r',     'pavgw',     'Pq Qq',    lanes('averageUnsigned', 16)),
  row('NP 0F DA /r',     'pminub',    'Pq Qq',    lanes('minUnsigned', 8)),
  row('NP 0F DE /r',     'pmaxub',    'Pq Qq',    lanes('maxUnsigned', 8)),
  row('NP 0F EA /r',     'pminsw',    'Pq Qq',    lanes('minSigned', 16)),
  row('NP 0F EE /r',     'pmaxsw',    'Pq Qq',    lanes('maxSigned', 16)),
  row('NP 0F 70 /r',     'pshufw',    'Pq Qq Ib', x.pshufw),
  row('NP 0F C4 /r reg', 'pinsrw',    'Pq Ry Ib', pinsrw),
  row('NP 0F C4 /r mem', 'pinsrw',    'Pq Mw Ib', pinsrw),
  row('NP 0F C5 /r reg', 'pextrw',    'Gy Nq Ib', pextrw),
  row('NP 0F D7 /r reg', 'pmovmskb',  'Gy Nq',    signMask(8)),
  row('NP 0F E7 /r mem', 'movntq',    'Mq Pq',    moveLow),
  row('NP 0F F7 /r reg', 'maskmovq',  'Pq Nq',    maskmov),
  row('NP 0F 2C /r',     'cvttps2pi', 'Pq Wq',    convert.cvttps2pi),
  row('NP 0F 2D /r',     'cvtps2pi',  'Pq Wq',    convert.cvtps2pi),
];

const sse2: readonly OpcodeRow[] = [
  row('NP 0F FB /r',     'psubq',     'Pq Qq', lanes('sub', 64)),
  row('NP 0F F4 /r',     'pmuludq',   'Pq Qq', lanes('mulEvenUnsigned', 64)),
  row('66 0F 2C /r',     'cvttpd2pi', 'Pq Wx', convert.cvttpd2pi),
  row('66 0F 2D /r',     'cvtpd2pi',  'Pq Wx', convert.cvtpd2pi),
  row('F2 0F D6 /r reg', 'movdq2q',   'Pq Uq', movd),
  row('F3 0F D6 /r reg', 'movq2dq',   'Vx Nq', movd),
];

const ssse3: readonly OpcodeRow[] = [
  row('NP 0F 38 00 /r', 'pshufb',    'Pq Qq',    x.pshufb),
  row('NP 0F 38 01 /r', 'phaddw',    'Pq Qq',    horizontal('add', 16)),
  row('NP 0F 38 02 /r', 'phaddd',    'Pq Qq',    horizontal('add', 32)),
  row('NP 0F 38 03 /r', 'phaddsw',   'Pq Qq',    horizontal('addSaturateSigned', 16)),
  row('NP 0F 38 05 /r', 'phsubw',    'Pq Qq',    horizontal('sub', 16)),
  row('NP 0F 38 06 /r', 'phsubd',    'Pq Qq',    horizontal('sub', 32)),
  row('NP 0F 38 07 /r', 'phsubsw',   'Pq Qq',    horizontal('subSaturateSigned', 16)),
  row('NP 0F 38 04 /r', 'pmaddubsw', 'Pq Qq',    lanes('mulAddPairsUnsignedSigned', 8)),
  row('NP 0F 38 08 /r', 'psignb',    'Pq Qq',    lanes('applySign', 8)),
  row('NP 0F 38 09 /r', 'psignw',    'Pq Qq',    lanes('applySign', 16)),
  row('NP 0F 38 0A /r', 'psignd',    'Pq Qq',    lanes('applySign', 32)),
  row('NP 0F 38 0B /r', 'pmulhrsw',  'Pq Qq',    lanes('mulHighRounded', 16)),
  row('NP 0F 38 1C /r', 'pabsb',     'Pq Qq',    absolute(8)),
  row('NP 0F 38 1D /r', 'pabsw',     'Pq Qq',    absolute(16)),
  row('NP 0F 38 1E /r', 'pabsd',     'Pq Qq',    absolute(32)),
  row('NP 0F 3A 0F /r', 'palignr',   'Pq Qq Ib', palignr),
];

/** From MMX registers to XMM registers. */
const toXmm: readonly OpcodeRow[] = [
  row('NP 0F 2A /r', 'cvtpi2ps', 'Vx Qq', x.mmxUnlessMemory(convert.cvtpi2ps), 'SSE'),
  row('66 0F 2A /r', 'cvtpi2pd', 'Vx Qq', x.mmxUnlessMemory(convert.cvtpi2pd), 'SSE2'),
];

/** MMX, and the forms on MMX registers of SSE, SSE2 and SSSE3; the definitions are those of the forms on XMM registers. */
export const mmxRows: readonly OpcodeRow[] = [
  ...[...ofFeature('MMX', first), ...ofFeature('SSE', sse), ...ofFeature('SSE2', sse2), ...ofFeature('SSSE3', ssse3)].map(
    (one) => ({ ...one, semantics: x.mmx(one.semantics) }),
  ),
  ...toXmm,
  row('NP 0F 77', 'emms', '', x.emms, 'MMX'),
];
