import * as arithmetic from '../semantics/x87-arithmetic.ts';
import * as control from '../semantics/x87-control.ts';
import * as move from '../semantics/x87-move.ts';
import { ofFeature, row, type OpcodeRow } from './row.ts';

/** Name, number in ModRM.reg, semantics by which of the two operands comes first, and the number in the rows to st(i). */
const operations = ([
  ['fadd',  0, 'add', false, 0],
  ['fmul',  1, 'mul', false, 1],
  ['fsub',  4, 'sub', false, 5],
  ['fsubr', 5, 'sub', true,  4],
  ['fdiv',  6, 'div', false, 7],
  ['fdivr', 7, 'div', true,  6],
] as const).flatMap(([name, reg, operation, reversed, toRegister]) => [
  row(`D8 /${reg} mem`,        name,                     'Md',      arithmetic.arithmetic(operation, { reversed })),
  row(`DC /${reg} mem`,        name,                     'Mq',      arithmetic.arithmetic(operation, { reversed })),
  row(`D8 /${reg} reg`,        name,                     'st0 sti', arithmetic.arithmetic(operation, { reversed })),
  row(`DC /${toRegister} reg`, name,                     'sti st0', arithmetic.arithmetic(operation, { reversed })),
  row(`DE /${toRegister} reg`, `${name}p`,               'sti st0', arithmetic.arithmetic(operation, { reversed, pops: 1 })),
  row(`DA /${reg} mem`,        name.replace('f', 'fi'),  'Md',      arithmetic.arithmetic(operation, { reversed, integer: true })),
  row(`DE /${reg} mem`,        name.replace('f', 'fi'),  'Mw',      arithmetic.arithmetic(operation, { reversed, integer: true })),
]);

const comparisons = ([['fcom', 2, 0], ['fcomp', 3, 1]] as const).flatMap(([name, reg, pops]) => [
  row(`D8 /${reg} mem`, name,                    'Md',      arithmetic.compare(false, pops)),
  row(`DC /${reg} mem`, name,                    'Mq',      arithmetic.compare(false, pops)),
  row(`D8 /${reg} reg`, name,                    'st0 sti', arithmetic.compare(false, pops)),
  row(`DC /${reg} reg`, name,                    'st0 sti', arithmetic.compare(false, pops)),
  row(`DA /${reg} mem`, name.replace('f', 'fi'), 'Md',      arithmetic.compare(false, pops, true)),
  row(`DE /${reg} mem`, name.replace('f', 'fi'), 'Mw',      arithmetic.compare(false, pops, true)),
]);

const conditionalMoves = ([
  ['b', 0, ['CF']], ['e', 1, ['ZF']], ['be', 2, ['CF', 'ZF']], ['u', 3, ['PF']],
] as const).flatMap(([name, reg, flags]) => [
  row(`DA /${reg} reg`, `fcmov${name}`,  'st0 sti', move.fcmov(flags, false)),
  row(`DB /${reg} reg`, `fcmovn${name}`, 'st0 sti', move.fcmov(flags, true)),
]);

const constants = ([
  ['fld1', 'E8', 'one'], ['fldl2t', 'E9', 'log2Of10'], ['fldl2e', 'EA', 'log2OfE'], ['fldpi', 'EB', 'pi'],
  ['fldlg2', 'EC', 'log10Of2'], ['fldln2', 'ED', 'lnOf2'], ['fldz', 'EE', 'zero'],
] as const).map(([name, modrm, value]) => row(`D9 ${modrm}`, name, '', move.fldConstant(value)));

/** D8 to DF and 9B, the undocumented aliases included. */
const rows: readonly OpcodeRow[] = [
  ...operations,
  ...comparisons,
  ...conditionalMoves,
  ...constants,
  row('9B',        'wait',    '',        control.fwait),
  row('D9 /0 mem', 'fld',     'Md',      move.fld),
  row('DD /0 mem', 'fld',     'Mq',      move.fld),
  row('DB /5 mem', 'fld',     'Mt',      move.fldExtended),
  row('D9 /0 reg', 'fld',     'sti',     move.fldRegister),
  row('D9 /2 mem', 'fst',     'Md',      move.storeFloat(0)),
  row('DD /2 mem', 'fst',     'Mq',      move.storeFloat(0)),
  row('DD /2 reg', 'fst',     'sti',     move.storeRegister(0)),
  row('D9 /3 mem', 'fstp',    'Md',      move.storeFloat(1)),
  row('DD /3 mem', 'fstp',    'Mq',      move.storeFloat(1)),
  row('DB /7 mem', 'fstp',    'Mt',      move.fstpExtended),
  row('DD /3 reg', 'fstp',    'sti',     move.storeRegister(1)),
  row('DF /2 reg', 'fstp',    'sti',     move.storeRegister(1)),
  row('DF /3 reg', 'fstp',    'sti',     move.storeRegister(1)),
  row('D9 /3 reg', 'fstpnce', 'sti',     move.fstpnce),
  row('DF /0 mem', 'fild',    'Mw',      move.fild),
  row('DB /0 mem', 'fild',    'Md',      move.fild),
  row('DF /5 mem', 'fild',    'Mq',      move.fild),
  row('DF /2 mem', 'fist',    'Mw',      move.storeInteger(0)),
  row('DB /2 mem', 'fist',    'Md',      move.storeInteger(0)),
  row('DF /3 mem', 'fistp',   'Mw',      move.storeInteger(1)),
  row('DB /3 mem', 'fistp',   'Md',      move.storeInteger(1)),
  row('DF /7 mem', 'fistp',   'Mq',      move.storeInteger(1)),
  row('DF /4 mem', 'fbld',    'Mt',      move.fbld),
  row('DF /6 mem', 'fbstp',   'Mt',      move.fbstp),
  row('D9 /1 reg', 'fxch',    'st0 sti', move.fxch),
  row('DD /1 reg', 'fxch',    'st0 sti', move.fxch),
  row('DF /1 reg', 'fxch',    'st0 sti', move.fxch),
  row('DD /0 reg', 'ffree',   'sti',     move.ffree(false)),
  row('DF /0 reg', 'ffreep',  'sti',     move.ffree(true)),
  row('D9 F6',     'fdecstp', '',        move.turn(-1)),
  row('D9 F7',     'fincstp', '',        move.turn(1)),
  row('D9 D0',     'fnop',    '',        move.fnop),
  row('DB E0',     'fneni',   '',        move.fnopQuiet),
  row('DB E1',     'fndisi',  '',        move.fnopQuiet),
  row('DB E4',     'fnsetpm', '',        move.fnopQuiet),
  row('D9 E0',     'fchs',    '',        arithmetic.fchs),
  row('D9 E1',     'fabs',    '',        arithmetic.fabs),
  row('D9 E4',     'ftst',    '',        arithmetic.ftst),
  row('D9 E5',     'fxam',    '',        arithmetic.fxam),
  row('D9 F0',     'f2xm1',   '',        arithmetic.unary('exp2m1')),
  row('D9 F1',     'fyl2x',   '',        arithmetic.ofTwo('log2', true)),
  row('D9 F2',     'fptan',   '',        arithmetic.fptan),
  row('D9 F3',     'fpatan',  '',        arithmetic.ofTwo('atan', true)),
  row('D9 F4',     'fxtract', '',        arithmetic.fxtract),
  row('D9 F5',     'fprem1',  '',        arithmetic.ofTwo('remainderNearest', false)),
  row('D9 F8',     'fprem',   '',        arithmetic.ofTwo('remainder', false)),
  row('D9 F9',     'fyl2xp1', '',        arithmetic.ofTwo('log2p1', true)),
  row('D9 FA',     'fsqrt',   '',        arithmetic.unary('sqrt')),
  row('D9 FB',     'fsincos', '',        arithmetic.fsincos),
  row('D9 FC',     'frndint', '',        arithmetic.unary('round')),
  row('D9 FD',     'fscale',  '',        arithmetic.ofTwo('scale', false)),
  row('D9 FE',     'fsin',    '',        arithmetic.unary('sin')),
  row('D9 FF',     'fcos',    '',        arithmetic.unary('cos')),
  row('DE /2 reg', 'fcomp',   'st0 sti', arithmetic.compare(false, 1)),
  row('DE D9',     'fcompp',  '',        arithmetic.compare(false, 2)),
  row('DD /4 reg', 'fucom',   'st0 sti', arithmetic.compare(true)),
  row('DD /5 reg', 'fucomp',  'st0 sti', arithmetic.compare(true, 1)),
  row('DA E9',     'fucompp', '',        arithmetic.compare(true, 2)),
  row('DB /5 reg', 'fucomi',  'st0 sti', arithmetic.compareFlags(true, 0)),
  row('DB /6 reg', 'fcomi',   'st0 sti', arithmetic.compareFlags(false, 0)),
  row('DF /5 reg', 'fucomip', 'st0 sti', arithmetic.compareFlags(true, 1)),
  row('DF /6 reg', 'fcomip',  'st0 sti', arithmetic.compareFlags(false, 1)),
  row('DB E2',     'fnclex',  '',        control.fnclex),
  row('DB E3',     'fninit',  '',        control.fninit),
  row('D9 /5 mem', 'fldcw',   'Mw',      control.fldcw),
  row('D9 /7 mem', 'fnstcw',  'Mw',      control.fnstcw),
  row('DD /7 mem', 'fnstsw',  'Mw',      control.fnstsw),
  row('DF E0',     'fnstsw',  'Aw',      control.fnstsw),
  row('D9 /4 mem', 'fldenv',  'M',       control.fldenv),
  row('D9 /6 mem', 'fnstenv', 'M',       control.fnstenv),
  row('DD /4 mem', 'frstor',  'M',       control.frstor),
  row('DD /6 mem', 'fnsave',  'M',       control.fnsave),
];

export const x87Rows: readonly OpcodeRow[] = [
  ...ofFeature('FPU', rows),
  row('DF /1 mem', 'fisttp', 'Mw', move.storeInteger(1, true), 'SSE3'),
  row('DB /1 mem', 'fisttp', 'Md', move.storeInteger(1, true), 'SSE3'),
  row('DD /1 mem', 'fisttp', 'Mq', move.storeInteger(1, true), 'SSE3'),
];
