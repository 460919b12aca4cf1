/**
 * Writes explain.txt: `hex | instruction | sentence` a line, for the instructions below, each at address 401000.
 * Run: npx tsx tests/golden/explain.generate.ts
 */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { decode } from '../../cpu/decoder.ts';
import { explain } from '../../cpu/explain/explain.ts';
import { disassembly } from '../native/disassemble.ts';

const ADDRESS = 0x401000n;

/** Encodings, by what they show. */
const encodings = `
48034308 f7d8 48f7d8 4883c0f8 83e00f 4883e4f0 31c0 4829c0 19c0 4801d8 4811d8 4883d801 48ffc0 ffc9 39c0 4883f805 4885c0
89d8 4889d8 6689d8 88e3 8a23 48c7c0ffffffff b8ffffffff 48c700ffffffff 0fb6c3 480fb603 0fbec3 4863c3 488d4c9808 8d040b
488d3d10000000 4893 488703 f0480fb10b 0fb1cb f0480fc103 480fc70f 480fc70b f0480fc70f
480f45c3 0f4cc3 660f4f03 0f94c0 0f95c0 0f9fc0
48f7e3 f6e3 48f7eb 480fafc3 6bc30a 48f7f3 f7f9 f6f3 4898 4899 99
0fa3c3 480fab03 0fbaf003 480fbcc3 0fbdc3 f3480fb8c3 0fc8
d3e0 d3e1 48c1e004 c1f803 d2e8 c1c003 48d3c8 d0d0 d2d0 480fa4c304 0fadc3
75fe 7c10 eb10 e8fb000000 ff1500200000 ffd0 ff542408 c3 c21000 c9 ffe0 ff24c500104000 e2fe e1fe e30e
55 54 58 5c 8f442408 9c 9d 9f 9e fc fd f8 f5
f3a4 f2ae f3a6 f348ab ac a5
64488b042528000000 658b18 c70005000000
0f05 480f07 0f01f8 48cf f4 fa fb cc cd80 0f0b 0fa2 0f31 0f01f9 0f32 0f30 0f20d8 0f22d8 8ed8 8cd8 0f0118 0f00d8 0f0138 0f01cb
0fae10 0fae18 90 f30f1efa 0f3f07000000
0f2fc1 660fefc0 660fefc8 660ffec1 660f76c9 660fdfc1 660f71d003 660f73f804 660f60c1 660f70c11b 0fc6c144 0f28c1 0f1000
f30f10c1 f30f1000 f20f1100 f30f7ec1 660f6ec0 0f1600 660fd7c0 660fc4c003 f30f58c1 0f58c1 660f5900 f20f5dc1 f20f51c1 0fc2c101
660f2ec1 f2480f2ac0 f20f2cc0 f30f5ac1 0f5ac1 660f5ac1 660ff7c1 0fae00 0fae08
0ffcc1 0f6f03 0f7e03 0f63c1 0f60c8 0f380103 0f3a0fc803 0fc4c102 0ff7ca 0f2ac1 f20fd6c1 0f77
c5f458c2 c5f158c2 c5f5fe02 c5f5efc2 c5fd70c11b c5f572d003 c5fde1c1 c5fe6f4610 c5fe7f07 c5fd6f06 c4e37506c231 c4e27d18c1 c5f4c2c201
c4e34d4ac210 c5f877 c5fc77 c4e2758c06 c4e2059004a0 c5ea58cb c4e37d39c101 0f01d0
`;

/** The line of an encoding in hexadecimal. */
export function explainedLine(hex: string): string {
  const bytes = Uint8Array.from([...Buffer.from(hex, 'hex'), ...new Uint8Array(15)]);
  const instruction = decode(bytes, 0, bytes.length);
  if (typeof instruction !== 'object') throw new Error(`${hex}: ${instruction}`);
  if (instruction.length * 2 !== hex.length) throw new Error(`${hex}: ${instruction.length} bytes`);
  const text = instruction.mnemonic === 'native' ? 'native' : disassembly(bytes);
  return `${hex} | ${text} | ${explain(instruction, { address: ADDRESS }).sentence}`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const lines = encodings.trim().split(/\s+/).map(explainedLine);
  writeFileSync(new URL('explain.txt', import.meta.url), `${lines.join('\n')}\n`);
}
