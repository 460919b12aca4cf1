/** target.xml: which registers there are, printed from their table. */
import { registerFeatures, type RegisterFeature, type RegisterRow } from './registers.ts';
import { xmlText } from './text.ts';

/** Types that a description must bring itself, by gdb's names of them: flag registers and vectors. */
const eflags: readonly (readonly [name: string, bit: number])[] = [
  ['CF', 0], ['', 1], ['PF', 2], ['AF', 4], ['ZF', 6], ['SF', 7], ['TF', 8], ['IF', 9], ['DF', 10], ['OF', 11],
  ['NT', 14], ['RF', 16], ['VM', 17], ['AC', 18], ['VIF', 19], ['VIP', 20], ['ID', 21],
]; // prettier-ignore
const mxcsr: readonly (readonly [name: string, bit: number])[] = [
  ['IE', 0], ['DE', 1], ['ZE', 2], ['OE', 3], ['UE', 4], ['PE', 5], ['DAZ', 6], ['IM', 7], ['DM', 8], ['ZM', 9],
  ['OM', 10], ['UM', 11], ['PM', 12], ['FZ', 15],
]; // prettier-ignore

const flags = (id: string, fields: typeof eflags): string =>
  `<flags id="${id}" size="4">${fields
    .map(([name, bit]) => `<field name="${name}" start="${bit}" end="${bit}"/>`)
    .join('')}</flags>`;

const vectors: readonly (readonly [field: string, type: string, count: number])[] = [
  ['v4_float', 'ieee_single', 4],
  ['v2_double', 'ieee_double', 2],
  ['v16_int8', 'int8', 16],
  ['v8_int16', 'int16', 8],
  ['v4_int32', 'int32', 4],
  ['v2_int64', 'int64', 2],
];

const vec128 =
  vectors.map(([field, type, count]) => `<vector id="${field}_t" type="${type}" count="${count}"/>`).join('\n') +
  `\n<union id="vec128">${vectors.map(([field]) => `<field name="${field}" type="${field}_t"/>`).join('')}` +
  '<field name="uint128" type="uint128"/></union>';

const typeDefinitions: Readonly<Record<string, string>> = {
  i386_eflags: flags('i386_eflags', eflags),
  i386_mxcsr: flags('i386_mxcsr', mxcsr),
  vec128,
};

function registerElement({ name, bits, type, group }: RegisterRow): string {
  const grouped = group === undefined ? '' : ` group="${group}"`;
  return `<reg name="${name}" bitsize="${bits}" type="${type}"${grouped}/>`;
}

function featureElement({ name, registers }: RegisterFeature): string {
  const types = [...new Set(registers.map(({ type }) => type))].flatMap((type) => typeDefinitions[type] ?? []);
  return `<feature name="${xmlText(name)}">\n${[...types, ...registers.map(registerElement)].join('\n')}\n</feature>\n`;
}

/**
 * The description. Its OS ABI is none, although there is a kernel as Linux: gdb's own of Linux looks for a dynamic linker's
 * list of libraries; without one it asks the target for what is loaded.
 */
export const targetDescription = (): string => `<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0">
<architecture>i386:x86-64</architecture>
<osabi>none</osabi>
${registerFeatures.map(featureElement).join('')}</target>
`;
