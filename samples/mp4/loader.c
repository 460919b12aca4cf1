/*
 * loader SYSCALL ERRNO: the course's machine problem: makes SYSCALL fail with ERRNO in one child, whose pid and error
 * stand in element 0 of two arrays. Exits with 0 when the child's call failed, 1 when not, 2 for wrong arguments.
 */
#include "../support/loader.h"

#include <sys/wait.h>

#define USERAPP "./userapp"
/* include/linux/err.h */
#define MAX_ERRNO 4095

/* exit status of userapp */
enum { CALL_FAILED = 1, NOT_RUN = 127 };

static void set_target(const struct bpf_object *object, int error) {
  __u32 key = 0;
  int pid = getpid();
  __u64 value = (__u64)-error;
  if (bpf_map_update_elem(find_map(object, "target_pid"), &key, &pid, BPF_ANY) < 0 ||
      bpf_map_update_elem(find_map(object, "target_errno"), &key, &value, BPF_ANY) < 0) {
    perror("loader: bpf_map_update_elem");
    _exit(NOT_RUN);
  }
}

static int run_child(const struct bpf_object *object, const char *syscall_name, int error) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    set_target(object, error);
    execl(USERAPP, USERAPP, syscall_name, (char *)NULL);
    perror(USERAPP);
    _exit(NOT_RUN);
  }
  if (child < 0 || waitpid(child, &status, 0) < 0) {
    perror("loader");
    return 1;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == CALL_FAILED ? 0 : 1;
}

int main(int argc, char **argv) {
  LIBBPF_OPTS(bpf_ksyscall_opts, opts, .retprobe = false);
  struct bpf_object *object;
  struct bpf_link *link;
  long error = argc == 3 ? parse_number(argv[2], 1, MAX_ERRNO) : -1;
  int status;
  if (error < 0) {
    fprintf(stderr, "usage: loader SYSCALL ERRNO, with an errno from 1 to %d\n", MAX_ERRNO);
    return 2;
  }
  object = load_object("./mp4.rex");
  link = bpf_program__attach_ksyscall(find_program(object, "err_injector"), argv[1], &opts);
  if (link == NULL) {
    fprintf(stderr, "ERROR: cannot attach to system call \"%s\"\n", argv[1]);
    return 1;
  }
  status = run_child(object, argv[1], (int)error);
  bpf_link__destroy(link);
  return status;
}
