import { conditionNames } from '../flags.ts';
import { nop, touch } from '../semantics/integer.ts';
import * as x from '../semantics/control.ts';
import * as segments from '../semantics/segments.ts';
import { row, type OpcodeRow } from './row.ts';

const hex = (value: number): string => value.toString(16).padStart(2, '0').toUpperCase();

const conditional = conditionNames.flatMap((condition, code) => [
  row(hex(0x70 + code),         `j${condition}`, 'Jb', x.jcc(code), 'f64'),
  row(`0F ${hex(0x80 + code)}`, `j${condition}`, 'Jz', x.jcc(code), 'f64'),
]);

/** MOVS CMPS STOS LODS SCAS: bytes, and the operand size. */
const strings = ([
  [0xa4, 'movs', x.movs], [0xa6, 'cmps', x.cmps], [0xaa, 'stos', x.stos], [0xac, 'lods', x.lods], [0xae, 'scas', x.scas],
] as const).flatMap(([opcode, name, semantics]) => [
  row(hex(opcode),     `${name}b`, '', semantics, 'rep w8'),
  row(hex(opcode + 1), name,       '', semantics, 'rep'),
]);

export const controlRows: readonly OpcodeRow[] = [
  ...conditional,
  ...strings,
  row('50 +r',        'push',   'Zv',    x.push,         'd64'),
  row('68',           'push',   'Iz',    x.push,         'd64'),
  row('6A',           'push',   'Sb',    x.push,         'd64'),
  row('FF /6',        'push',   'Ev',    x.push,         'd64'),
  row('58 +r',        'pop',    'Zv',    x.pop,          'd64'),
  row('8F /0',        'pop',    'Ev',    x.pop,          'd64'),
  row('0F A0',        'push',   'fs',     x.push,         'd64'),
  row('0F A8',        'push',   'gs',     x.push,         'd64'),
  row('0F A1',        'pop',    'fs',     segments.popSegment, 'd64'),
  row('0F A9',        'pop',    'gs',     segments.popSegment, 'd64'),
  row('9C',           'pushf',  '',      x.pushf,        'd64'),
  row('9D',           'popf',   '',      x.popf,         'd64'),
  row('C8',           'enter',  'Iw Ib',  x.enter,        'd64'),
  row('C9',           'leave',  '',      x.leave,        'd64'),
  row('E8',           'call',   'Jz',    x.call,         'f64'),
  row('FF /2',        'call',   'Ev',    x.callIndirect, 'f64'),
  row('C3',           'ret',    '',      x.ret,          'f64'),
  row('C2',           'ret',    'Iw',    x.ret,          'f64'),
  row('EB',           'jmp',    'Jb',    x.jmp,          'f64'),
  row('E9',           'jmp',    'Jz',    x.jmp,          'f64'),
  row('FF /4',        'jmp',    'Ev',    x.jmpIndirect,  'f64'),
  row('E3',           'jrcxz',  'Jb',    x.jrcxz,        'f64'),
  row('E2',           'loop',   'Jb',    x.loop(undefined), 'f64'),
  row('E1',           'loope',  'Jb',    x.loop(true),   'f64'),
  row('E0',           'loopne', 'Jb',    x.loop(false),  'f64'),
  row('FC',           'cld',    '',      x.cld),
  row('FD',           'std',    '',      x.std),
  row('F3 90',        'pause',  '',      nop),
  row('90',           'nop',    '',      nop),
  row('F3 0F 1E FA',  'endbr64', '',     nop),
  row('0F 0D /0 mem', 'prefetch', 'Eb',   nop,            'PREFETCHW'),
  row('0F 0D /1 mem', 'prefetchw', 'Eb',  nop,            'PREFETCHW'),
  row('0F 0D /r mem', 'prefetchw', 'Eb',  nop,            'PREFETCHW'),
  row('0F 18 /0 mem', 'prefetchnta', 'Mb', nop,           'SSE'),
  row('0F 18 /1 mem', 'prefetcht0', 'Mb', nop,            'SSE'),
  row('0F 18 /2 mem', 'prefetcht1', 'Mb', nop,            'SSE'),
  row('0F 18 /3 mem', 'prefetcht2', 'Mb', nop,            'SSE'),
  row('NP 0F AE /7 mem', 'clflush', 'Mb', touch,          'CLFSH'),
  row('66 0F AE /7 mem', 'clflushopt', 'Mb', touch,       'CLFLUSHOPT'),
  row('66 0F AE /6 mem', 'clwb',  'Mb',   touch,          'CLWB'),
  // the nop with an operand that assemblers write: it stands first
  row('0F 1F /r',     'nop',    'Ev',    nop),
  row('0F 18 /r',     'nop',    'Ev',    nop),
  row('0F 19 /r',     'nop',    'Ev',    nop),
  row('0F 1A /r',     'nop',    'Ev',    nop),
  row('0F 1B /r',     'nop',    'Ev',    nop),
  row('0F 1C /r',     'nop',    'Ev',    nop),
  row('0F 1D /r',     'nop',    'Ev',    nop),
  row('0F 1E /r',     'nop',    'Ev',    nop),
  row('NP 0F AE /5 reg', 'lfence', '',      nop, 'SSE2'),
  row('NP 0F AE /6 reg', 'mfence', '',      nop, 'SSE2'),
  row('NP 0F AE /7 reg', 'sfence', '',      nop, 'SSE'),
];
