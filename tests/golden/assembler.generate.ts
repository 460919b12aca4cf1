/**
 * Writes assembler.txt: the instructions below with GNU as's bytes, `instruction | hex` a line.
 * Needs GNU binutils. Run: npx tsx tests/golden/assembler.generate.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One program a line; `;` separates statements. */
const programs = `
mov %rax, %rbx
mov %eax, %ebx
mov %ax, %bx
mov %al, %bl
mov %ah, %bl
mov %sil, %dil
mov %r8, %r15
mov %r8d, %eax
mov %r8b, %al
mov $5, %rax
mov $-1, %rax
mov $0x7fffffff, %rax
mov $0x80000000, %rax
mov $0xffffffff, %rax
mov $0xffffffffffffffff, %rax
mov $0x123456789abcdef0, %r9
movabs $5, %rax
movabs $0xffffffff81000000, %rax
mov $0xffffffff81000000, %rax
mov $5, %eax
mov $0xffffffff, %eax
mov $5, %ax
mov $5, %al
mov $0xff, %r9b
movq $5, (%rax)
movl $5, (%rax)
movw $5, (%rax)
movb $5, (%rax)
movq $-5, 8(%rsp)
movl $0xdeadbeef, 8(%rsp)
mov (%rax), %rbx
mov (%rsp), %rbx
mov (%rbp), %rbx
mov (%r12), %rbx
mov (%r13), %rbx
mov 127(%rax), %rbx
mov 128(%rax), %rbx
mov -128(%rax), %rbx
mov -129(%rax), %rbx
mov 8(%rax,%rbx), %rcx
mov 8(%rax,%rbx,4), %rcx
mov (%rbp,%r12,8), %rcx
mov (,%rbx,8), %rcx
mov 0x1000(,%rbx,8), %rcx
mov 0x1000, %rcx
mov 0x1000, %eax
mov %eax, 0x1000
mov -8, %rcx
movabs 0x1122334455667788, %rax
movabs %al, 0x1122334455667788
movabsq %rax, 0x1122334455667788
mov (%eax), %ecx
mov 8(%r9d,%ecx,2), %ecx
mov 0x10(%rip), %rax
lea 16(%rip), %rax
lea (%rax,%rax,4), %eax
leaq -8(%rsp), %rsp
mov %gs:0x28, %rax
mov %fs:0x10, %eax
mov %rax, %gs:(%rbx)
mov %gs:8(%r9,%r10,2), %r11
mov %cs:(%rax), %eax
mov %ds:(%rax), %eax
mov %ds, %eax
mov %ds, %ax
mov %ds, (%rax)
mov %ax, %ds
mov %eax, %es
mov %rax, %ss
mov %cr0, %rax
mov %cr3, %r9
mov %rax, %cr4
mov %rax, %cr8
add %rax, %rbx
add %al, (%rbx)
add (%rbx), %al
add $1, %rax
add $127, %eax
add $128, %eax
add $128, %ecx
add $-128, %rcx
add $128, %rcx
add $0xffffff80, %eax
add $0xff80, %ax
add $0xff, %al
add $0xff, %cl
addq $1, (%rax)
addl $0x1000, (%rax)
addw $0x1000, (%rax)
addb $1, (%rax)
sub $8, %rsp
sub $0x100, %rsp
and $-16, %rsp
or $0x200, %r11
xor %eax, %eax
cmp $0, %rdi
cmpb $0, (%rdi)
cmp %rdi, %rsi
adc $0, %rdx
sbb %ecx, %ecx
test %rax, %rax
test $1, %al
test $1, %cl
test $0x100, %eax
test $0x100, %rcx
test (%rax), %ebx
testb $1, 0x10(%rdi)
not %rax
negl (%rax)
mul %rcx
imul %rcx
imul %rcx, %rdx
imul $5, %rcx, %rdx
imul $500, %rcx, %rdx
imul $5, %ecx
imul (%rax), %ecx
div %rcx
idivl (%rax)
inc %eax
incq (%rax)
dec %r10b
shl %eax
shl $1, %eax
shl $4, %rax
shr %cl, %rax
sarq $3, (%rax)
sal $2, %edx
rol $8, %ax
rcr %edx
shld $3, %rax, %rbx
shrd %cl, %eax, %ebx
xchg %rbx, %rax
xchg %ecx, %edx
xchg %eax, %eax
xchg (%rax), %ebx
xchg %rax, %r8
movzbl %al, %eax
movzbl (%rdi), %r9d
movzwl %ax, %eax
movzbq %sil, %rax
movzbw (%rax), %cx
movsbl %al, %eax
movswq (%rax), %rcx
movslq %eax, %rcx
movslq (%rax), %rcx
movsx %al, %ecx
movzx %ax, %ecx
movzb %al, %ecx
movsbq %r10b, %rcx
cltq
cwtl
cbtw
cwtd
cltd
cqto
cqo
bt $3, %rax
btsl $3, (%rax)
btr %rax, (%rbx)
lock btsq $3, (%rax)
bsf %rax, %rbx
bsr %eax, %ebx
popcnt %rax, %rbx
popcntw %ax, %bx
bswap %eax
bswap %r11
cmovz %rax, %rbx
cmovne (%rax), %ebx
cmovaeq %rax, %rbx
cmovl %eax, %ebx
cmovll %eax, %ebx
setz %al
setnb (%rax)
setg %r8b
cmpxchg %rcx, (%rdx)
lock cmpxchg %rcx, (%rdx)
lock cmpxchgl %ecx, (%rdx)
lock; xaddl %eax, (%rdx)
lock incl (%rax)
lock cmpxchg16b (%rdi)
cmpxchg8b (%rdi)
xadd %al, %bl
push %rax
push %r12
push %ax
pushq (%rax)
push (%rax)
push $5
push $-129
push $0xff
pushw $5
pushq $0x12345
pop %rbp
popq 8(%rsp)
pushfq
pushf
popfq
pushfw
leave
leaveq
ret
retq
ret $16
repz ret
call *%rax
call *8(%rax)
callq *%gs:0x10(%rax)
jmp *%r11
jmpq *(,%rax,8)
notrack jmp *%rax
call 0x1000
jmp 0x1000
jmp 1f; 1: ret
1: jmp 1b
jz 1f; nop; 1: jnz 1b
1: .zero 126; jmp 1b
1: .zero 127; jmp 1b
1: .zero 124; jne 1b; jne 1b; jne 1b
jmp 1f; .zero 127; 1:
jmp 1f; .zero 128; 1:
jc 2f; ja 1f; .zero 124; 1: .zero 6; 2: nop
jmp a+1; a: nop; nop
loop . ; loopne . ; loope . ; jrcxz . ; jecxz .
call f; ret; f: ret
lea f(%rip), %rdi; nop; f: ret
movl $5, f(%rip); f: ret
cmpb $1, f+1(%rip); f: ret; ret
rep stosb
rep; stosq
rep movsq
repne scasb
repe cmpsb
lodsl
stosw
movsd
cld
std
syscall
sysretq
swapgs
iretq
int3
int $0x80
ud2
ud1 %eax, %ebx
hlt
cli
sti
stac
clac
cpuid
rdtsc
rdtscp
rdmsr
wrmsr
xgetbv
rdgsbase %rax
wrfsbase %ecx
lgdt (%rax)
lidt 8(%rsp)
ltr %ax
invlpg (%rax)
pause
nop
nopl (%rax)
nopw 0x0(%rax,%rax,1)
nopl 0x12345678(%rax)
cs nopw 0x0(%rax,%rax,1)
endbr64
lfence
mfence
sfence
wbinvd
lahf
clc
stc
cmc
nop; .align 16; nop
nop; .align 64; nop; .p2align 5; nop
nop; .p2align 4,,10; nop; .p2align 4,,15; nop
nop; .balign 8, 0xcc; nop
.byte 1, 2, -1, 255, 'a', '\\n'
.word 1, 0xffff; .long 1, -1; .quad 1, 0x123456789abcdef0
.ascii "a\\n\\"\\\\", "b"; .asciz "\\101\\x41"; .string "x"
.fill 3, 2, 0x1234; .skip 2, 0xff; .zero 1; .fill 2
.set x, 5; mov $x, %eax; .set x, 6; mov x(%rax), %ecx; y = x * 2 + 1; add $y, %ebx
.byte 1 + 2 * 3, (1 + 2) * 3, 7 / 2, -7 / 2, 7 % 3, 1 << 4, 0x80 >> 3, 6 & 3, 6 | 1, 6 ^ 2, ~0 & 0xf, 1 + 2 | 4
a: nop; nop; b: .byte b - a; mov $b - a, %eax; add $(b - a), %rax; .long . - a
.long b - a; a: jmp b; b: ret
movsd %xmm0, %xmm1
movq %xmm0, %rax
movq %rax, %xmm9
movq (%rax), %xmm0
movq %xmm0, (%rax)
movq %xmm1, %xmm2
movd %xmm0, %eax
movd %ecx, %xmm0
movss (%rax), %xmm0
movaps %xmm0, (%rsp)
movups 8(%rsp), %xmm10
movdqa %xmm0, %xmm1
movdqu %xmm0, (%rdi)
addsd %xmm1, %xmm0
mulss (%rax), %xmm3
cvtsi2sdl %eax, %xmm0
cvtsi2sdq (%rax), %xmm0
cvtsi2sd %rax, %xmm0
cvttsd2si %xmm0, %rax
cvttsd2si %xmm0, %eax
pxor %xmm8, %xmm8
xorps %xmm0, %xmm0
ucomisd %xmm1, %xmm0
cmpltsd %xmm1, %xmm0
pshufd $0x1b, %xmm1, %xmm0
pmovmskb %xmm1, %eax
pcmpeqb (%rdi), %xmm0
psrldq $8, %xmm0
psllw $3, %xmm9
ldmxcsr (%rsp)
stmxcsr (%rsp)
fsub %st,%st(3)
fsubr %st,%st(3)
fsubp %st,%st(3)
fsubrp %st,%st(3)
fdiv %st,%st(3)
fdivp %st,%st(3)
fsub %st(3),%st
fsub %st(3)
fsubp
fsub
fadd
faddp
fadd %st(3)
faddp %st(3)
fsubp %st(3)
fxch
fcom
fcomp
fucom
fucomp
fcomi
fcomip
fucomi
fucomip
fcomi %st(3)
fcomi %st(3),%st
fcompi %st(3),%st
fcmovb %st(3),%st
fld %st
fld %st(3)
flds (%rax)
fldl (%rax)
fldt (%rax)
filds (%rax)
fildl (%rax)
fildq (%rax)
fildll (%rax)
fistpll (%rax)
fisttpq (%rax)
fisttps (%rax)
fadds (%rax)
faddl (%rax)
fiadds (%rax)
fiaddl (%rax)
ficoms (%rax)
fnstcw (%rax)
fstcw (%rax)
fldcw (%rax)
fnstsw %ax
fstsw %ax
fnstsw (%rax)
finit
fclex
fsave (%rax)
fstenv (%rax)
fwait
wait
fbld (%rax)
fbstp (%rax)
fstpt (%rax)
ffree %st(2)
ffreep %st(2)
fst %st(2)
fxch %st(2)
fadd %st,%st
faddp %st,%st
fadd %st(5),%st
fadd %st,%st(5)
fadd %st(5)
faddp %st,%st(2)
fadds 8(%rbx,%rcx,4)
faddl (%r12)
fiaddl 0x10(%rip)
fmul %st(5),%st
fmul %st,%st(5)
fmul %st(5)
fmulp %st,%st(2)
fmulp
fmuls 8(%rbx,%rcx,4)
fmull (%r12)
fimuls (%rax)
fimull 0x10(%rip)
fsub %st(5),%st
fsub %st,%st(5)
fsub %st(5)
fsubp %st,%st(2)
fsubs 8(%rbx,%rcx,4)
fsubl (%r12)
fisubs (%rax)
fisubl 0x10(%rip)
fsubr %st(5),%st
fsubr %st,%st(5)
fsubr %st(5)
fsubrp %st,%st(2)
fsubrp
fsubrs 8(%rbx,%rcx,4)
fsubrl (%r12)
fisubrs (%rax)
fisubrl 0x10(%rip)
fdiv %st(5),%st
fdiv %st,%st(5)
fdiv %st(5)
fdivp %st,%st(2)
fdivp
fdivs 8(%rbx,%rcx,4)
fdivl (%r12)
fidivs (%rax)
fidivl 0x10(%rip)
fdivr %st(5),%st
fdivr %st,%st(5)
fdivr %st(5)
fdivrp %st,%st(2)
fdivrp
fdivrs 8(%rbx,%rcx,4)
fdivrl (%r12)
fidivrs (%rax)
fidivrl 0x10(%rip)
fldcw 4(%rsp)
fldenv (%r13)
fnstenv (%rax)
frstor (%rax)
fnsave (%rax)
fstcw 0x10(%rip)
fcomps (%rax)
fcompl (%rax)
ficomps (%rax)
ficompl (%rax)
fists (%rax)
fistl (%rax)
fistps (%rax)
fistpl (%rax)
fstps (%rax)
fsts (%rax)
fstl (%rax)
fstpl (%rax)
fisttpl (%rax)
fisttpll (%rax)
fildl %fs:(%rax)
fcompp
fucompp
fchs
fabs
fxam
ftst
fprem
fprem1
fsqrt
fsin
fcos
fsincos
fptan
fpatan
f2xm1
fyl2x
fyl2xp1
frndint
fscale
fxtract
fld1
fldz
fldpi
fldl2e
fldl2t
fldlg2
fldln2
fincstp
fdecstp
fnop
fninit
fnclex
fcmovnbe %st(7),%st
fcmovu %st(1),%st
fucomi %st(2),%st
fucomip %st(2),%st
fucompi %st(2),%st
fcom %st(4)
fucom %st(4)
fucomp %st(4)
fcomp %st(4)
fxsave (%rax)
fxrstor64 (%rax)
flds 0x1000
`;

const lines: string[] = [];
const folder = mkdtempSync(join(tmpdir(), 'assembler-golden-'));
try {
  for (const program of programs.split('\n').filter((line) => line !== '')) {
    const source = join(folder, 'a.s');
    const object = join(folder, 'a.o');
    const image = join(folder, 'a.elf');
    const text = join(folder, 'a.bin');
    writeFileSync(source, `${program}\n`);
    execFileSync('as', ['--64', '-o', object, source], { stdio: ['ignore', 'inherit', 'pipe'] });
    execFileSync('ld', ['-e', '0', '-Ttext=0', '-o', image, object], { stdio: ['ignore', 'ignore', 'inherit'] });
    execFileSync('objcopy', ['-O', 'binary', '-j', '.text', image, text]);
    lines.push(`${program} | ${readFileSync(text).toString('hex')}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
writeFileSync(new URL('assembler.txt', import.meta.url), `${lines.join('\n')}\n`);
