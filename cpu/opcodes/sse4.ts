import { lanes } from '../semantics/sse-integer.ts';
import { movaps } from '../semantics/sse-move.ts';
import * as x from '../semantics/sse4.ts';
import { ofFeature, row, type OpcodeRow } from './row.ts';

/** Lanes of memory that a lane of the result comes from: name, opcode, from, to, size letter of the source. */
const extensions = ([
  ['bw', 0, 8, 16, 'q'], ['bd', 1, 8, 32, 'd'], ['bq', 2, 8, 64, 'w'],
  ['wd', 3, 16, 32, 'q'], ['wq', 4, 16, 64, 'd'], ['dq', 5, 32, 64, 'q'],
] as const).flatMap(([name, n, from, to, size]) => [
  row(`66 0F 38 2${n} /r`, `pmovsx${name}`, `Vx W${size}`, x.extend(from, to, true)),
  row(`66 0F 38 3${n} /r`, `pmovzx${name}`, `Vx W${size}`, x.extend(from, to, false)),
]);

const sse41: readonly OpcodeRow[] = [
  ...extensions,
  row('66 0F 38 10 /r',        'pblendvb',   'Vx Wx',    x.blendVariable(8)),
  row('66 0F 38 14 /r',        'blendvps',   'Vx Wx',    x.blendVariable(32)),
  row('66 0F 38 15 /r',        'blendvpd',   'Vx Wx',    x.blendVariable(64)),
  row('66 0F 3A 0C /r',        'blendps',    'Vx Wx Ib', x.blend(32)),
  row('66 0F 3A 0D /r',        'blendpd',    'Vx Wx Ib', x.blend(64)),
  row('66 0F 3A 0E /r',        'pblendw',    'Vx Wx Ib', x.blend(16)),
  row('66 0F 38 17 /r',        'ptest',      'Vx Wx',    x.ptest),
  row('66 0F 38 28 /r',        'pmuldq',     'Vx Wx',    lanes('mulEvenSigned', 64)),
  row('66 0F 38 29 /r',        'pcmpeqq',    'Vx Wx',    lanes('equal', 64)),
  row('66 0F 38 2A /r mem',    'movntdqa',   'Vx Mx',    movaps),
  row('66 0F 38 2B /r',        'packusdw',   'Vx Wx',    lanes('packUnsigned', 32)),
  row('66 0F 38 38 /r',        'pminsb',     'Vx Wx',    lanes('minSigned', 8)),
  row('66 0F 38 39 /r',        'pminsd',     'Vx Wx',    lanes('minSigned', 32)),
  row('66 0F 38 3A /r',        'pminuw',     'Vx Wx',    lanes('minUnsigned', 16)),
  row('66 0F 38 3B /r',        'pminud',     'Vx Wx',    lanes('minUnsigned', 32)),
  row('66 0F 38 3C /r',        'pmaxsb',     'Vx Wx',    lanes('maxSigned', 8)),
  row('66 0F 38 3D /r',        'pmaxsd',     'Vx Wx',    lanes('maxSigned', 32)),
  row('66 0F 38 3E /r',        'pmaxuw',     'Vx Wx',    lanes('maxUnsigned', 16)),
  row('66 0F 38 3F /r',        'pmaxud',     'Vx Wx',    lanes('maxUnsigned', 32)),
  row('66 0F 38 40 /r',        'pmulld',     'Vx Wx',    lanes('mulLow', 32)),
  row('66 0F 38 41 /r',        'phminposuw', 'Vx Wx',    x.phminposuw),
  row('66 0F 3A 08 /r',        'roundps',    'Vx Wx Ib', x.roundPacked(32)),
  row('66 0F 3A 09 /r',        'roundpd',    'Vx Wx Ib', x.roundPacked(64)),
  row('66 0F 3A 0A /r',        'roundss',    'Vd Wd Ib', x.roundScalar),
  row('66 0F 3A 0B /r',        'roundsd',    'Vq Wq Ib', x.roundScalar),
  row('66 0F 3A 14 /r reg',    'pextrb',     'Ry Vx Ib', x.extract(8)),
  row('66 0F 3A 14 /r mem',    'pextrb',     'Mb Vx Ib', x.extract(8)),
  row('66 0F 3A 15 /r reg',    'pextrw',     'Ry Vx Ib', x.extract(16)),
  row('66 0F 3A 15 /r mem',    'pextrw',     'Mw Vx Ib', x.extract(16)),
  row('66 W0 0F 3A 16 /r',     'pextrd',     'Ey Vx Ib', x.extract(32)),
  row('66 W1 0F 3A 16 /r',     'pextrq',     'Ey Vx Ib', x.extract(64)),
  row('66 0F 3A 17 /r reg',    'extractps',  'Ry Vx Ib', x.extract(32)),
  row('66 0F 3A 17 /r mem',    'extractps',  'Md Vx Ib', x.extract(32)),
  row('66 0F 3A 20 /r reg',    'pinsrb',     'Vx Ry Ib', x.insert(8)),
  row('66 0F 3A 20 /r mem',    'pinsrb',     'Vx Mb Ib', x.insert(8)),
  row('66 W0 0F 3A 22 /r',     'pinsrd',     'Vx Ey Ib', x.insert(32)),
  row('66 W1 0F 3A 22 /r',     'pinsrq',     'Vx Ey Ib', x.insert(64)),
  row('66 0F 3A 21 /r',        'insertps',   'Vx Wd Ib', x.insertps),
  row('66 0F 3A 40 /r',        'dpps',       'Vx Wx Ib', x.dotProduct(32)),
  row('66 0F 3A 41 /r',        'dppd',       'Vx Wx Ib', x.dotProduct(64)),
  row('66 0F 3A 42 /r',        'mpsadbw',    'Vx Wx Ib', x.mpsadbw),
];

const sse42: readonly OpcodeRow[] = [
  row('66 0F 38 37 /r',        'pcmpgtq',    'Vx Wx',    lanes('greaterSigned', 64)),
  row('66 0F 3A 60 /r',        'pcmpestrm',  'Vx Wx Ib', x.compareText('explicit', 'mask')),
  row('66 0F 3A 61 /r',        'pcmpestri',  'Vx Wx Ib', x.compareText('explicit', 'index')),
  row('66 0F 3A 62 /r',        'pcmpistrm',  'Vx Wx Ib', x.compareText('implicit', 'mask')),
  row('66 0F 3A 63 /r',        'pcmpistri',  'Vx Wx Ib', x.compareText('implicit', 'index')),
  row('F2 0F 38 F0 /r',        'crc32',      'Gy Eb',    x.crc32),
  row('F2 0F 38 F1 /r',        'crc32',      'Gy Ev',    x.crc32),
];

export const sse4Rows: readonly OpcodeRow[] = [...ofFeature('SSE4.1', sse41), ...ofFeature('SSE4.2', sse42)];
