/* small bytecode VM: handlers called through a function-pointer table (indirect calls), plus switch (jump table) */
#include "bench.h"
static const char *bench_name = "vm";
struct vm { const u8 *pc; i64 *sp; i64 loc[8]; i64 st[64]; u64 steps; };
typedef void (*op)(struct vm *);
static void o_push(struct vm *m) { *m->sp++ = (signed char)*m->pc++; }
static void o_add(struct vm *m) { m->sp--; m->sp[-1] += m->sp[0]; }
static void o_sub(struct vm *m) { m->sp--; m->sp[-1] -= m->sp[0]; }
static void o_mul(struct vm *m) { m->sp--; m->sp[-1] *= m->sp[0]; }
static void o_xor(struct vm *m) { m->sp--; m->sp[-1] ^= m->sp[0]; }
static void o_ld(struct vm *m) { *m->sp++ = m->loc[*m->pc++]; }
static void o_st(struct vm *m) { m->loc[*m->pc++] = *--m->sp; }
static void o_jnz(struct vm *m) { signed char d = *m->pc++; if (*--m->sp) m->pc += d; }
static void o_halt(struct vm *m) { m->pc = 0; }
static op tab[] = { o_push, o_add, o_sub, o_mul, o_xor, o_ld, o_st, o_jnz, o_halt };
/* loc0 = counter (top byte pairs), loc1 = acc: do { acc = acc*3 + (acc ^ loc0) ; loc0 -= 1 } while (loc0) */
static const u8 code[] = { 5,1, 0,4, 3, 5,1, 5,0, 4, 1, 6,1, 5,0, 0,1, 2, 6,0, 5,0, 7,(u8)-24, 8 };
static NOINLINE u64 by_switch(const u8 *pc, i64 n, i64 seed) {
  i64 st[64], *sp = st, loc[8] = { n, seed };
  for (;;) switch (*pc++) {
    case 0: *sp++ = (signed char)*pc++; break;
    case 1: sp--; sp[-1] += sp[0]; break;
    case 2: sp--; sp[-1] -= sp[0]; break;
    case 3: sp--; sp[-1] *= sp[0]; break;
    case 4: sp--; sp[-1] ^= sp[0]; break;
    case 5: *sp++ = loc[*pc++]; break;
    case 6: loc[*pc++] = *--sp; break;
    case 7: { signed char d = *pc++; if (*--sp) pc += d; break; }
    default: return loc[1];
  }
}
static struct vm M;
static u64 bench(long units) {
  u64 acc = 1; op *volatile tv = tab;
  for (long u = 0; u < units; u++) {
    op *t = tv;
    M.pc = code; M.sp = M.st; M.loc[0] = 5000; M.loc[1] = acc;
    do t[*M.pc++](&M); while (M.pc);
    acc = M.loc[1] ^ by_switch(code, 5000, acc + 1);
  }
  return acc;
}
