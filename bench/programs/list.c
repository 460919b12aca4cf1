/* linked-list pointer chase over a shuffled ring of 32768 nodes (512 KiB) */
#include "bench.h"
static const char *bench_name = "list";
#define N 32768
struct node { struct node *next; u64 v; };
static struct node pool[N]; static u32 ord[N];
static u64 bench(long units) {
  u64 s = 17, acc = 0;
  for (int i = 0; i < N; i++) ord[i] = i;
  for (int i = N - 1; i > 0; i--) { u32 j = xs64(&s) % (i + 1), t = ord[i]; ord[i] = ord[j]; ord[j] = t; }
  for (int i = 0; i < N; i++) { pool[ord[i]].next = &pool[ord[(i + 1) % N]]; pool[i].v = xs64(&s); }
  struct node *p = pool;
  for (long u = 0; u < units * 5; u++) {
    for (int i = 0; i < N; i++) { acc += p->v; p->v ^= acc; p = p->next; }
  }
  return acc;
}
