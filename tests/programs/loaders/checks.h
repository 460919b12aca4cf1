/* Checks of librex: results as libbpf 1.x gives them, and what it says on the way. */
#ifndef LOADERS_CHECKS_H
#define LOADERS_CHECKS_H

#include "../check.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <librex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static char said[1024]; /* the last warning */
static int warnings;

static int keep(enum libbpf_print_level level, const char *format, va_list arguments) {
  (void)level;
  warnings++;
  return vsnprintf(said, sizeof said, format, arguments);
}

/* -ERRNO, and errno the same */
#define CHECK_FAILS(call, expected)                                                                                   \
  do {                                                                                                                \
    errno = 0;                                                                                                        \
    CHECK_EQUAL((call), -(expected));                                                                                 \
    CHECK_EQUAL(errno, (expected));                                                                                   \
  } while (0)
/* NULL with errno */
#define CHECK_NULL(call, expected)                                                                                    \
  do {                                                                                                                \
    errno = 0;                                                                                                        \
    CHECK((call) == NULL);                                                                                            \
    CHECK_EQUAL(errno, (expected));                                                                                   \
  } while (0)
/* the last warning holds `text`; there is none from here on */
#define CHECK_SAID(text)                                                                                              \
  do {                                                                                                                \
    int found_ = strstr(said, (text)) != NULL;                                                                        \
    if (!found_) fprintf(stderr, "said: %s", said);                                                                   \
    CHECK_EQUAL(found_, 1);                                                                                           \
    said[0] = '\0';                                                                                                   \
  } while (0)
#define CHECK_SILENT() CHECK_EQUAL(said[0], 0)

static struct bpf_object *load_streams(void) {
  struct bpf_object *object;
  libbpf_set_print(keep);
  object = rex_obj_get_bpf(rex_obj_load("/streams.rex"));
  if (object != NULL) return object;
  fprintf(stderr, "/streams.rex could not be loaded\n");
  exit(1);
}

static inline struct bpf_program *program_named(const struct bpf_object *object, const char *name) {
  struct bpf_program *program = bpf_object__find_program_by_name(object, name);
  if (program != NULL) return program;
  fprintf(stderr, "no program is called %s\n", name);
  exit(1);
}

/* How often programs of a kind ran: RUNS of streams.rs. */
enum { TO_RINGS, LOST_EVENTS, ON_GETPID, ON_ANYTHING, ON_SAMPLE, ON_FRAME, ON_FRAME_TOO, ON_PACKET };

static inline long runs(const struct bpf_object *object, unsigned index) {
  unsigned long value = 0;
  if (bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, "RUNS"), &index, &value) < 0) return -1;
  return (long)value;
}

#endif
