import * as x from '../semantics/bits.ts';
import { ofFeature, row, type OpcodeRow } from './row.ts';

const bmi1: readonly OpcodeRow[] = [
  row('VEX.L0.NP.0F38 F2 /r', 'andn',   'Gy By Ey', x.andn),
  row('VEX.L0.NP.0F38 F3 /1', 'blsr',   'By Ey',    x.blsr),
  row('VEX.L0.NP.0F38 F3 /2', 'blsmsk', 'By Ey',    x.blsmsk),
  row('VEX.L0.NP.0F38 F3 /3', 'blsi',   'By Ey',    x.blsi),
  row('VEX.L0.NP.0F38 F7 /r', 'bextr',  'Gy Ey By', x.bextr),
  row('F3 0F BC /r',          'tzcnt',  'Gv Ev',    x.tzcnt),
];

const bmi2: readonly OpcodeRow[] = [
  row('VEX.L0.NP.0F38 F5 /r', 'bzhi',   'Gy Ey By', x.bzhi),
  row('VEX.L0.F3.0F38 F5 /r', 'pext',   'Gy By Ey', x.pext),
  row('VEX.L0.F2.0F38 F5 /r', 'pdep',   'Gy By Ey', x.pdep),
  row('VEX.L0.F2.0F38 F6 /r', 'mulx',   'Gy By Ey', x.mulx),
  row('VEX.L0.F2.0F3A F0 /r', 'rorx',   'Gy Ey Ib', x.rorx),
  row('VEX.L0.66.0F38 F7 /r', 'shlx',   'Gy Ey By', x.shiftWithoutFlags('shl')),
  row('VEX.L0.F3.0F38 F7 /r', 'sarx',   'Gy Ey By', x.shiftWithoutFlags('sar')),
  row('VEX.L0.F2.0F38 F7 /r', 'shrx',   'Gy Ey By', x.shiftWithoutFlags('shr')),
];

const adx: readonly OpcodeRow[] = [
  row('66 0F 38 F6 /r',       'adcx',   'Gy Ey',    x.addThrough('CF')),
  row('F3 0F 38 F6 /r',       'adox',   'Gy Ey',    x.addThrough('OF')),
];

const movbe: readonly OpcodeRow[] = [
  row('NFx 0F 38 F0 /r mem',  'movbe',  'Gv Mv',    x.movbe),
  row('NFx 0F 38 F1 /r mem',  'movbe',  'Mv Gv',    x.movbe),
];

export const bitRows: readonly OpcodeRow[] = [
  ...ofFeature('BMI1', bmi1),
  ...ofFeature('BMI2', bmi2),
  ...ofFeature('ADX', adx),
  ...ofFeature('MOVBE', movbe),
  ...ofFeature('LZCNT',  [row('F3 0F BD /r',      'lzcnt',  'Gv Ev', x.lzcnt)]),
  ...ofFeature('RDRAND', [row('NFx 0F C7 /6 reg', 'rdrand', 'Rv',    x.rdrand)]),
  ...ofFeature('RDSEED', [row('NFx 0F C7 /7 reg', 'rdseed', 'Rv',    x.rdrand)]),
  ...ofFeature('RDPID',  [row('F3 0F C7 /7 reg',  'rdpid',  'Rq',    x.rdpid)]),
];
