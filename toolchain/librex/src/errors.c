#include "errors.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <librex.h>
#include <stdio.h>
#include <string.h>

/* include/linux/err.h: the last page of the address space holds error pointers */
#define MAX_ERRNO 4095

static int debugging;

void rex_set_debug(int val) { debugging = val; }

int rex_debugging(void) { return debugging != 0; }

void rex_debug(const char *format, ...) {
  va_list arguments;
  if (!debugging) return;
  va_start(arguments, format);
  fputs("librex: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
}

static int print_to_stderr(enum libbpf_print_level level, const char *format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  return vfprintf(stderr, format, arguments);
}

static libbpf_print_fn_t printer = print_to_stderr;

libbpf_print_fn_t libbpf_set_print(libbpf_print_fn_t print) {
  libbpf_print_fn_t before = printer;
  printer = print;
  return before;
}

static void print_line(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printer(LIBBPF_WARN, format, arguments);
  va_end(arguments);
}

void rex_warn(const char *format, ...) {
  char line[512];
  int saved = errno;
  va_list arguments;
  if (printer == NULL) return;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  print_line("libbpf: %s\n", line);
  errno = saved;
}

int rex_fail(int error) {
  errno = error;
  return -error;
}

void *rex_fail_pointer(int error) {
  errno = error;
  return NULL;
}

long libbpf_get_error(const void *ptr) {
  unsigned long value = (unsigned long)ptr;
  if (ptr == NULL) return -errno;
  if (value < (unsigned long)-MAX_ERRNO) return 0;
  errno = (int)-(long)value;
  return (long)value;
}

int libbpf_strerror(int err, char *buf, size_t size) {
  if (buf == NULL || size == 0) return rex_fail(EINVAL);
  if (err < 0) err = -err;
  snprintf(buf, size, "%s", strerror(err));
  return strlen(strerror(err)) < size ? 0 : rex_fail(ERANGE);
}

int libbpf_set_strict_mode(enum libbpf_strict_mode mode) {
  (void)mode;
  return 0;
}
