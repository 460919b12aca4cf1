/* loader IFINDEX: puts the program on a device and ends; an attachment by netlink has no owner, so the program stays. */
#include "../support/loader.h"

#include <linux/if_link.h>

int main(int argc, char **argv) {
  long ifindex = argc == 2 ? parse_number(argv[1], 1, 0x7fffffff) : -1;
  struct bpf_object *object;
  if (ifindex < 0) {
    fprintf(stderr, "usage: loader IFINDEX\n");
    return 2;
  }
  object = load_object("./spinlock_cleanup_benchmark.rex");
  if (bpf_xdp_attach((int)ifindex, bpf_program__fd(bpf_object__next_program(object, NULL)), XDP_FLAGS_DRV_MODE, NULL) < 0) {
    fprintf(stderr, "ERROR: bpf_xdp_attach failed on device %ld: %s\n", ifindex, strerror(errno));
    return 1;
  }
  return 0;
}
