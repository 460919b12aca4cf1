/*
 * loader lock|nolock [CALLS]: two processes make so many calls (50) of getpid each; a program counts them all in one
 * counter, under a lock or without. Exits with 0 when none was lost, 1 when one was, 2 for wrong arguments.
 */
#include "../support/loader.h"

#include <sys/syscall.h>
#include <sys/wait.h>

enum { PROCESSES = 2 };

/* struct Counter of the program */
struct counter {
  __u64 count;
  struct bpf_spin_lock lock;
};

/* Waits for a byte of the pipe, so that all begin together, then calls. */
static void call(int map, __u64 locked, long calls, int start) {
  int pid = getpid();
  char byte;
  if (bpf_map_update_elem(map, &pid, &locked, BPF_ANY) < 0 || read(start, &byte, 1) != 1) _exit(1);
  for (long n = 0; n < calls; n++) syscall(SYS_getpid);
  _exit(0);
}

static int run(const struct bpf_object *object, __u64 locked, long calls) {
  int start[2];
  int failed = 0;
  if (pipe(start) < 0) return 1;
  for (int n = 0; n < PROCESSES; n++) {
    pid_t child = fork();
    if (child == 0) call(find_map(object, "pid_to_locked"), locked, calls, start[0]);
    failed |= child < 0;
  }
  if (write(start[1], "!!", PROCESSES) != PROCESSES) return 1;
  for (int n = 0; n < PROCESSES; n++) {
    int status = 1;
    if (wait(&status) < 0 || status != 0) failed = 1;
  }
  return failed;
}

int main(int argc, char **argv) {
  LIBBPF_OPTS(bpf_ksyscall_opts, opts);
  long calls = argc == 3 ? parse_number(argv[2], 1, 1000000) : 50;
  bool locked = argc > 1 && strcmp(argv[1], "lock") == 0;
  struct bpf_object *object;
  struct counter counter;
  __u32 key = 0;
  if (argc < 2 || argc > 3 || calls < 0 || (!locked && strcmp(argv[1], "nolock") != 0)) {
    fprintf(stderr, "usage: loader lock|nolock [CALLS]\n");
    return 2;
  }
  object = load_object("./contention.rex");
  if (bpf_program__attach_ksyscall(find_program(object, "count_call"), "getpid", &opts) == NULL) return 1;
  if (run(object, locked, calls) != 0 || bpf_map_lookup_elem(find_map(object, "counter"), &key, &counter) < 0) {
    fprintf(stderr, "loader: the calls could not be made\n");
    return 1;
  }
  printf("%llu of %ld calls counted\n", counter.count, PROCESSES * calls);
  return counter.count == (__u64)(PROCESSES * calls) ? 0 : 1;
}
