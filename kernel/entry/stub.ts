/** Assembly source of a kernel function with a frame that a stack trace can walk; `body` defaults to its native function. */
export function textStub(name: string, body: readonly string[] = [`native ${name}`]): string {
  return `
	.globl	${name}
	.type	${name}, @function
${name}:
	push	%rbp
	mov	%rsp, %rbp
${body.map((line) => `\t${line}\n`).join('')}	pop	%rbp
	ret
	.size	${name}, . - ${name}
`;
}

/** pointers a line: a statement costs the assembler more than what is in it */
const PER_LINE = 16;

/** `.quad` lines of symbols. */
export function quads(symbols: readonly string[]): string {
  let lines = '';
  for (let n = 0; n < symbols.length; n += PER_LINE) lines += `\t.quad\t${symbols.slice(n, n + PER_LINE).join(', ')}\n`;
  return lines;
}
