#include "bpf-link.h"

#include "errors.h"
#include "kprobe-events.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int bpf_link__fd(const struct bpf_link *link) { return link == NULL ? rex_fail(EINVAL) : link->fd; }

void bpf_link__disconnect(struct bpf_link *link) {
  if (link != NULL) link->disconnected = true;
}

static int detach(struct bpf_link *link) {
  int status = 0;
  if (link->perf_fd >= 0 && ioctl(link->perf_fd, PERF_EVENT_IOC_DISABLE, 0) < 0) status = -errno;
  if (link->fd != link->perf_fd) close(link->fd);
  if (link->perf_fd >= 0) close(link->perf_fd);
  /* the kernel keeps a kprobe event busy while a perf event of it is open */
  if (link->kprobe_event != NULL) rex_remove_kprobe_event(link->kprobe_event);
  return status;
}

int bpf_link__destroy(struct bpf_link *link) {
  int status = 0;
  if (link == NULL) return 0;
  if (!link->disconnected) status = detach(link);
  free(link->kprobe_event);
  free(link->pin_path);
  free(link);
  return status < 0 ? rex_fail(-status) : 0;
}

struct bpf_link *rex_new_link(int fd) {
  struct bpf_link *link = calloc(1, sizeof *link);
  if (link == NULL) return NULL;
  link->fd = fd;
  link->perf_fd = -1;
  return link;
}
