/*
 * loader SYSCALL ERRNO: makes SYSCALL fail with ERRNO in one process, and shows that it works in another.
 * Exits with 0 when both happened, 1 when not or when the program cannot be loaded, 2 for wrong arguments.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <librex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXE "./error_injector.rex"
#define USERAPP "./userapp"
/* include/linux/err.h: MAX_ERRNO */
#define MAX_ERRNO 4095

/* exit status of userapp */
enum { CALL_WORKED = 0, CALL_FAILED = 1, NOT_RUN = 127 };

static int parse_errno(const char *text) {
  char *end;
  long number = strtol(text, &end, 10);
  return end == text || *end != '\0' || number < 1 || number > MAX_ERRNO ? -1 : (int)number;
}

/* Replaces this process; returns only to end it. */
static void run_userapp(const char *syscall_name, int injected) {
  execl(USERAPP, USERAPP, syscall_name, (char *)NULL);
  int failed_as_asked = injected != 0 && errno == injected && strcmp(syscall_name, "execve") == 0;
  perror(failed_as_asked ? syscall_name : USERAPP);
  _exit(failed_as_asked ? CALL_FAILED : NOT_RUN);
}

static void run_registered(const char *syscall_name, int injected, int map_fd, struct bpf_link *link) {
  int pid = getpid();
  __u64 value = (__u64)-injected;
  if (bpf_map_update_elem(map_fd, &pid, &value, BPF_ANY) < 0) {
    perror("loader: pid_to_errno");
    _exit(NOT_RUN);
  }
  /* the parent's copy keeps the program attached */
  close(bpf_link__fd(link));
  run_userapp(syscall_name, injected);
}

/* The child's exit status, or -1 with a message. */
static int wait_for(pid_t child) {
  int status;
  if (child < 0 || waitpid(child, &status, 0) < 0) {
    perror("loader");
    return -1;
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  fprintf(stderr, "loader: userapp killed by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return -1;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: loader SYSCALL ERRNO, such as: loader dup 22\n");
    return 2;
  }
  const char *syscall_name = argv[1];
  int injected = parse_errno(argv[2]);
  if (injected < 0) {
    fprintf(stderr, "loader: errno must be between 1 and %d, got \"%s\"\n", MAX_ERRNO, argv[2]);
    return 2;
  }

  struct rex_obj *rex = rex_obj_load(EXE);
  if (rex == NULL) {
    fprintf(stderr, "loader: cannot load %s\n", EXE);
    return 1;
  }
  struct bpf_object *object = rex_obj_get_bpf(rex);
  struct bpf_program *program = bpf_object__find_program_by_name(object, "err_injector");
  int map_fd = bpf_object__find_map_fd_by_name(object, "pid_to_errno");
  if (program == NULL || map_fd < 0) {
    fprintf(stderr, "loader: %s has no %s\n", EXE, program == NULL ? "program err_injector" : "map pid_to_errno");
    return 1;
  }
  LIBBPF_OPTS(bpf_ksyscall_opts, opts, .retprobe = false);
  struct bpf_link *link = bpf_program__attach_ksyscall(program, syscall_name, &opts);
  if (link == NULL) {
    fprintf(stderr, "loader: cannot attach to system call \"%s\"\n", syscall_name);
    return 1;
  }

  pid_t registered = fork();
  if (registered == 0) run_registered(syscall_name, injected, map_fd, link);
  int first = wait_for(registered);
  pid_t unregistered = fork();
  if (unregistered == 0) run_userapp(syscall_name, 0);
  int second = wait_for(unregistered);

  bpf_link__destroy(link);
  bpf_object__close(object);
  if (first == CALL_WORKED) fprintf(stderr, "loader: %s worked in the process it should fail in\n", syscall_name);
  if (second == CALL_FAILED) fprintf(stderr, "loader: %s failed in a process that was not chosen\n", syscall_name);
  return first == CALL_FAILED && second == CALL_WORKED ? 0 : 1;
}
