/* cow: after fork, what one process writes to data, stack, heap or a private mapping the other never sees. */
#include "check.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 16
#define PAGE 4096

static int initialised = 1;
static int zeroed;
static char big[PAGES * PAGE];

struct view {
  int *stack;
  char *heap, *private, *shared;
};

static int all(const char *bytes, char value) {
  for (int page = 0; page < PAGES; page++)
    if (bytes[page * PAGE] != value || bytes[page * PAGE + PAGE - 1] != value) return 0;
  return 1;
}

static int is(const struct view *v, char value) {
  return initialised == value && zeroed == value - 1 && *v->stack == value && all(big, value) && all(v->heap, value) &&
         all(v->private, value);
}

static void set(const struct view *v, char value) {
  initialised = value;
  zeroed = value - 1;
  *v->stack = value;
  memset(big, value, sizeof big);
  memset(v->heap, value, PAGES * PAGE);
  memset(v->private, value, PAGES * PAGE);
}

static char *map(int flags) {
  return mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
}

static int exit_status(pid_t child) {
  int status;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The child writes while the parent sleeps, and the other way round, in lock step through two pipes. */
static void check_both_directions(const struct view *v) {
  int to_child[2], to_parent[2];
  char byte = 0;
  CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
  set(v, 1);
  pid_t child = fork();
  if (child == 0) {
    int good = is(v, 1);
    set(v, 2);
    v->shared[0] = 2;
    good &= write(to_parent[1], &byte, 1) == 1 && read(to_child[0], &byte, 1) == 1;
    good &= is(v, 2) && v->shared[0] == 3;
    set(v, 4);
    _exit(good ? 0 : 1);
  }
  CHECK_EQUAL(read(to_parent[0], &byte, 1), 1);
  CHECK(is(v, 1));
  CHECK_EQUAL(v->shared[0], 2);
  set(v, 3);
  v->shared[0] = 3;
  CHECK_EQUAL(write(to_child[1], &byte, 1), 1);
  CHECK_EQUAL(exit_status(child), 0);
  CHECK(is(v, 3));
}

/* Three generations that share the same pages. */
static void check_grandchild(const struct view *v) {
  set(v, 5);
  pid_t child = fork();
  if (child == 0) {
    pid_t grandchild = fork();
    if (grandchild == 0) {
      set(v, 6);
      _exit(is(v, 6) ? 0 : 1);
    }
    int good = exit_status(grandchild) == 0 && is(v, 5);
    set(v, 7);
    _exit(good && is(v, 7) ? 0 : 1);
  }
  CHECK_EQUAL(exit_status(child), 0);
  CHECK(is(v, 5));
}

/* The kernel writes into shared pages too: read(2) must copy them first. */
static void check_kernel_writes(const struct view *v) {
  int fds[2];
  CHECK_EQUAL(pipe(fds), 0);
  set(v, 8);
  pid_t child = fork();
  if (child == 0) {
    char nine = 9;
    int good = write(fds[1], &nine, 1) == 1 && read(fds[0], v->heap, 1) == 1;
    _exit(good && v->heap[0] == 9 ? 0 : 1);
  }
  CHECK_EQUAL(exit_status(child), 0);
  CHECK(is(v, 8));
}

int main(void) {
  int stack = 0;
  struct view v = {&stack, malloc(PAGES * PAGE), map(MAP_PRIVATE), map(MAP_SHARED)};
  CHECK(v.heap != NULL && v.private != MAP_FAILED && v.shared != MAP_FAILED);
  check_both_directions(&v);
  check_grandchild(&v);
  check_kernel_writes(&v);
  return finish();
}
