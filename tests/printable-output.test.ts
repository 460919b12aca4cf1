/**
 * What others have written steers no terminal: escapes are planted in every text that this package prints, and no mode lets
 * one through. A program's own output is its own affair.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { printable, printableJson, printableLine, printableText } from '../lib/printable.ts';
import { tinyProgram } from './support/tiny-program.ts';

const folder = mkdtempSync(join(tmpdir(), 'printable-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
// before the command is imported, which looks at it once
process.env['KERNEL_IN_A_BOX_SAMPLES'] = join(folder, 'samples');
const { main } = await import('../command/main.ts');
const { connectClient } = await import('./support/gdb-client.ts');
const { rawClient } = await import('./support/dap-client.ts');
const { openDebugger } = await import('../debugger/debugger.ts');
const { Box } = await import('../index.ts');

/** CSI, OSC, a conceal, BEL, CR, BS, C1 CSI and OSC, DEL, bidi override, zero width, a byte order mark, a line separator */
const HOSTILE = '\x1b[2J\x1b]0;t\x07\x1b[8m\r\b\u009b31m\u009d\x7f\u202e\u200b\ufeff\u2028';
/** as many bytes as the name that is replaced, of which a comm has 15 */
const SYMBOL = 'hostile_symbol_xx';
const COMM = '\x1b]0;c\x07\x1b[31m\u009b';
const bytesOf = (text: string): string => [...Buffer.from(text)].join(', ');

/** Names itself, opens a file, needs what there is not, spins and dies by a signal. */
const source = `
	mov $157, %eax
	mov $15, %edi
	lea comm(%rip), %rsi
	syscall
	mov $2, %eax
	lea path(%rip), %rdi
	xor %esi, %esi
	syscall
	mov $425, %eax
	syscall
	mov $40000, %ecx
${SYMBOL}:
	dec %ecx
	jnz ${SYMBOL}
	mov 0, %eax
comm:	.byte ${bytesOf(COMM)}, 0
path:	.byte ${bytesOf(`/${HOSTILE}`)}, 0
`;

function hostileProgram(): Uint8Array {
  const bytes = Buffer.from(tinyProgram(source));
  const name = Buffer.alloc(SYMBOL.length, 'x');
  name.write('\x1b[31m\x07\u009bs\r');
  for (let at = bytes.indexOf(SYMBOL); at >= 0; at = bytes.indexOf(SYMBOL)) name.copy(bytes, at);
  return bytes;
}

const fileOf = (path: string, content: string | Uint8Array): string => {
  const whole = join(folder, path);
  mkdirSync(join(whole, '..'), { recursive: true });
  writeFileSync(whole, content);
  return whole;
};

const lecture = (stop: string): string =>
  `# ${HOSTILE} title\n\nwords ${HOSTILE}\n\n## ${HOSTILE} heading\n\nstop: ${stop}\n\nmore ${HOSTILE}\n`;

function plantSample(name: string, tour: string): void {
  const description = {
    title: `title ${HOSTILE}`,
    usage: `[${HOSTILE}]`,
    command: [`/bin/${HOSTILE.replaceAll('/', '')}`],
    files: { [`/bin/${HOSTILE}`]: 'program' },
    expectation: { exitCode: 0, texts: [{ in: 'stdout', pattern: `never ${HOSTILE.replaceAll(/[[\]]/g, '\\$&')}` }] },
  };
  fileOf(`samples/${name}/sample.json`, JSON.stringify(description));
  fileOf(`samples/${name}/program`, hostileProgram());
  fileOf(`samples/${name}/tour.md`, tour);
  fileOf(
    `samples/${name}/manifest.json`,
    JSON.stringify({ rust: { outputs: { [`samples/${name}/${HOSTILE}`]: '' } } }),
  );
}

const EVIL = '\x1b[31mevil\u009b';
plantSample('hostile', lecture('syscall open'));
plantSample(EVIL, lecture(`no such ${HOSTILE}`));
const programPath = fileOf(`a\x1b[31m\u009bprogram`, hostileProgram());
const script = fileOf(
  'script',
  `size 180 60\nkeys 5*s n n\nscreen ${HOSTILE}\nkeys 200*s c\nscreen after\nkeys ?\nscreen help\nexpect ${HOSTILE}\n`,
);
const dispatcher = fileOf('dispatcher.S', `\t.section ".${HOSTILE.replaceAll(/[\r\u2028]/g, '')}"\n`);
const tokens = fileOf('tokens.S', `\t${HOSTILE}\n`);
const noElf = fileOf(`samples-${HOSTILE.replaceAll(/[\r\b/]/g, '')}`, `\x7fELF${HOSTILE}`);

// prettier-ignore
const modes: Readonly<Record<string, readonly string[]>> = {
  'no name':            [],
  '--help':             ['--help'],
  'an unknown name':    [HOSTILE.replaceAll('/', '')],
  'an unknown option':  [`--${HOSTILE}`],
  'plain':              ['hostile'],
  'quiet':              ['--quiet', 'hostile'],
  '--strace':           ['--strace', 'hostile'],
  '--trace':            ['--trace', '--budget', '130000', 'hostile'],
  '--stats --profile':  ['--stats', '--profile', 'hostile'],
  '--json':             ['--json', '--stats', '--profile', 'hostile'],
  '--json --trace':     ['--json', '--trace', '--budget', '2000', 'hostile'],
  '--explore':          ['--explore', '2', 'hostile'],
  '--all':              ['--all'],
  '--tour':             ['--tour', 'hostile'],
  '--tour, an error':   ['--tour', EVIL],
  '--script':           ['--script', script, 'hostile'],
  '--support':          ['--support'],
  '--support, no such': ['--support', HOSTILE],
  '--support programs': ['--support', 'programs'],
  '--dispatcher':       ['--dispatcher', dispatcher, 'hostile'],
  '--dispatcher token': ['--dispatcher', tokens, 'hostile'],
  '--dispatcher none':  ['--dispatcher', `/none${HOSTILE}`, 'hostile'],
  'of the host':        [programPath],
  'of the host, traced': ['--trace', '--strace', '--budget', '6000', programPath],
  'of the host, stats': ['--stats', '--profile', programPath],
  'no such program':    [`/none${HOSTILE}`],
  'no program':         [noElf],
  'an option':          ['--engine', HOSTILE, 'hostile'],
};

/** What must not be in anything that is printed: but for ends of lines and tabs, everything that is not to be seen. */
// oxlint-disable-next-line no-control-regex
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

async function output(args: readonly string[], colours = false): Promise<{ text: string; status: number }> {
  const chunks: Uint8Array[] = [];
  const write = (_: number, bytes: Uint8Array): void => void chunks.push(bytes.slice());
  const status = await main(args, { stdin: () => undefined, write, colours });
  return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks)), status };
}

const steady = (text: string): string => text.replaceAll(/\d+\.\d\d s|compile time, ms +\d+/g, '');

for (const [name, args] of Object.entries(modes)) {
  test(`${name}: no escape reaches the terminal`, async () => {
    const { text, status } = await output(args);
    const [found] = hidden.exec(text) ?? [];
    assert.is(found, undefined, `${found?.codePointAt(0)?.toString(16)} in ${JSON.stringify(text.slice(-400))}`);
    assert.ok(text.length > 0 && status !== 70, text);
    if (!args.includes('--json')) return;
    const events = text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { comm?: string; type: string });
    assert.ok(events.length > 5);
    if (!args.includes('--trace'))
      assert.ok(
        events.some(({ comm }) => comm === COMM),
        'JSON means the same',
      );
  });
}

test('the planted texts are in what was printed, written out', async () => {
  const { text } = await output(['hostile']);
  assert.match(text, '[1 \\x1b]0;c\\x07\\x1b[31m\\x9b] open("/\\33[2J');
  assert.match(
    (await output([])).text,
    'hostile [\\x1b[2J\\x1b]0;t\\x07\\x1b[8m\\x0d\\x08\\x9b31m\\x9d\\x7f\\u{202e}\\u{200b}',
  );
  assert.match((await output(['--trace', '--budget', '6000', programPath])).text, '\\x1b[31m\\x07');
});

test('with colours: the same text, and no sequence but those that dress it up', async () => {
  for (const args of [
    modes['plain']!,
    modes['--all']!,
    modes['an unknown name']!,
    ['--trace', '--budget', '20000', 'hostile'],
  ]) {
    const [plain, coloured] = [await output(args), await output(args, true)];
    // oxlint-disable-next-line no-control-regex
    const undressed = coloured.text.replaceAll(/\x1b\[(?:1|2|22|3[1-69])m/g, '');
    assert.is(steady(undressed), steady(plain.text));
  }
  assert.match((await output(modes['plain']!, true)).text, '\x1b[36m[1 ');
});

test("a program's own output passes unchanged", async () => {
  const text = `${HOSTILE}\n`;
  const path = fileOf(
    'writer',
    tinyProgram(`
	mov $1, %eax
	mov $1, %edi
	lea text(%rip), %rsi
	mov $${Buffer.byteLength(text)}, %edx
	syscall
	mov $231, %eax
	xor %edi, %edi
	syscall
text:	.byte ${bytesOf(text)}
`),
  );
  assert.equal(await output([path]), { text, status: 0 });
});

async function hostileBox() {
  const box = await Box.boot({ memory: 16 << 20, history: true });
  box.files.write(`/bin/${HOSTILE}`, hostileProgram());
  const first = box.spawn(`/bin/${HOSTILE}`);
  return { box, first };
}

test('gdb: its console, its threads and its libraries', async () => {
  const { box, first } = await hostileBox();
  const host = await openDebugger(box, { process: first });
  const client = connectClient(host, { process: first });
  client.ask('qSupported:error-message+');
  host.addStop({ kind: 'syscall', name: 'open', at: 'entry' });
  host.continue();
  const commands = ['tasks', 'dmesg', 'events 50', 'where', 'story', 'explain', 'program', `stop ${HOSTILE}`, HOSTILE];
  const replies = commands.map((command) => client.monitor(command));
  const extra = Buffer.from(client.ask(`qThreadExtraInfo,${first.pid.toString(16)}`), 'hex').toString();
  const documents = ['threads', 'libraries'].map((name) => Buffer.from(client.transfer(name), 'latin1').toString());
  for (const text of [...replies, extra, ...documents]) {
    assert.not.match(text, hidden);
    assert.ok(text.length > 3);
  }
  assert.match(replies[0]!, '\\x1b]0;c\\x07');
});

test('DAP: what its client prints on a console, and text that is no UTF-16', async () => {
  const client = rawClient({
    async launch() {
      const { box, first } = await hostileBox();
      return { debugger: await openDebugger(box, { process: first }), process: first };
    },
  });
  interface Message {
    readonly type: string;
    readonly event?: string;
    readonly request_seq?: number;
    readonly body?: Readonly<Record<string, unknown>>;
  }
  const messages: Message[] = [];
  let seq = 1;
  /** Until it has been answered; boxes are booted meanwhile. */
  const ask = async (command: string, args: object = {}): Promise<void> => {
    const number = seq++;
    client.message({ type: 'request', seq: number, command, arguments: args });
    for (let n = 0; n < 100_000 && !messages.some((message) => message.request_seq === number); n++) {
      // oxlint-disable-next-line no-await-in-loop
      await client.settle(1);
      messages.push(...(client.take() as Message[]));
    }
  };
  await ask('initialize', { adapterID: 'x' });
  await ask('launch', { program: './x', stopOnEntry: false, stopOnExit: true });
  await ask('configurationDone');
  await client.settle(2000);
  for (const expression of ['tasks', 'dmesg', 'where', `\ud800${HOSTILE}`]) {
    await ask('evaluate', { expression, context: 'repl' });
  }
  await ask(`\udc00${HOSTILE}`);
  const printed = messages.flatMap(({ event, body }) =>
    event === 'output' && body!['category'] === 'console' ? [body!['output'] as string] : [],
  );
  const results = messages.flatMap(({ body }) => (typeof body?.['result'] === 'string' ? [body['result']] : []));
  assert.ok(printed.length > 0 && results.length >= 3, JSON.stringify(messages.slice(-5)));
  for (const text of [...printed, ...results]) assert.not.match(text, hidden);
  assert.equal(client.errors, []);
  client.disconnect();
});

test('printable: what is shown stays, nothing else does, and it is said once only', () => {
  assert.is(printable('Größe 漢字 → λ́ 😀'), 'Größe 漢字 → λ́ 😀');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
      for (const shown of [
        printable(text),
        printableLine(text).replaceAll('\t', ''),
        printableText(text).replaceAll(/[\t\n]/g, ''),
      ]) {
        assert.not.match(shown, /[\t\n]/);
        assert.not.match(shown, hidden);
        assert.is(printable(shown), shown);
      }
      const json = JSON.stringify({ text });
      assert.equal(JSON.parse(printableJson(json)), { text });
      assert.not.match(printableJson(json), hidden);
    }),
  );
});

test.run();
