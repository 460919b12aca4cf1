/* The error injector's shape: a probe on a system call, a child that tells its pid, and waiting for it. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <librex.h>

#define EXE "/streams.rex"

int main(int argc, char *argv[]) {
  struct bpf_object *obj;
  struct bpf_program *prog;
  struct bpf_link *link;
  int map_fd, status;
  pid_t child;
  LIBBPF_OPTS(bpf_ksyscall_opts, opts, .retprobe = 0);

  if (argc != 2) {
    fprintf(stderr, "Usage: %s <syscall>\n", argv[0]);
    return EXIT_FAILURE;
  }
  obj = rex_obj_get_bpf(rex_obj_load(EXE));
  if (!obj) return EXIT_FAILURE;
  map_fd = bpf_object__find_map_fd_by_name(obj, "NUMBERS");
  prog = bpf_object__find_program_by_name(obj, "on_anything");
  if (map_fd < 0 || !prog) return EXIT_FAILURE;
  link = bpf_program__attach_ksyscall(prog, argv[1], &opts);
  if (!link) {
    perror("bpf_program__attach");
    return EXIT_FAILURE;
  }
  child = fork();
  if (child == 0) {
    int pid = getpid();
    uint64_t error = (uint64_t)-EINVAL;
    if (bpf_map_update_elem(map_fd, &pid, &error, BPF_ANY) < 0) {
      perror("bpf_map_update_elem");
      exit(EXIT_FAILURE);
    }
    bpf_link__destroy(link);
    execlp("/bin/userapp", "userapp", NULL);
    exit(EXIT_FAILURE);
  }
  if (waitpid(child, &status, 0) != child) return EXIT_FAILURE;
  bpf_link__destroy(link);
  return EXIT_SUCCESS;
}
