/** Programs of tests/programs that say `ok N checks` when all of theirs hold; the groups of bpf-errors that this kernel has. */
export const checkingPrograms: readonly (readonly [name: string, ...args: string[]])[] = [
  ['args'],
  ['cow'],
  ['crash'],
  ['faults'],
  ['files'],
  ['mappings'],
  ['memory'],
  ['pipeline'],
  ['signals'],
  ['bpf-errors', 'attr', 'create', 'elements', 'perf', 'link', 'info', 'rex-base', 'rex-prog'],
];
