#ifndef REX_BPF_LINK_H
#define REX_BPF_LINK_H

#include <bpf/libbpf.h>

struct bpf_link {
  int fd;           /* of the bpf link, or of the perf event where the kernel makes no link */
  int perf_fd;
  char *kprobe_event; /* name in tracefs' kprobe_events, to be removed on detach; usually NULL */
  bool disconnected;
};

#endif
