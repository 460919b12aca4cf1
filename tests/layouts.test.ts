import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { generateLayouts } from '../toolchain/build/generate-layouts.ts';
import { LayoutError, membersOf } from '../toolchain/build/layout-members.ts';
import { structures } from '../kernel/layout/structures.ts';

for (const { path, text } of generateLayouts()) {
  test(`${path} follows kernel/layout (else: npm run build:layouts)`, () => {
    assert.fixture(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8'), text);
  });
}

test('members cover a structure without holes', () => {
  for (const [name, structure] of Object.entries(structures)) {
    let end = 0;
    for (const member of membersOf(name, structure)) {
      const { offset, size } = member.kind === 'field' ? member.field : member;
      assert.is(offset, end, name);
      end += size;
    }
    assert.is(end, structure.size, name);
  }
});

test('fields that share an offset become one union', () => {
  const unions = membersOf('bpf_attr_rex_load', structures.bpf_attr_rex_load).filter(({ kind }) => kind === 'union');
  assert.equal(
    unions.map((member) => member.kind === 'union' && member.fields.map(({ name }) => name)),
    [
      ['map_offs', 'prog_offset'],
      ['dyn_relas', 'base_prog_fd'],
    ],
  );
});

test('a field inside another is refused', () => {
  const fields = {
    whole: { offset: 0, size: 8, type: 'u64' },
    inside: { offset: 4, size: 4, type: 'u32' },
  } as const;
  assert.throws(
    () => membersOf('overlapping', { size: 8, fields }),
    (error: unknown) => error instanceof LayoutError,
  );
});

test.run();
