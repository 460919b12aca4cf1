import { lanes } from '../semantics/sse-integer.ts';
import * as x from '../semantics/sse-float.ts';
import { row, type OpcodeRow } from './row.ts';

/** Name, opcode, semantics, and what follows the two operands: each has a PS, a PD, an SS and an SD form. */
const fourForms = ([
  ['sqrt', '51', x.sqrt,              ''],
  ['add',  '58', x.arithmetic('add'), ''],
  ['mul',  '59', x.arithmetic('mul'), ''],
  ['sub',  '5C', x.arithmetic('sub'), ''],
  ['min',  '5D', x.arithmetic('min'), ''],
  ['div',  '5E', x.arithmetic('div'), ''],
  ['max',  '5F', x.arithmetic('max'), ''],
  ['cmp',  'C2', x.cmp,               ' Ib'],
] as const).flatMap(([name, opcode, [ps, pd, ss, sd], more]) => [
  row(`NP 0F ${opcode} /r`, `${name}ps`, `Vx Wx${more}`, ps),
  row(`66 0F ${opcode} /r`, `${name}pd`, `Vx Wx${more}`, pd),
  row(`F3 0F ${opcode} /r`, `${name}ss`, `Vd Wd${more}`, ss),
  row(`F2 0F ${opcode} /r`, `${name}sd`, `Vq Wq${more}`, sd),
]);

/** Arithmetic, logic, comparisons and conversions. */
export const sseFloatRows: readonly OpcodeRow[] = [
  ...fourForms,
  row('NP 0F 53 /r', 'rcpps',     'Vx Wx', x.rcp[0]),
  row('F3 0F 53 /r', 'rcpss',     'Vd Wd', x.rcp[2]),
  row('NP 0F 52 /r', 'rsqrtps',   'Vx Wx', x.rsqrt[0]),
  row('F3 0F 52 /r', 'rsqrtss',   'Vd Wd', x.rsqrt[2]),
  row('NP 0F 54 /r', 'andps',     'Vx Wx', lanes('and', 64)),
  row('66 0F 54 /r', 'andpd',     'Vx Wx', lanes('and', 64)),
  row('NP 0F 55 /r', 'andnps',    'Vx Wx', lanes('andNot', 64)),
  row('66 0F 55 /r', 'andnpd',    'Vx Wx', lanes('andNot', 64)),
  row('NP 0F 56 /r', 'orps',      'Vx Wx', lanes('or', 64)),
  row('66 0F 56 /r', 'orpd',      'Vx Wx', lanes('or', 64)),
  row('NP 0F 57 /r', 'xorps',     'Vx Wx', lanes('xor', 64)),
  row('66 0F 57 /r', 'xorpd',     'Vx Wx', lanes('xor', 64)),
  row('NP 0F 2E /r', 'ucomiss',   'Vd Wd', x.comi(true)),
  row('66 0F 2E /r', 'ucomisd',   'Vq Wq', x.comi(true)),
  row('NP 0F 2F /r', 'comiss',    'Vd Wd', x.comi(false)),
  row('66 0F 2F /r', 'comisd',    'Vq Wq', x.comi(false)),
  row('F3 0F 2A /r', 'cvtsi2ss',  'Vd Ey', x.cvtFromInteger),
  row('F2 0F 2A /r', 'cvtsi2sd',  'Vq Ey', x.cvtFromInteger),
  row('F3 0F 2C /r', 'cvttss2si', 'Gy Wd', x.cvtToInteger(true)),
  row('F2 0F 2C /r', 'cvttsd2si', 'Gy Wq', x.cvtToInteger(true)),
  row('F3 0F 2D /r', 'cvtss2si',  'Gy Wd', x.cvtToInteger(false)),
  row('F2 0F 2D /r', 'cvtsd2si',  'Gy Wq', x.cvtToInteger(false)),
  row('F3 0F 5A /r', 'cvtss2sd',  'Vq Wd', x.cvtFloat),
  row('F2 0F 5A /r', 'cvtsd2ss',  'Vd Wq', x.cvtFloat),
  row('NP 0F 5A /r', 'cvtps2pd',  'Vx Wq', x.cvtps2pd),
  row('66 0F 5A /r', 'cvtpd2ps',  'Vx Wx', x.cvtpd2ps),
  row('NP 0F 5B /r', 'cvtdq2ps',  'Vx Wx', x.cvtdq2ps),
  row('66 0F 5B /r', 'cvtps2dq',  'Vx Wx', x.cvtps2dq),
  row('F3 0F 5B /r', 'cvttps2dq', 'Vx Wx', x.cvttps2dq),
  row('F3 0F E6 /r', 'cvtdq2pd',  'Vx Wq', x.cvtdq2pd),
  row('F2 0F E6 /r', 'cvtpd2dq',  'Vx Wx', x.cvtpd2dq),
  row('66 0F E6 /r', 'cvttpd2dq', 'Vx Wx', x.cvttpd2dq),
];
