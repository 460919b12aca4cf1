/* AVX and AVX2: kernels over 256-bit vectors, and ymm registers over signals, fork and switches; `no AVX2` without it. */
#pragma GCC target("avx2,xsave,xsavec")
#include <immintrin.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t fold(__m256i v) {
  uint64_t words[4], sum = 0;
  _mm256_storeu_si256((__m256i *)words, v);
  for (int n = 0; n < 4; n++) sum = sum * 0x9e3779b97f4a7c15u + words[n];
  return sum;
}

/* eight xorshift generators, their output mixed by shuffles, permutations, multiplications and variable shifts */
static void integers(int rounds) {
  __m256i s = _mm256_setr_epi32(1, 22, 333, 4444, 55555, 666666, 7777777, 88888888), sum = _mm256_setzero_si256();
  const __m256i order = _mm256_setr_epi32(3, 0, 7, 6, 1, 5, 2, 4);
  for (int n = 0; n < rounds; n++) {
    s = _mm256_xor_si256(s, _mm256_slli_epi32(s, 13));
    s = _mm256_xor_si256(s, _mm256_srli_epi32(s, 17));
    s = _mm256_xor_si256(s, _mm256_slli_epi32(s, 5));
    __m256i t = _mm256_permutevar8x32_epi32(_mm256_mullo_epi32(s, order), order);
    t = _mm256_add_epi32(t, _mm256_sllv_epi32(s, _mm256_and_si256(t, _mm256_set1_epi32(31))));
    t = _mm256_shuffle_epi8(t, _mm256_alignr_epi8(s, order, 7));
    sum = _mm256_add_epi64(sum, _mm256_blendv_epi8(t, _mm256_permute4x64_epi64(s, 0x4e), s));
  }
  printf("integers %016lx\n", fold(sum));
}

static void floats(int size) {
  static float a[48 * 48], b[48 * 48], c[48 * 48];
  for (int n = 0; n < size * size; n++) a[n] = (n % 17 - 8) / 3.0f, b[n] = (n % 13 + 1) * 1.4f, c[n] = 0;
  for (int i = 0; i < size; i++)
    for (int k = 0; k < size; k++) {
      __m256 x = _mm256_broadcast_ss(&a[i * size + k]);
      for (int j = 0; j < size; j += 8) {
        __m256 y = _mm256_mul_ps(x, _mm256_loadu_ps(&b[k * size + j]));
        _mm256_storeu_ps(&c[i * size + j], _mm256_add_ps(_mm256_loadu_ps(&c[i * size + j]), y));
      }
    }
  __m256d sum = _mm256_setzero_pd();
  for (int n = 0; n < size * size; n += 4) sum = _mm256_add_pd(sum, _mm256_cvtps_pd(_mm_loadu_ps(&c[n])));
  sum = _mm256_hadd_pd(sum, _mm256_permute2f128_pd(sum, sum, 1));
  __m256 roots = _mm256_sqrt_ps(_mm256_max_ps(_mm256_sub_ps(_mm256_setzero_ps(), _mm256_loadu_ps(c + size * 7 + 3)), _mm256_setzero_ps()));
  printf("floats %a %08x\n", _mm256_cvtsd_f64(sum), _mm256_movemask_ps(_mm256_cmp_ps(roots, _mm256_set1_ps(4), _CMP_GT_OQ)));
}

/* memory: the libc's functions, which choose by CPUID, and gathers and masked stores */
static void memory(void) {
  static char text[5000], copy[5000];
  unsigned sum = 0;
  for (int n = 0; n < 4999; n++) text[n] = 'a' + (n * n) % 23;
  for (int n = 0; n < 200; n++) {
    memcpy(copy + n % 33, text + n * 7 % 61, 4000 - n * 19);
    memmove(copy + 40, copy + 40 - n % 39, 3000);
    sum = sum * 31 + strlen(text + n) + (unsigned)(strchr(text + n, 'q') - text) + (memcmp(text, copy, n) > 0);
    memset(copy + n, n, 100 + n);
  }
  for (int n = 0; n < 5000; n++) sum = sum * 131 + (unsigned char)copy[n];
  int table[64], out[8];
  for (int n = 0; n < 64; n++) table[n] = n * n;
  __m256i index = _mm256_setr_epi32(5, 63, 0, 17, 32, 8, 8, 40), mask = _mm256_setr_epi32(-1, 0, -1, -1, 0, -1, -1, 0);
  memset(out, 7, sizeof out);
  _mm256_maskstore_epi32(out, mask, _mm256_i32gather_epi32(table, index, 4));
  for (int n = 0; n < 8; n++) sum = sum * 31 + out[n];
  printf("memory %08x\n", sum);
}

/* Sixteen registers filled, a system call made in between, and looked at afterwards. */
static int kept(long number, long first, long second) {
  static uint8_t before[512] __attribute__((aligned(32))), after[512] __attribute__((aligned(32)));
  int own = getpid();
  for (int n = 0; n < 512; n++) before[n] = (uint8_t)(n * 37 + number + own);
#define EACH(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7) m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)
#define LOAD(n) "vmovdqa 32*" #n "(%[before]), %%ymm" #n "\n"
#define STORE(n) "vmovdqa %%ymm" #n ", 32*" #n "(%[after])\n"
  __asm__ volatile(EACH(LOAD) "syscall\n" EACH(STORE)
                   : "+a"(number)
                   : "D"(first), "S"(second), [before] "r"(before), [after] "r"(after)
                   : "rcx", "r11", "memory", "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7", "ymm8", "ymm9",
                     "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15");
  return memcmp(before, after, 512) == 0;
}

static volatile int handled, fresh;
static void handler(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  uint8_t now[32];
  __asm__ volatile("vmovdqu %%ymm9, %0\nvpcmpeqd %%ymm0, %%ymm0, %%ymm0\nvmovdqa %%ymm0, %%ymm9\nvmovdqa %%ymm0, %%ymm15"
                   : "=m"(now) : : "ymm0", "ymm9", "ymm15");
  fresh = 1;
  for (int n = 0; n < 32; n++) fresh &= now[n] == 0;
  /* the frame has an XSAVE area that lists the upper halves */
  unsigned char *area = (unsigned char *)((ucontext_t *)context)->uc_mcontext.fpregs;
  uint32_t magic;
  uint64_t listed;
  memcpy(&magic, area + 464, 4);
  memcpy(&listed, area + 512, 8);
  handled += magic == 0x46505853 && (listed & 4) != 0;
}

enum { SYS_sched_yield = 24, SYS_getpid = 39, SYS_fork = 57, SYS_kill = 62 };

static void registers(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  printf("over a system call: %s\n", kept(SYS_getpid, 0, 0) ? "kept" : "lost");
  int over_signal = kept(SYS_kill, getpid(), SIGUSR1);
  printf("over a signal: %s, handled %d, fresh in the handler %d\n", over_signal ? "kept" : "lost", handled, fresh);
  fflush(stdout);
  pid_t parent = getpid();
  int over_fork = kept(SYS_fork, 0, 0);
  if (getpid() != parent) _exit(over_fork ? 41 : 42);
  int status = 0;
  wait(&status);
  printf("over fork: %s, in the child %d\n", over_fork ? "kept" : "lost", WEXITSTATUS(status));
  /* two processes with ymm values of their own, which yield and are preempted */
  fflush(stdout);
  pid_t child = fork();
  int good = 1;
  for (int n = 0; n < 300; n++) good &= kept(SYS_sched_yield, 0, 0);
  if (child == 0) _exit(good);
  wait(&status);
  printf("over switches: %s, in the child %d\n", good ? "kept" : "lost", WEXITSTATUS(status));
}

/* XSAVE, XSAVEC and XRSTOR of the upper halves alone */
static void saved(void) {
  static uint8_t area[4096] __attribute__((aligned(64)));
  uint8_t now[32], pattern[32];
  for (int n = 0; n < 32; n++) pattern[n] = n * 11 + 3;
  for (int kind = 0; kind < 2; kind++) {
    memset(area, 0, sizeof area);
    __asm__ volatile("vmovdqu %0, %%ymm7" : : "m"(pattern) : "ymm7");
    if (kind == 0) _xsave64(area, 4);
    else _xsavec64(area, 4);
    __asm__ volatile("vpcmpeqd %%ymm7, %%ymm7, %%ymm7" : : : "ymm7");
    _xrstor64(area, 4);
    __asm__ volatile("vmovdqu %%ymm7, %0" : "=m"(now) : : "ymm7");
    uint64_t header[2];
    memcpy(header, area + 512, 16);
    printf("%s: lower %02x, upper %s, listed %lx, form %lx\n", kind == 0 ? "xsave" : "xsavec", now[3],
           memcmp(now + 16, pattern + 16, 16) == 0 ? "restored" : "lost", header[0], header[1]);
  }
  /* a part that the header does not list becomes as after reset */
  memset(area, 0, sizeof area);
  __asm__ volatile("vmovdqu %0, %%ymm7" : : "m"(pattern) : "ymm7");
  _xrstor64(area, 4);
  __asm__ volatile("vmovdqu %%ymm7, %0" : "=m"(now) : : "ymm7");
  printf("xrstor of nothing: lower %02x, upper %02x\n", now[3], now[19]);
}

int main(int argc, char **argv) {
  int scale = argc > 1 ? atoi(argv[1]) : 1;
  if (!__builtin_cpu_supports("avx2")) {
    printf("no AVX2\n");
    return 0;
  }
  integers(2000 * scale);
  floats(scale > 1 ? 48 : 24);
  memory();
  registers();
  saved();
  return 0;
}
