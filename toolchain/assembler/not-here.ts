/** What GNU as, the C preprocessor and the kernel's headers have and this assembler does not: what to write in its place. */

const written = 'there are no macros and no conditions: write it out';

// prettier-ignore
const substitutes: Readonly<Record<string, string>> = {
  // include/linux/linkage.h
  SYM_FUNC_START:        "there are no kernel headers: write .globl NAME, .type NAME, @function and NAME:",
  SYM_FUNC_START_LOCAL:  "there are no kernel headers: write .type NAME, @function and NAME:",
  SYM_CODE_START:        "there are no kernel headers: write .globl NAME and NAME:",
  SYM_INNER_LABEL:       "there are no kernel headers: write .globl NAME and NAME:",
  SYM_FUNC_END:          "there are no kernel headers: write .size NAME, . - NAME",
  SYM_CODE_END:          "there are no kernel headers: write .size NAME, . - NAME",
  ENTRY:                 "there are no kernel headers: write .globl NAME and NAME:",
  ENDPROC:               "there are no kernel headers: write .size NAME, . - NAME",
  EXPORT_SYMBOL:         "there are no kernel headers: write .globl NAME",
  // arch/x86/include/asm
  PER_CPU_VAR:           "there are no kernel headers: write %gs:NAME",
  ANNOTATE_NOENDBR:      "there are no kernel headers: leave it out",
  UNWIND_HINT_FUNC:      "there are no kernel headers: leave it out",
  ENDBR:                 "there are no kernel headers: write endbr64, or leave it out",
  // GNU as
  '.macro': written, '.endm': written, '.rept': written, '.irp': written, '.irpc': written, '.endr': written,
  '.if': written, '.ifdef': written, '.ifndef': written, '.elseif': written, '.else': written, '.endif': written, '.altmacro': written,
  '.include':      'one file is assembled: put it in its place',
  '.incbin':       'no other file is read: write .byte',
  '.subsection':   'sections have no parts: write .section',
  '.intel_syntax': "the syntax is AT&T's",
  '.code32':       'the kernel has 64-bit code only',
  '.code16':       'the kernel has 64-bit code only',
};

/** `; …` for what is known to be missing here; undefined for any other name. */
export const substituteFor = (name: string): string | undefined =>
  Object.hasOwn(substitutes, name) ? `; ${substitutes[name]}` : undefined;

/** A line of the C preprocessor that would change what is assembled; `#include` would not, and is a comment as others are. */
export const preprocessorLine = /#(?:define|undef|if|ifdef|ifndef|elif|else|endif|error)\b/y;
