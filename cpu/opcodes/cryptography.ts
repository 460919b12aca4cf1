import * as x from '../semantics/cryptography.ts';
import { lanes } from '../semantics/sse-integer.ts';
import { ofFeature, row, type OpcodeRow } from './row.ts';

const aes: readonly OpcodeRow[] = [
  row('66 0F 38 DB /r', 'aesimc',          'Vx Wx',    x.aesimc),
  row('66 0F 38 DC /r', 'aesenc',          'Vx Wx',    lanes('aesEncrypt', 8)),
  row('66 0F 38 DD /r', 'aesenclast',      'Vx Wx',    lanes('aesEncryptLast', 8)),
  row('66 0F 38 DE /r', 'aesdec',          'Vx Wx',    lanes('aesDecrypt', 8)),
  row('66 0F 38 DF /r', 'aesdeclast',      'Vx Wx',    lanes('aesDecryptLast', 8)),
  row('66 0F 3A DF /r', 'aeskeygenassist', 'Vx Wx Ib', x.aeskeygenassist),
];

const pclmulqdq: readonly OpcodeRow[] = [row('66 0F 3A 44 /r', 'pclmulqdq', 'Vx Wx Ib', x.pclmulqdq)];

const sha: readonly OpcodeRow[] = [
  row('NP 0F 3A CC /r', 'sha1rnds4',       'Vx Wx Ib', x.sha1rnds4),
  row('NP 0F 38 C8 /r', 'sha1nexte',       'Vx Wx',    x.hash('sha1NextE')),
  row('NP 0F 38 C9 /r', 'sha1msg1',        'Vx Wx',    x.hash('sha1Message1')),
  row('NP 0F 38 CA /r', 'sha1msg2',        'Vx Wx',    x.hash('sha1Message2')),
  row('NP 0F 38 CB /r', 'sha256rnds2',     'Vx Wx',    x.hash('sha256Rounds')),
  row('NP 0F 38 CC /r', 'sha256msg1',      'Vx Wx',    x.hash('sha256Message1')),
  row('NP 0F 38 CD /r', 'sha256msg2',      'Vx Wx',    x.hash('sha256Message2')),
];

export const cryptographyRows: readonly OpcodeRow[] = [
  ...ofFeature('AES', aes),
  ...ofFeature('PCLMULQDQ', pclmulqdq),
  ...ofFeature('SHA', sha),
];
