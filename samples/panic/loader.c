/*
 * loader ACTION: a program on dup panics in the way named. The kernel kills the process that loaded it and goes on:
 * the call that was probed succeeds, and the next one finds no program any more.
 *
 * Three processes: this one watches; `loading` loads the program and is killed; `userapp` waits for it, then calls dup.
 * Exits with 0 when all that happened, 1 when not or when the program cannot be loaded, 2 for wrong arguments.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <librex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXE "./panic.rex"
#define USERAPP "./userapp"

/* the numbers of main.rs */
static const struct {
  const char *name;
  __u64 number;
} actions[] = {{"none", 0}, {"index", 1}, {"unwrap", 2}, {"panic", 3}, {"divide", 4}, {"lock", 5}};

#define ACTION_COUNT (sizeof actions / sizeof actions[0])

struct channel {
  int reader, writer;
};

static struct channel open_channel(void) {
  int fds[2];
  if (pipe(fds) < 0) {
    perror("loader: pipe");
    exit(1);
  }
  return (struct channel){fds[0], fds[1]};
}

static pid_t start(void) {
  pid_t child;
  fflush(NULL);
  child = fork();
  if (child < 0) {
    perror("loader: fork");
    exit(1);
  }
  return child;
}

static int wait_for(pid_t child) {
  int status;
  if (waitpid(child, &status, 0) < 0) {
    perror("loader: waitpid");
    exit(1);
  }
  return status;
}

static void run_userapp(void) {
  execl(USERAPP, USERAPP, (char *)NULL);
  perror(USERAPP);
  _exit(127);
}

/* Blocks until the other side writes (1) or goes away (0). */
static int heard(struct channel channel) {
  char byte;
  close(channel.writer);
  return read(channel.reader, &byte, 1) == 1;
}

static int load_and_attach(pid_t userapp, __u64 action) {
  struct bpf_object *object;
  struct bpf_program *program;
  struct rex_obj *rex = rex_obj_load(EXE);
  int map_fd;
  if (rex == NULL) {
    fprintf(stderr, "loader: cannot load %s\n", EXE);
    return -1;
  }
  object = rex_obj_get_bpf(rex);
  program = bpf_object__find_program_by_name(object, "panicker");
  map_fd = bpf_object__find_map_fd_by_name(object, "pid_to_action");
  if (program == NULL || map_fd < 0) {
    fprintf(stderr, "loader: %s has no %s\n", EXE, program == NULL ? "program panicker" : "map pid_to_action");
    return -1;
  }
  if (bpf_map_update_elem(map_fd, &userapp, &action, BPF_ANY) < 0) {
    perror("loader: pid_to_action");
    return -1;
  }
  return bpf_program__attach_ksyscall(program, "dup", NULL) == NULL ? -1 : 0;
}

/* The loading process: attaches, says go, and keeps the program until it is told to stop. */
static int keep_loaded(pid_t userapp, __u64 action, struct channel go, struct channel stop) {
  close(go.reader);
  if (load_and_attach(userapp, action) < 0) return 1;
  if (write(go.writer, "g", 1) != 1) return 1;
  heard(stop);
  return 0;
}

static int check(int condition, const char *what) {
  if (!condition) fprintf(stderr, "loader: %s\n", what);
  return condition;
}

static int watch(__u64 action) {
  struct channel go = open_channel(), stop = open_channel();
  pid_t userapp, loading;
  int app_status, load_status, after_status;

  userapp = start();
  if (userapp == 0) {
    close(stop.reader);
    close(stop.writer);
    if (!heard(go)) _exit(1);
    close(go.reader);
    run_userapp();
  }
  loading = start();
  if (loading == 0) _exit(keep_loaded(userapp, action, go, stop));
  close(go.reader);
  close(go.writer);
  close(stop.reader);

  app_status = wait_for(userapp);
  close(stop.writer);
  load_status = wait_for(loading);
  if (WIFSIGNALED(load_status))
    printf("loader: killed by signal %d (%s)\n", WTERMSIG(load_status), strsignal(WTERMSIG(load_status)));
  else if (WEXITSTATUS(load_status) != 0)
    return 0;

  userapp = start();
  if (userapp == 0) run_userapp();
  after_status = wait_for(userapp);

  int killed = WIFSIGNALED(load_status) && WTERMSIG(load_status) == SIGSYS;
  return check(app_status == 0, "userapp did not survive the program") &
         check(after_status == 0, "userapp failed after the program was gone") &
         check(action == 0 ? load_status == 0 : killed,
               action == 0 ? "killed, but the program did not panic" : "not killed: the program did not panic");
}

int main(int argc, char **argv) {
  for (size_t i = 0; argc == 2 && i < ACTION_COUNT; i++)
    if (strcmp(argv[1], actions[i].name) == 0) return watch(actions[i].number) ? 0 : 1;
  fprintf(stderr, "usage: loader ACTION, one of:");
  for (size_t i = 0; i < ACTION_COUNT; i++) fprintf(stderr, " %s", actions[i].name);
  fputc('\n', stderr);
  return 2;
}
