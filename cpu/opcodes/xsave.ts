import * as x from '../semantics/xsave.ts';
import { row, type OpcodeRow } from './row.ts';

/** Of the part of the state that XCR0 turns on. */
export const xsaveRows: readonly OpcodeRow[] = [
  row('NP 0F 01 D0',        'xgetbv',     '',  x.xgetbv,   'XSAVE'),
  row('NP 0F 01 D1',        'xsetbv',     '',  x.xsetbv,   'XSAVE'),
  row('NP W0 0F AE /4 mem', 'xsave',      'M', x.xsave,    'XSAVE'),
  row('NP W1 0F AE /4 mem', 'xsave64',    'M', x.xsave,    'XSAVE'),
  row('NP W0 0F AE /5 mem', 'xrstor',     'M', x.xrstor,   'XSAVE'),
  row('NP W1 0F AE /5 mem', 'xrstor64',   'M', x.xrstor,   'XSAVE'),
  row('NP W0 0F AE /6 mem', 'xsaveopt',   'M', x.xsaveopt, 'XSAVEOPT'),
  row('NP W1 0F AE /6 mem', 'xsaveopt64', 'M', x.xsaveopt, 'XSAVEOPT'),
  row('NP W0 0F C7 /4 mem', 'xsavec',     'M', x.xsavec,   'XSAVEC'),
  row('NP W1 0F C7 /4 mem', 'xsavec64',   'M', x.xsavec,   'XSAVEC'),
];
