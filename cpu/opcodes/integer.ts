import { conditionNames } from '../flags.ts';
import * as x from '../semantics/integer.ts';
import type { Semantics } from '../algebra.ts';
import { row, type OpcodeRow } from './row.ts';

const hex = (value: number): string => value.toString(16).padStart(2, '0').toUpperCase();

/** ADD OR ADC SBB AND SUB XOR CMP: six encodings at 00 + 8n, and /n of 80, 81, 83. */
const arithmetic: readonly [string, Semantics, boolean][] = [
  ['add', x.add, true], ['or', x.or, true], ['adc', x.adc, true], ['sbb', x.sbb, true],
  ['and', x.and, true], ['sub', x.sub, true], ['xor', x.xor, true], ['cmp', x.cmp, false],
];
const arithmeticRows = arithmetic.flatMap(([name, semantics, locks], n) => {
  const base = n * 8;
  const lock = locks ? 'lock' : '';
  return [
    row(`${hex(base)} /r`,     name, 'Eb Gb', semantics, lock),
    row(`${hex(base + 1)} /r`, name, 'Ev Gv', semantics, lock),
    row(`${hex(base + 2)} /r`, name, 'Gb Eb', semantics),
    row(`${hex(base + 3)} /r`, name, 'Gv Ev', semantics),
    row(`${hex(base + 4)}`,    name, 'Ab Ib', semantics),
    row(`${hex(base + 5)}`,    name, 'Av Iz', semantics),
    row(`80 /${n}`,            name, 'Eb Ib', semantics, lock),
    row(`81 /${n}`,            name, 'Ev Iz', semantics, lock),
    row(`83 /${n}`,            name, 'Ev Sb', semantics, lock),
  ];
});

/** ROL ROR RCL RCR SHL SHR (SHL again) SAR: /n of C0, C1, D0-D3. */
const shifts: readonly [string, Semantics][] = [
  ['rol', x.rol], ['ror', x.ror], ['rcl', x.rcl], ['rcr', x.rcr],
  ['shl', x.shl], ['shr', x.shr], ['shl', x.shl], ['sar', x.sar],
];
const shiftRows = shifts.flatMap(([name, semantics], n) => [
  row(`C0 /${n}`, name, 'Eb Ib', semantics),
  row(`C1 /${n}`, name, 'Ev Ib', semantics),
  row(`D0 /${n}`, name, 'Eb 1',  semantics),
  row(`D1 /${n}`, name, 'Ev 1',  semantics),
  row(`D2 /${n}`, name, 'Eb cl', semantics),
  row(`D3 /${n}`, name, 'Ev cl', semantics),
]);

const conditional = conditionNames.flatMap((condition, code) => [
  row(`0F ${hex(0x40 + code)} /r`, `cmov${condition}`, 'Gv Ev', x.cmov(code), 'CMOV'),
  row(`0F ${hex(0x90 + code)} /r`, `set${condition}`,  'Eb',    x.setcc(code)),
]);

export const integerRows: readonly OpcodeRow[] = [
  ...arithmeticRows,
  ...shiftRows,
  ...conditional,
  row('84 /r',       'test',    'Eb Gb',    x.test),
  row('85 /r',       'test',    'Ev Gv',    x.test),
  row('A8',          'test',    'Ab Ib',    x.test),
  row('A9',          'test',    'Av Iz',    x.test),
  row('F6 /0',       'test',    'Eb Ib',    x.test),
  row('F6 /1',       'test',    'Eb Ib',    x.test),
  row('F7 /0',       'test',    'Ev Iz',    x.test),
  row('F7 /1',       'test',    'Ev Iz',    x.test),
  row('F6 /2',       'not',     'Eb',       x.not,     'lock'),
  row('F7 /2',       'not',     'Ev',       x.not,     'lock'),
  row('F6 /3',       'neg',     'Eb',       x.neg,     'lock'),
  row('F7 /3',       'neg',     'Ev',       x.neg,     'lock'),
  row('F6 /4',       'mul',     'Eb',       x.mul),
  row('F7 /4',       'mul',     'Ev',       x.mul),
  row('F6 /5',       'imul',    'Eb',       x.imul1),
  row('F7 /5',       'imul',    'Ev',       x.imul1),
  row('F6 /6',       'div',     'Eb',       x.div),
  row('F7 /6',       'div',     'Ev',       x.div),
  row('F6 /7',       'idiv',    'Eb',       x.idiv),
  row('F7 /7',       'idiv',    'Ev',       x.idiv),
  row('69 /r',       'imul',    'Gv Ev Iz', x.imul),
  row('6B /r',       'imul',    'Gv Ev Sb', x.imul),
  row('0F AF /r',    'imul',    'Gv Ev',    x.imul),
  row('FE /0',       'inc',     'Eb',       x.inc,     'lock'),
  row('FF /0',       'inc',     'Ev',       x.inc,     'lock'),
  row('FE /1',       'dec',     'Eb',       x.dec,     'lock'),
  row('FF /1',       'dec',     'Ev',       x.dec,     'lock'),
  row('86 /r',       'xchg',    'Eb Gb',    x.xchg,    'lock'),
  row('87 /r',       'xchg',    'Ev Gv',    x.xchg,    'lock'),
  row('90 +r',       'xchg',    'Zv Av',    x.xchg),
  row('88 /r',       'mov',     'Eb Gb',    x.mov),
  row('89 /r',       'mov',     'Ev Gv',    x.mov),
  row('8A /r',       'mov',     'Gb Eb',    x.mov),
  row('8B /r',       'mov',     'Gv Ev',    x.mov),
  row('A0',          'mov',     'Ab Ob',    x.mov),
  row('A1',          'mov',     'Av Ov',    x.mov),
  row('A2',          'mov',     'Ob Ab',    x.mov),
  row('A3',          'mov',     'Ov Av',    x.mov),
  row('C6 /0',       'mov',     'Eb Ib',    x.mov),
  row('C7 /0',       'mov',     'Ev Iz',    x.mov),
  row('B0 +r',       'mov',     'Zb Ib',    x.mov),
  row('B8 +r',       'mov',     'Zv Iv',    x.mov),
  row('D7',          'xlatb',   '',         x.xlatb,   'w8'),
  row('8D /r mem',   'lea',     'Gv M',     x.lea),
  row('63 /r',       'movsxd',  'Gv Ez',    x.movsx),
  row('0F B6 /r',    'movzx',   'Gv Eb',    x.movzx),
  row('0F B7 /r',    'movzx',   'Gv Ew',    x.movzx),
  row('0F BE /r',    'movsx',   'Gv Eb',    x.movsx),
  row('0F BF /r',    'movsx',   'Gv Ew',    x.movsx),
  row('98',          'cbw',     '',         x.cbw),
  row('99',          'cwd',     '',         x.cwd),
  row('0F A3 /r',    'bt',      'Ev Gv',    x.bt),
  row('0F AB /r',    'bts',     'Ev Gv',    x.bts,     'lock'),
  row('0F B3 /r',    'btr',     'Ev Gv',    x.btr,     'lock'),
  row('0F BB /r',    'btc',     'Ev Gv',    x.btc,     'lock'),
  row('0F BA /4',    'bt',      'Ev Ib',    x.bt),
  row('0F BA /5',    'bts',     'Ev Ib',    x.bts,     'lock'),
  row('0F BA /6',    'btr',     'Ev Ib',    x.btr,     'lock'),
  row('0F BA /7',    'btc',     'Ev Ib',    x.btc,     'lock'),
  row('F3 0F B8 /r', 'popcnt',  'Gv Ev',    x.popcnt,  'POPCNT'),
  row('0F BC /r',    'bsf',     'Gv Ev',    x.bsf),
  row('0F BD /r',    'bsr',     'Gv Ev',    x.bsr),
  row('0F C8 +r',    'bswap',   'Zv',       x.bswap),
  row('0F A4 /r',    'shld',    'Ev Gv Ib', x.shld),
  row('0F A5 /r',    'shld',    'Ev Gv cl', x.shld),
  row('0F AC /r',    'shrd',    'Ev Gv Ib', x.shrd),
  row('0F AD /r',    'shrd',    'Ev Gv cl', x.shrd),
  row('0F B0 /r',    'cmpxchg', 'Eb Gb',    x.cmpxchg, 'lock'),
  row('0F B1 /r',    'cmpxchg', 'Ev Gv',    x.cmpxchg, 'lock'),
  row('0F C0 /r',    'xadd',    'Eb Gb',    x.xadd,    'lock'),
  row('0F C1 /r',    'xadd',    'Ev Gv',    x.xadd,    'lock'),
  row('W1 0F C7 /1 mem', 'cmpxchg16b', 'M', x.cmpxchg8b, 'lock CX16'),
  row('0F C7 /1 mem',    'cmpxchg8b',  'M', x.cmpxchg8b, 'lock CX8'),
  row('9F',          'lahf',    '',         x.lahf,    'LAHF64'),
  row('9E',          'sahf',    '',         x.sahf,    'LAHF64'),
  row('F8',          'clc',     '',         x.clc),
  row('F9',          'stc',     '',         x.stc),
  row('F5',          'cmc',     '',         x.cmc),
];
