import * as x from '../semantics/avx.ts';
import { gather, maskedLoad, maskedStore } from '../semantics/avx-memory.ts';
import { movss, pshufd } from '../semantics/sse-move.ts';
import { blend, blendVariable } from '../semantics/sse4.ts';
import { ldmxcsr, stmxcsr } from '../semantics/system.ts';
import { vex } from '../semantics/vex.ts';
import { avxDerivedRows } from './avx-derived.ts';
import { ofFeature, row, type OpcodeRow } from './row.ts';

/** Both lengths: `VEX.L …` is L0 and, with `x` become `X`, L1. */
const lengths = (rows: readonly OpcodeRow[]): OpcodeRow[] =>
  rows.flatMap((one) => [
    { ...one, pattern: one.pattern.replace('VEX.L.', 'VEX.L0.') },
    { ...one, pattern: one.pattern.replace('VEX.L.', 'VEX.L1.'), operands: one.operands.replaceAll('x', 'X') },
  ]);

const moves: readonly OpcodeRow[] = [
  ...lengths([
    row('VEX.L.NP.0F.WIG 10 /r',     'vmovups',  'Vx Wx', x.vmovups),
    row('VEX.L.NP.0F.WIG 11 /r',     'vmovups',  'Wx Vx', x.vmovups),
    row('VEX.L.66.0F.WIG 10 /r',     'vmovupd',  'Vx Wx', x.vmovups),
    row('VEX.L.66.0F.WIG 11 /r',     'vmovupd',  'Wx Vx', x.vmovups),
    row('VEX.L.NP.0F.WIG 28 /r',     'vmovaps',  'Vx Wx', x.vmovaps),
    row('VEX.L.NP.0F.WIG 29 /r',     'vmovaps',  'Wx Vx', x.vmovaps),
    row('VEX.L.66.0F.WIG 28 /r',     'vmovapd',  'Vx Wx', x.vmovaps),
    row('VEX.L.66.0F.WIG 29 /r',     'vmovapd',  'Wx Vx', x.vmovaps),
    row('VEX.L.66.0F.WIG 6F /r',     'vmovdqa',  'Vx Wx', x.vmovaps),
    row('VEX.L.66.0F.WIG 7F /r',     'vmovdqa',  'Wx Vx', x.vmovaps),
    row('VEX.L.F3.0F.WIG 6F /r',     'vmovdqu',  'Vx Wx', x.vmovups),
    row('VEX.L.F3.0F.WIG 7F /r',     'vmovdqu',  'Wx Vx', x.vmovups),
    row('VEX.L.F2.0F.WIG F0 /r mem', 'vlddqu',   'Vx Mx', x.vmovups),
    row('VEX.L.NP.0F.WIG 2B /r mem', 'vmovntps', 'Mx Vx', x.vmovaps),
    row('VEX.L.66.0F.WIG 2B /r mem', 'vmovntpd', 'Mx Vx', x.vmovaps),
    row('VEX.L.66.0F.WIG E7 /r mem', 'vmovntdq', 'Mx Vx', x.vmovaps),
  ]),
  row('VEX.LIG.F3.0F.WIG 10 /r mem', 'vmovss',   'Vd Md',    vex(movss, {})),
  row('VEX.LIG.F3.0F.WIG 11 /r mem', 'vmovss',   'Md Vd',    vex(movss, {})),
  row('VEX.LIG.F3.0F.WIG 10 /r reg', 'vmovss',   'Vd Hd Ud', vex(movss, { first: 1 })),
  row('VEX.LIG.F3.0F.WIG 11 /r reg', 'vmovss',   'Ud Hd Vd', vex(movss, { first: 1 })),
  row('VEX.LIG.F2.0F.WIG 10 /r mem', 'vmovsd',   'Vq Mq',    vex(movss, {})),
  row('VEX.LIG.F2.0F.WIG 11 /r mem', 'vmovsd',   'Mq Vq',    vex(movss, {})),
  row('VEX.LIG.F2.0F.WIG 10 /r reg', 'vmovsd',   'Vq Hq Uq', vex(movss, { first: 1 })),
  row('VEX.LIG.F2.0F.WIG 11 /r reg', 'vmovsd',   'Uq Hq Vq', vex(movss, { first: 1 })),
  row('VEX.L1.NP.0F.WIG 50 /r reg',  'vmovmskps', 'Gy UX',   x.signMask(32)),
  row('VEX.L1.66.0F.WIG 50 /r reg',  'vmovmskpd', 'Gy UX',   x.signMask(64)),
];

const avx: readonly OpcodeRow[] = [
  ...moves,
  row('VEX.L0.NP.0F.WIG 77',           'vzeroupper',     '',            x.vzeroupper, 'sse'),
  row('VEX.L1.NP.0F.WIG 77',           'vzeroall',       '',            x.vzeroall,   'sse'),
  row('VEX.L0.NP.0F.WIG AE /2 mem',    'vldmxcsr',       'Md',          ldmxcsr,      'sse'),
  row('VEX.L0.NP.0F.WIG AE /3 mem',    'vstmxcsr',       'Md',          stmxcsr,      'sse'),
  row('VEX.L0.66.0F38.W0 18 /r mem',   'vbroadcastss',   'Vx Md',       x.broadcast(32)),
  row('VEX.L1.66.0F38.W0 18 /r mem',   'vbroadcastss',   'VX Md',       x.broadcast(32)),
  row('VEX.L1.66.0F38.W0 19 /r mem',   'vbroadcastsd',   'VX Mq',       x.broadcast(64)),
  row('VEX.L1.66.0F38.W0 1A /r mem',   'vbroadcastf128', 'VX Mx',       x.vbroadcast128),
  row('VEX.L1.66.0F3A.W0 06 /r',       'vperm2f128',     'VX HX WX Ib', x.vperm2),
  row('VEX.L1.66.0F3A.W0 18 /r',       'vinsertf128',    'VX HX Wx Ib', x.vinsert128),
  row('VEX.L1.66.0F3A.W0 19 /r',       'vextractf128',   'Wx VX Ib',    x.vextract128),
  ...lengths([
    row('VEX.L.66.0F38.W0 0C /r',      'vpermilps',      'Vx Hx Wx',    vex(x.permuteVariable(32), { first: 1 })),
    row('VEX.L.66.0F38.W0 0D /r',      'vpermilpd',      'Vx Hx Wx',    vex(x.permuteVariable(64), { first: 1 })),
    row('VEX.L.66.0F3A.W0 04 /r',      'vpermilps',      'Vx Wx Ib',    vex(pshufd, {})),
    row('VEX.L.66.0F3A.W0 05 /r',      'vpermilpd',      'Vx Wx Ib',    vex(x.vpermilpd, { immediateBits: 2 })),
    row('VEX.L.66.0F3A.W0 4A /r',      'vblendvps',      'Vx Hx Wx Lx', vex(blendVariable(32), { first: 1 })),
    row('VEX.L.66.0F3A.W0 4B /r',      'vblendvpd',      'Vx Hx Wx Lx', vex(blendVariable(64), { first: 1 })),
    row('VEX.L.66.0F38.W0 2C /r mem',  'vmaskmovps',     'Vx Hx Mx',    maskedLoad(32)),
    row('VEX.L.66.0F38.W0 2D /r mem',  'vmaskmovpd',     'Vx Hx Mx',    maskedLoad(64)),
    row('VEX.L.66.0F38.W0 2E /r mem',  'vmaskmovps',     'Mx Hx Vx',    maskedStore(32)),
    row('VEX.L.66.0F38.W0 2F /r mem',  'vmaskmovpd',     'Mx Hx Vx',    maskedStore(64)),
    row('VEX.L.66.0F38.W0 0E /r',      'vtestps',        'Vx Wx',       x.test(32)),
    row('VEX.L.66.0F38.W0 0F /r',      'vtestpd',        'Vx Wx',       x.test(64)),
    row('VEX.L.66.0F38.WIG 17 /r',     'vptest',         'Vx Wx',       x.test(undefined)),
  ]),
  row('VEX.L0.66.0F38.WIG 2A /r mem',  'vmovntdqa',      'Vx Mx',       x.vmovaps),
  row('VEX.L0.66.0F3A.W0 4C /r',       'vpblendvb',      'Vx Hx Wx Lx', vex(blendVariable(8), { first: 1 })),
];

/** Element and index sizes in the order of VSIB's forms: name, opcode, W, size of an element, semantics. */
const gathers = ([
  ['vpgatherdd', '90', 'W0', 'd', gather(32, 32), 'xX'],
  ['vpgatherdq', '90', 'W1', 'q', gather(32, 64), 'xx'],
  ['vpgatherqd', '91', 'W0', 'd', gather(64, 32), 'xX'],
  ['vpgatherqq', '91', 'W1', 'q', gather(64, 64), 'xX'],
  ['vgatherdps', '92', 'W0', 'd', gather(32, 32), 'xX'],
  ['vgatherdpd', '92', 'W1', 'q', gather(32, 64), 'xx'],
  ['vgatherqps', '93', 'W0', 'd', gather(64, 32), 'xX'],
  ['vgatherqpd', '93', 'W1', 'q', gather(64, 64), 'xX'],
] as const).flatMap(([name, opcode, w, size, semantics, indices]) => {
  // four elements of 32 bits are all that four indices of 64 can name
  const wide = /gatherq(d|ps)/.test(name) ? 'x' : 'X';
  return [
    row(`VEX.L0.66.0F38.${w} ${opcode} /r mem`, name, `Vx T${size}${indices[0]} Hx`, semantics),
    row(`VEX.L1.66.0F38.${w} ${opcode} /r mem`, name, `V${wide} T${size}${indices[1]} H${wide}`, semantics),
  ];
});

const avx2: readonly OpcodeRow[] = [
  ...gathers,
  row('VEX.L1.66.0F.WIG D7 /r reg',    'vpmovmskb',      'Gy UX',       x.signMask(8)),
  row('VEX.L1.66.0F38.WIG 2A /r mem',  'vmovntdqa',      'VX MX',       x.vmovaps),
  row('VEX.L1.66.0F3A.W0 4C /r',       'vpblendvb',      'VX HX WX LX', vex(blendVariable(8), { first: 1 })),
  row('VEX.L0.66.0F38.W0 18 /r reg',   'vbroadcastss',   'Vx Ux',       x.broadcast(32)),
  row('VEX.L1.66.0F38.W0 18 /r reg',   'vbroadcastss',   'VX Ux',       x.broadcast(32)),
  row('VEX.L1.66.0F38.W0 19 /r reg',   'vbroadcastsd',   'VX Ux',       x.broadcast(64)),
  row('VEX.L1.66.0F38.W0 5A /r mem',   'vbroadcasti128', 'VX Mx',       x.vbroadcast128),
  row('VEX.L0.66.0F38.W0 78 /r',       'vpbroadcastb',   'Vx Wb',       x.broadcast(8)),
  row('VEX.L1.66.0F38.W0 78 /r',       'vpbroadcastb',   'VX Wb',       x.broadcast(8)),
  row('VEX.L0.66.0F38.W0 79 /r',       'vpbroadcastw',   'Vx Ww',       x.broadcast(16)),
  row('VEX.L1.66.0F38.W0 79 /r',       'vpbroadcastw',   'VX Ww',       x.broadcast(16)),
  row('VEX.L0.66.0F38.W0 58 /r',       'vpbroadcastd',   'Vx Wd',       x.broadcast(32)),
  row('VEX.L1.66.0F38.W0 58 /r',       'vpbroadcastd',   'VX Wd',       x.broadcast(32)),
  row('VEX.L0.66.0F38.W0 59 /r',       'vpbroadcastq',   'Vx Wq',       x.broadcast(64)),
  row('VEX.L1.66.0F38.W0 59 /r',       'vpbroadcastq',   'VX Wq',       x.broadcast(64)),
  row('VEX.L1.66.0F3A.W0 46 /r',       'vperm2i128',     'VX HX WX Ib', x.vperm2),
  row('VEX.L1.66.0F3A.W0 38 /r',       'vinserti128',    'VX HX Wx Ib', x.vinsert128),
  row('VEX.L1.66.0F3A.W0 39 /r',       'vextracti128',   'Wx VX Ib',    x.vextract128),
  row('VEX.L1.66.0F3A.W1 00 /r',       'vpermq',         'VX WX Ib',    x.vpermq),
  row('VEX.L1.66.0F3A.W1 01 /r',       'vpermpd',        'VX WX Ib',    x.vpermq),
  row('VEX.L1.66.0F38.W0 36 /r',       'vpermd',         'VX HX WX',    x.vpermd),
  row('VEX.L1.66.0F38.W0 16 /r',       'vpermps',        'VX HX WX',    x.vpermd),
  ...lengths([
    row('VEX.L.66.0F3A.W0 02 /r',      'vpblendd',       'Vx Hx Wx Ib', vex(blend(32), { first: 1, immediateBits: 4 })),
    row('VEX.L.66.0F38.W0 8C /r mem',  'vpmaskmovd',     'Vx Hx Mx',    maskedLoad(32)),
    row('VEX.L.66.0F38.W1 8C /r mem',  'vpmaskmovq',     'Vx Hx Mx',    maskedLoad(64)),
    row('VEX.L.66.0F38.W0 8E /r mem',  'vpmaskmovd',     'Mx Hx Vx',    maskedStore(32)),
    row('VEX.L.66.0F38.W1 8E /r mem',  'vpmaskmovq',     'Mx Hx Vx',    maskedStore(64)),
    row('VEX.L.66.0F38.W0 47 /r',      'vpsllvd',        'Vx Hx Wx',    vex(x.shiftVariable('shl', 32), { first: 1 })),
    row('VEX.L.66.0F38.W1 47 /r',      'vpsllvq',        'Vx Hx Wx',    vex(x.shiftVariable('shl', 64), { first: 1 })),
    row('VEX.L.66.0F38.W0 45 /r',      'vpsrlvd',        'Vx Hx Wx',    vex(x.shiftVariable('shr', 32), { first: 1 })),
    row('VEX.L.66.0F38.W1 45 /r',      'vpsrlvq',        'Vx Hx Wx',    vex(x.shiftVariable('shr', 64), { first: 1 })),
    row('VEX.L.66.0F38.W0 46 /r',      'vpsravd',        'Vx Hx Wx',    vex(x.shiftVariable('sar', 32), { first: 1 })),
  ]),
];

export const avxRows: readonly OpcodeRow[] = [...avxDerivedRows, ...ofFeature('AVX', avx), ...ofFeature('AVX2', avx2)];
