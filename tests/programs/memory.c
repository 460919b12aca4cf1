/* memory: brk, mmap, munmap and mprotect, with the faults they promise; then malloc under load. */
#include "check.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L

static void touch(volatile char *address) { *address += 1; }

static void look(volatile char *address) { (void)*address; }

/* The signal that `access` dies of in a child; 0 if it works. */
static int signal_of(void (*access)(volatile char *), char *address) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    access(address);
    _exit(0);
  }
  return waitpid(child, &status, 0) == child && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int is_zero(const char *bytes, long size) {
  for (long i = 0; i < size; i++)
    if (bytes[i] != 0) return 0;
  return 1;
}

static char *map(long size, int protection) {
  return mmap(NULL, (size_t)size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void check_brk(void) {
  char *start = (char *)syscall(SYS_brk, 0);
  char *page = (char *)(((uintptr_t)start + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
  CHECK(start != NULL);
  CHECK_EQUAL(syscall(SYS_brk, page + 3 * PAGE), (long)(page + 3 * PAGE));
  CHECK(is_zero(page, 3 * PAGE));
  memset(page, 7, 3 * PAGE);
  CHECK_EQUAL(syscall(SYS_brk, page + PAGE), (long)(page + PAGE));
  CHECK_EQUAL(page[0], 7);
  CHECK_EQUAL(signal_of(look, page + PAGE), SIGSEGV);
  CHECK_EQUAL(syscall(SYS_brk, page + 2 * PAGE), (long)(page + 2 * PAGE));
  CHECK(is_zero(page + PAGE, PAGE));
  /* an impossible break leaves it where it was */
  CHECK_EQUAL(syscall(SYS_brk, 16), (long)(page + 2 * PAGE));
  CHECK_EQUAL(syscall(SYS_brk, start), (long)start);
}

static void check_mmap(void) {
  char *a = map(4 * PAGE, PROT_READ | PROT_WRITE);
  CHECK(a != MAP_FAILED);
  CHECK_EQUAL((uintptr_t)a % PAGE, 0);
  CHECK(is_zero(a, 4 * PAGE));
  for (int i = 0; i < 4; i++) a[i * PAGE] = (char)(i + 1);
  CHECK_EQUAL(munmap(a + PAGE, PAGE), 0);
  CHECK(a[0] == 1 && a[2 * PAGE] == 3 && a[3 * PAGE] == 4);
  CHECK_EQUAL(signal_of(look, a + PAGE), SIGSEGV);
  char *hole = mmap(a + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  CHECK(hole == a + PAGE);
  CHECK(is_zero(hole, PAGE));
  /* MAP_FIXED replaces what is there */
  CHECK(mmap(a, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == a);
  CHECK_EQUAL(a[0], 0);
  CHECK_EQUAL(munmap(a, 4 * PAGE), 0);
  CHECK_EQUAL(munmap(a, 4 * PAGE), 0);
  CHECK_EQUAL(signal_of(look, a), SIGSEGV);

  CHECK_ERRNO(syscall(SYS_mmap, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
  CHECK_ERRNO(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
  CHECK_ERRNO(syscall(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
  CHECK_ERRNO(syscall(SYS_mmap, 0, 1UL << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
  CHECK_ERRNO(syscall(SYS_mmap, 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
  CHECK_ERRNO(syscall(SYS_munmap, 1, PAGE), EINVAL);
  CHECK_ERRNO(syscall(SYS_munmap, a, 0), EINVAL);
}

static void check_mprotect(void) {
  char *a = map(3 * PAGE, PROT_READ | PROT_WRITE);
  CHECK(a != MAP_FAILED);
  memset(a, 5, 3 * PAGE);
  CHECK_EQUAL(mprotect(a + PAGE, PAGE, PROT_READ), 0);
  CHECK_EQUAL(a[PAGE], 5);
  CHECK_EQUAL(signal_of(touch, a + PAGE), SIGSEGV);
  CHECK_EQUAL(signal_of(touch, a), 0);
  CHECK_EQUAL(signal_of(touch, a + 2 * PAGE), 0);
  CHECK_EQUAL(mprotect(a, PAGE, PROT_NONE), 0);
  CHECK_EQUAL(signal_of(look, a), SIGSEGV);
  CHECK_EQUAL(mprotect(a, 3 * PAGE, PROT_READ | PROT_WRITE), 0);
  CHECK(a[0] == 5 && a[PAGE] == 5 && a[2 * PAGE] == 5);
  CHECK_EQUAL(signal_of(touch, a), 0);

  /* mov $42, %eax; ret: not before the page is executable */
  static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
  memcpy(a, code, sizeof code);
  CHECK_EQUAL(mprotect(a, PAGE, PROT_READ | PROT_EXEC), 0);
  CHECK_EQUAL(((int (*)(void))(uintptr_t)a)(), 42);
  CHECK_EQUAL(signal_of(touch, a), SIGSEGV);

  /* musl's mprotect rounds the address itself */
  CHECK_ERRNO(syscall(SYS_mprotect, a + 1, PAGE, PROT_READ), EINVAL);
  CHECK_EQUAL(munmap(a + PAGE, PAGE), 0);
  CHECK_ERRNO(mprotect(a, 3 * PAGE, PROT_READ), ENOMEM);
  CHECK_EQUAL(munmap(a, 3 * PAGE), 0);
}

/* system calls check user pointers instead of dying of them */
static void check_user_pointers(void) {
  int fds[2];
  char *none = map(2 * PAGE, PROT_READ | PROT_WRITE);
  CHECK_EQUAL(mprotect(none + PAGE, PAGE, PROT_NONE), 0);
  CHECK_EQUAL(pipe(fds), 0);
  CHECK_ERRNO(syscall(SYS_write, fds[1], none + PAGE, 1), EFAULT);
  CHECK_ERRNO(syscall(SYS_write, fds[1], 0xffffffff81000000UL, 1), EFAULT);
  CHECK_ERRNO(syscall(SYS_pipe, 8), EFAULT);
  CHECK_EQUAL(write(fds[1], "ab", 2), 2);
  CHECK_ERRNO(syscall(SYS_read, fds[0], none + PAGE, 1), EFAULT);
  close(fds[0]);
  close(fds[1]);
  munmap(none, 2 * PAGE);
}

static unsigned int random_state = 1;

static unsigned int random_number(void) {
  random_state = random_state * 1664525u + 1013904223u;
  return random_state >> 8;
}

static void check_malloc(void) {
  enum { SLOTS = 128, ROUNDS = 3000 };
  static unsigned char *slots[SLOTS];
  static size_t sizes[SLOTS];
  int damaged = 0, refused = 0;
  for (int round = 0; round < ROUNDS; round++) {
    unsigned int slot = random_number() % SLOTS;
    unsigned char mark = (unsigned char)(slot + 1);
    if (slots[slot] != NULL) {
      damaged += slots[slot][0] != mark || slots[slot][sizes[slot] - 1] != mark;
      free(slots[slot]);
    }
    /* now and then one large enough to come from mmap */
    sizes[slot] = round % 100 == 0 ? 200000 : 1 + random_number() % 2000;
    slots[slot] = malloc(sizes[slot]);
    refused += slots[slot] == NULL;
    if (slots[slot] != NULL) memset(slots[slot], mark, sizes[slot]);
  }
  for (int slot = 0; slot < SLOTS; slot++) free(slots[slot]);
  CHECK_EQUAL(damaged, 0);
  CHECK_EQUAL(refused, 0);
  char *grown = malloc(10);
  strcpy(grown, "keep me");
  grown = realloc(grown, 300000);
  CHECK(grown != NULL && strcmp(grown, "keep me") == 0);
  free(grown);
  char *clean = calloc(1000, 100);
  CHECK(clean != NULL && is_zero(clean, 100000));
  free(clean);
}

int main(void) {
  check_brk();
  check_mmap();
  check_mprotect();
  check_user_pointers();
  check_malloc();
  return finish();
}
