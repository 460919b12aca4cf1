#include "errors.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* the largest CONFIG_NR_CPUS */
#define MOST_CPUS 8192

/* CPUs in a list such as 0-3,8; or -EINVAL. */
static int count_cpus(const char *list) {
  int count = 0;
  const char *at = list;
  while (*at != '\0' && *at != '\n') {
    char *end;
    unsigned long first = strtoul(at, &end, 10);
    unsigned long last = first;
    if (end == at) return -EINVAL;
    at = end;
    if (*at == '-') {
      last = strtoul(at + 1, &end, 10);
      if (end == at + 1 || last < first) return -EINVAL;
      at = end;
    }
    if (last - first >= MOST_CPUS || count >= MOST_CPUS) return -EINVAL;
    count += (int)(last - first) + 1;
    if (*at == ',') at++;
    else if (*at != '\0' && *at != '\n') return -EINVAL;
  }
  return count > 0 ? count : -EINVAL;
}

int libbpf_num_possible_cpus(void) {
  static const char path[] = "/sys/devices/system/cpu/possible";
  char text[256];
  ssize_t length;
  int count;
  int error;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    error = errno;
    rex_warn("failed to open cpu mask file %s: %s", path, strerror(error));
    return rex_fail(error);
  }
  length = read(fd, text, sizeof text - 1);
  error = errno;
  close(fd);
  if (length < 0) return rex_fail(error);
  text[length] = '\0';
  count = count_cpus(text);
  return count < 0 ? rex_fail(-count) : count;
}
