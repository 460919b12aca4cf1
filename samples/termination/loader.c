/*
 * loader ACTION [LOCKS [keep|pin]]: a program on dup that does not end by itself: it loops, in its own code or in helpers, or
 * it recurses, holding LOCKS locks meanwhile. The kernel ends it and kills the process that loaded it; dup succeeds.
 *
 * Three children: `loading` loads the program and is killed; two userapps, which the program knows by pid, call dup, the
 * second when `loading` is gone. Then there is no program any more, unless its link is pinned: then it is ended again.
 * Exits with 0 when all that happened, 1 when not or when the program cannot be loaded, 2 for wrong arguments.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <librex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXE "./termination.rex"
#define USERAPP "./userapp"
#define PIN "/sys/fs/bpf/termination"
#define SIGNAL_OF_REX 31 /* SIGSYS */

/* the numbers of main.rs */
static const struct {
  const char *name;
  __u64 number;
} actions[] = {{"none", 0}, {"loop", 1}, {"helper-loop", 2}, {"overflow", 3}, {"panic", 4}, {"message", 5}};

#define ACTION_COUNT (sizeof actions / sizeof actions[0])

static void die(const char *what) {
  perror(what);
  exit(1);
}

static pid_t start(void) {
  pid_t child;
  fflush(NULL);
  child = fork();
  if (child < 0) die("loader: fork");
  return child;
}

static int wait_for(pid_t child) {
  int status;
  if (waitpid(child, &status, 0) < 0) die("loader: waitpid");
  return status;
}

/* The loading process: keeps what it has attached until `stop` is closed. */
static int load(const pid_t userapps[2], __u64 request, int pin, int go, int stop) {
  struct rex_obj *rex = rex_obj_load(EXE);
  struct bpf_object *object = rex == NULL ? NULL : rex_obj_get_bpf(rex);
  struct bpf_program *program = object == NULL ? NULL : bpf_object__find_program_by_name(object, "endless");
  int map_fd = object == NULL ? -1 : bpf_object__find_map_fd_by_name(object, "pid_to_action");
  struct bpf_link *link;
  char byte;
  if (program == NULL || map_fd < 0 || bpf_map_update_elem(map_fd, &userapps[0], &request, BPF_ANY) < 0 ||
      bpf_map_update_elem(map_fd, &userapps[1], &request, BPF_ANY) < 0 ||
      (link = bpf_program__attach_ksyscall(program, "dup", NULL)) == NULL || (pin && bpf_link__pin(link, PIN) != 0)) {
    fprintf(stderr, "loader: cannot load and attach %s\n", EXE);
    return 1;
  }
  if (write(go, "g", 1) != 1) return 1;
  close(go);
  return read(stop, &byte, 1) != 0;
}

/* Becomes userapp when `go` says so. */
static int call_dup(int go) {
  char byte;
  if (read(go, &byte, 1) != 1) return 1;
  execl(USERAPP, USERAPP, (char *)NULL);
  perror(USERAPP);
  return 127;
}

static pid_t start_userapp(int go[2]) {
  pid_t userapp;
  if (pipe(go) < 0) die("loader: pipe");
  userapp = start();
  if (userapp != 0) return userapp;
  close(go[1]);
  _exit(call_dup(go[0]));
}

static int watch(__u64 request, int pin, int ends) {
  int go[2], again[2], stop[2], first_status, load_status, second_status;
  pid_t userapps[2], loading;
  userapps[0] = start_userapp(go);
  userapps[1] = start_userapp(again);
  if (pipe(stop) < 0) die("loader: pipe");

  loading = start();
  if (loading == 0) {
    close(stop[1]);
    _exit(load(userapps, request, pin, go[1], stop[0]));
  }
  close(go[1]);
  first_status = wait_for(userapps[0]);
  close(stop[1]);
  load_status = wait_for(loading);
  if (WIFSIGNALED(load_status))
    printf("loader: killed by signal %d (%s)\n", WTERMSIG(load_status), strsignal(WTERMSIG(load_status)));
  if (write(again[1], "g", 1) != 1) die("loader: write");
  second_status = wait_for(userapps[1]);

  if (first_status != 0 || second_status != 0) fprintf(stderr, "loader: userapp did not survive the program\n");
  return first_status == 0 && second_status == 0 &&
         (ends ? load_status == 0 : WIFSIGNALED(load_status) && WTERMSIG(load_status) == SIGNAL_OF_REX);
}

int main(int argc, char **argv) {
  unsigned long locks = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
  int pin = argc == 4 && strcmp(argv[3], "pin") == 0;
  for (size_t i = 0; argc >= 2 && argc <= 4 && i < ACTION_COUNT; i++)
    if (strcmp(argv[1], actions[i].name) == 0) return watch(actions[i].number | locks << 8, pin, i == 0) ? 0 : 1;
  fprintf(stderr, "usage: loader ACTION [LOCKS [keep|pin]], ACTION one of:");
  for (size_t i = 0; i < ACTION_COUNT; i++) fprintf(stderr, " %s", actions[i].name);
  fputc('\n', stderr);
  return 2;
}
