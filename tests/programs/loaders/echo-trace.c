/* The commonest loader: attach by section, then copy trace_pipe to standard output byte by byte. */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/unistd.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf.h>
#include <libbpf.h>
#include <librex.h>

#define EXE "/streams.rex"

int main(void) {
  struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  struct bpf_object *obj;
  struct bpf_program *prog;
  struct bpf_link *link = NULL;
  int trace_pipe_fd;
  char c;

  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
  rex_set_debug(1);
  obj = rex_obj_get_bpf(rex_obj_load(EXE));
  if (!obj) {
    fprintf(stderr, "Object could not be opened\n");
    return 1;
  }
  prog = bpf_object__find_program_by_name(obj, "to_rings");
  if (!prog) {
    fprintf(stderr, "Program not found\n");
    return 1;
  }
  link = bpf_program__attach(prog);
  if (libbpf_get_error(link)) {
    fprintf(stderr, "ERROR: bpf_program__attach failed\n");
    link = NULL;
    return 1;
  }
  trace_pipe_fd = openat(AT_FDCWD, "/sys/kernel/debug/tracing/trace_pipe", O_RDONLY);
  while (trace_pipe_fd >= 0 && read(trace_pipe_fd, &c, 1) == 1) putchar(c);
  bpf_link__destroy(link);
  return 0;
}
