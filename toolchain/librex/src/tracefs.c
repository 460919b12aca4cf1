#include "tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *rex_tracefs(void) {
  static const char debugfs[] = "/sys/kernel/debug/tracing";
  return access(debugfs, F_OK) == 0 ? debugfs : "/sys/kernel/tracing";
}

long rex_read_number(const char *path) {
  char text[32], *end;
  ssize_t count;
  long number;
  int error;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  count = read(fd, text, sizeof text - 1);
  error = errno;
  close(fd);
  if (count < 0) return -error;
  text[count] = '\0';
  errno = 0;
  number = strtol(text, &end, 10);
  if (end == text || errno != 0 || number < 0 || (*end != '\0' && *end != '\n')) return -EINVAL;
  return number;
}

int rex_append_text(const char *path, const char *text) {
  size_t size = strlen(text);
  ssize_t count;
  int error;
  int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return -errno;
  count = write(fd, text, size);
  error = errno;
  close(fd);
  if (count < 0) return -error;
  return (size_t)count == size ? 0 : -EIO;
}

long rex_tracepoint_id(const char *category, const char *name) {
  char path[512];
  int length = snprintf(path, sizeof path, "%s/events/%s/%s/id", rex_tracefs(), category, name);
  if (length < 0 || (size_t)length >= sizeof path) return -ENAMETOOLONG;
  return rex_read_number(path);
}
