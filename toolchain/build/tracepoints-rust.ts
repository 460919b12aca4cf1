/** The Rust that follows from the tracepoints of kernel/layout/tracing.ts. */
import type { TracepointContext } from '../../kernel/layout/structures.ts';
import { GENERATED, LayoutError, membersOf } from './layout-members.ts';
import { rustType } from './layout-rust.ts';

function contextStructure({ context, category, event, record }: TracepointContext): string {
  const members = membersOf(context, record).map((member) => {
    if (member.kind !== 'field') throw new LayoutError(`${context}: records have neither holes nor unions`);
    const { name, type } = member.field;
    return `    ${name === 'unused' ? '' : 'pub '}${name}: ${rustType(type)},\n`;
  });
  return [
    `/// Context of programs on \`${category}/${event}\`: the tracepoint's record.\n`,
    `#[repr(C)]\n#[derive(Clone, Copy)]\n#[allow(dead_code, missing_docs)]\npub struct ${context} {\n`,
    ...members,
    `}\nconst _: () = assert!(size_of::<${context}>() == ${record.size});\n`,
    `impl super::sealed::Context for ${context} {}\nimpl super::TracepointContext for ${context} {}\n`,
  ].join('');
}

/** The text of rex/src/tracepoint/contexts.rs. Throws `LayoutError`. */
export function renderTracepointContexts(rows: readonly TracepointContext[]): string {
  return [`// ${GENERATED}\n`, ...rows.map(contextStructure)].join('\n');
}

/** The text of rex-macros/src/tracepoints.rs. */
export function renderTracepointSections(rows: readonly TracepointContext[]): string {
  const lines = rows.map(({ context, category, event }) => `    ("${context}", "${category}/${event}"),\n`);
  return `// ${GENERATED}\n\n/// A program's context type, and the tracepoint it stands for.\npub const TRACEPOINTS: &[(&str, &str)] = &[\n${lines.join('')}];\n`;
}
