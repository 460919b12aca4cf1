#ifndef REX_BPF_LINK_H
#define REX_BPF_LINK_H

#include <bpf/libbpf.h>

struct bpf_link {
  int fd;           /* of the bpf link, or of the perf event where the kernel makes no link */
  int perf_fd;      /* of the perf event below it; -1: none, or not ours */
  char *kprobe_event; /* name in tracefs' kprobe_events, to be removed on detach; usually NULL */
  char *pin_path;   /* NULL: not pinned */
  bool disconnected;
};

/* A link on its own fd, which it owns; NULL with errno set. */
struct bpf_link *rex_new_link(int fd);

#endif
