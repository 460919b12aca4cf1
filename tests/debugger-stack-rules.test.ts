/** What is found of stack pointers by following code, against the compiler's own call frame information, as readelf prints it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readHostFile } from '../box/host-files.ts';
import { decode } from '../cpu/decoder.ts';
import { stackRules, type StackRules } from '../debugger/story/stack-rules.ts';
import { assemble } from '../toolchain/assembler/index.ts';
import { STT_FUNC } from '../toolchain/elf/constants.ts';
import { readElf, readVirtual } from '../toolchain/elf/index.ts';

const slow = process.env['TEST_TIER'] === 'slow';
const samples = fileURLToPath(new URL('../samples/', import.meta.url));

interface Row {
  readonly from: bigint;
  /** `rsp+16`, `rbp+16` */
  readonly cfa: string;
}

/** By the start of each function: rows by address, and its end. */
function readFrames(path: string): Map<bigint, { readonly end: bigint; readonly rows: Row[] }> {
  const { stdout } = spawnSync('readelf', ['-wF', path], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const frames = new Map<bigint, { readonly end: bigint; readonly rows: Row[] }>();
  let rows: Row[] = [];
  for (const line of stdout.split('\n')) {
    const head = /FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)/.exec(line);
    if (head !== null) {
      rows = [];
      frames.set(BigInt(`0x${head[1]}`), { end: BigInt(`0x${head[2]}`), rows });
    }
    if (line.includes(' CIE ')) rows = [];
    const row = /^([0-9a-f]{16}) (r[sb]p\+\d+)\s/.exec(line);
    if (row !== null) rows.push({ from: BigInt(`0x${row[1]}`), cfa: row[2]! });
  }
  return frames;
}

/** `rsp+16` in our words: the depth by which the frame's end is found from a register. */
const says = (
  { sp, bp }: { readonly sp: number | undefined; readonly bp: number | undefined },
  cfa: string,
): boolean => {
  const [register, depth] = cfa.split('+');
  return Number(depth) === (register === 'rsp' ? sp : bp);
};

/** `nop` of any length, which aligns what follows and is never executed */
function isPadding(code: Uint8Array, at: number): boolean {
  const instruction = decode(code, at, code.length);
  return typeof instruction !== 'string' && instruction.mnemonic === 'nop';
}

const images = readdirSync(samples, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.rex'))
  .sort()
  .filter((path) => slow || /(error_injector|panic|bmc)\.rex$/.test(path));

if (spawnSync('readelf', ['--version']).status !== 0) {
  process.stdout.write('skipped: no readelf (binutils)\n');
  test.skip('readelf', () => {});
} else {
  for (const path of images) {
    test(`${path}: the frame of every instruction is where the compiler says`, () => {
      const file = join(samples, path);
      const bytes = readHostFile(file);
      const elf = readElf(bytes);
      let compared = 0;
      for (const [start, { end, rows }] of readFrames(file)) {
        const symbol = elf.symbols.find(({ type, value }) => type === STT_FUNC && value === start);
        if (symbol === undefined) continue;
        const code = readVirtual(elf, start, Number(end - start));
        // stack safety has moved the first bytes of a function elsewhere: a jump out of it
        if (code[0] === 0xe9) continue;
        const { before } = stackRules(code, start, [{ address: start, depth: 8 }]);
        for (const [address, rule] of before) {
          if (isPadding(code, Number(address - start))) continue;
          const row = rows.findLast(({ from }) => from <= address) ?? { cfa: 'rsp+8' }; // the CIE's
          assert.ok(
            says(rule, row.cfa),
            `${symbol.name}+0x${(address - start).toString(16)}: got rsp+${rule.sp} rbp+${rule.bp}, expected ${row.cfa}`,
          );
          compared++;
        }
      }
      assert.ok(compared > 300, `${compared}`);
    });
  }
}

const START = 0x1000n;
/** The rules of assembly text, and the addresses of its labels. */
function rulesOf(text: string): {
  readonly rules: StackRules;
  at(label: string): ReturnType<StackRules['before']['get']>;
} {
  const program = assemble(text, { sections: { '.text': START } });
  const rules = stackRules(program.sections.get('.text')!.bytes, START, [{ address: START, depth: 8 }]);
  return { rules, at: (label) => rules.before.get(program.symbols.get(label)!.address) };
}

test('pushes, pops, calls and both ways out of a frame', () => {
  const { at } = rulesOf(`
f:	push %rbp
a:	mov %rsp, %rbp
b:	push %rbx
	sub $0x28, %rsp
c:	and $-32, %rsp
d:	lea -8(%rbp), %rsp
e:	pop %rbx
	leave
g:	ret
`);
  assert.equal([at('f')!.sp, at('f')!.callerBp], [8, 'register']);
  assert.equal([at('a')!.sp, at('a')!.callerBp], [16, 16]);
  assert.equal([at('b')!.sp, at('b')!.bp], [16, 16]);
  assert.is(at('c')!.sp, 64);
  assert.equal([at('d')!.sp, at('d')!.bp], [undefined, 16]);
  assert.is(at('e')!.sp, 24);
  assert.equal([at('g')!.sp, at('g')!.callerBp], [8, 'register']);
});

test('a switch of the stack, there and back', () => {
  const { at } = rulesOf(`
f:	push %rbp
	push %rbx
	mov %gs:0x70, %rbp
	mov %rsp, (%rbp)
	mov %rbp, %rsp
a:	call *%rdx
b:	pop %rsp
c:	pop %rbx
	pop %rbp
d:	ret
`);
  assert.equal([at('a')!.sp, at('a')!.left], [undefined, 24]);
  assert.equal([at('b')!.sp, at('b')!.left], [undefined, 24]);
  assert.equal([at('c')!.sp, at('c')!.left, at('c')!.callerBp], [24, undefined, 16]);
  assert.equal([at('d')!.sp, at('d')!.callerBp], [8, 'register']);
});

test('code behind a call that does not return is what jumps to it say', () => {
  const { at } = rulesOf(`
f:	test %edi, %edi
	je b
	push %rax
	call f
b:	nop
c:	sub $8, %rsp
	call f
d:	add $8, %rsp
e:	ret
`);
  assert.equal([at('b')!.sp, at('c')!.sp, at('d')!.sp, at('e')!.sp], [8, 8, 16, 8]);
});

test('subroutines within a function, and the blocks of a switch', () => {
  const { at } = rulesOf(`
f:	push %rbx
	call sub
	jmp *%rax
one:	pop %rbx
	ret
two:	nop
	pop %rbx
end:	ret
sub:	push %rcx
in:	pop %rcx
out:	ret
`);
  assert.equal([at('sub')!.sp, at('in')!.sp, at('out')!.sp], [8, 16, 8]);
  assert.equal([at('one')!.sp, at('two')!.sp, at('end')!.sp], [16, 16, 8]);
});

test.run();
