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
