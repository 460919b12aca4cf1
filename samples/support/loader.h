/* What the samples' loaders have in common. */
#ifndef SAMPLES_LOADER_H
#define SAMPLES_LOADER_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <librex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACE_PIPE "/sys/kernel/debug/tracing/trace_pipe"

/* The object at `path`, or the end of the loader. */
static inline struct bpf_object *load_object(const char *path) {
  struct bpf_object *object = rex_obj_get_bpf(rex_obj_load(path));
  if (object != NULL) return object;
  fprintf(stderr, "Object could not be opened\n");
  exit(1);
}

static inline struct bpf_program *find_program(const struct bpf_object *object, const char *name) {
  struct bpf_program *program = bpf_object__find_program_by_name(object, name);
  if (program != NULL) return program;
  fprintf(stderr, "Program not found: %s\n", name);
  exit(1);
}

static inline int find_map(const struct bpf_object *object, const char *name) {
  int fd = bpf_object__find_map_fd_by_name(object, name);
  if (fd >= 0) return fd;
  fprintf(stderr, "Map not found: %s\n", name);
  exit(1);
}

/* Attached as the program's section says. */
static inline struct bpf_link *attach_program(const struct bpf_program *program) {
  struct bpf_link *link = bpf_program__attach(program);
  if (link != NULL) return link;
  fprintf(stderr, "ERROR: bpf_program__attach failed\n");
  exit(1);
}

static inline void attach_all(const struct bpf_object *object) {
  struct bpf_program *program;
  bpf_object__for_each_program(program, object) attach_program(program);
}

/* Attached, and pinned at `path`: it stays when the loader has gone. */
static inline void attach_and_pin(const struct bpf_program *program, const char *path) {
  struct bpf_link *link = attach_program(program);
  if (bpf_link__pin(link, path) == 0) return;
  fprintf(stderr, "ERROR: pinning the link at %s failed: %s\n", path, strerror(errno));
  exit(1);
}

/* Every line of trace_pipe to standard output, until a signal ends the loader. */
static inline int echo_trace_pipe(void) {
  char text[4096];
  int fd = open(TRACE_PIPE, O_RDONLY);
  if (fd < 0) {
    perror(TRACE_PIPE);
    return 1;
  }
  for (;;) {
    ssize_t count = read(fd, text, sizeof text);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 1;
    if (write(STDOUT_FILENO, text, (size_t)count) != count) return 1;
  }
}

/* Sleeps until SIGINT, SIGTERM or SIGUSR1, and takes it. */
static inline void wait_for_signal(void) {
  sigset_t set;
  int number;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  sigwait(&set, &number);
}

/* A whole number from `least` to `most`, or -1. */
static inline long parse_number(const char *text, long least, long most) {
  char *end;
  long number = strtol(text, &end, 10);
  return end == text || *end != '\0' || number < least || number > most ? -1 : number;
}

#endif
