/*
 * The part of iproute2's tc that the samples need:
 *   tc qdisc add|del dev DEVICE clsact
 *   tc filter add dev DEVICE ingress|egress bpf [direct-action] object-pinned PATH
 *   tc filter del dev DEVICE ingress|egress
 */
#include "loader.h"

#include <net/if.h>

static int usage(void) {
  fprintf(stderr, "usage: tc qdisc add|del dev DEVICE clsact\n"
                  "       tc filter add dev DEVICE ingress|egress bpf [direct-action] object-pinned PATH\n"
                  "       tc filter del dev DEVICE ingress|egress\n");
  return 2;
}

static int report(const char *what, int status) {
  if (status >= 0) return 0;
  fprintf(stderr, "tc: %s: %s\n", what, strerror(-status));
  return 1;
}

static int change_qdisc(struct bpf_tc_hook *hook, bool add) {
  hook->attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
  return report("qdisc", add ? bpf_tc_hook_create(hook) : bpf_tc_hook_destroy(hook));
}

static int add_filter(const struct bpf_tc_hook *hook, const char *path) {
  LIBBPF_OPTS(bpf_tc_opts, opts);
  opts.prog_fd = bpf_obj_get(path);
  if (opts.prog_fd < 0) return report(path, opts.prog_fd);
  return report("filter", bpf_tc_attach(hook, &opts));
}

static int delete_filters(const struct bpf_tc_hook *hook) {
  LIBBPF_OPTS(bpf_tc_opts, opts);
  return report("filter", bpf_tc_detach(hook, &opts));
}

static bool same(const char *left, const char *right) { return strcmp(left, right) == 0; }

int main(int argc, char **argv) {
  LIBBPF_OPTS(bpf_tc_hook, hook);
  bool add;
  if (argc < 6 || !same(argv[3], "dev")) return usage();
  add = same(argv[2], "add");
  if (!add && !same(argv[2], "del")) return usage();
  hook.ifindex = (int)if_nametoindex(argv[4]);
  if (hook.ifindex == 0) return report(argv[4], -ENODEV);
  if (same(argv[1], "qdisc") && argc == 6 && same(argv[5], "clsact")) return change_qdisc(&hook, add);
  if (!same(argv[1], "filter")) return usage();
  if (same(argv[5], "ingress")) hook.attach_point = BPF_TC_INGRESS;
  else if (same(argv[5], "egress")) hook.attach_point = BPF_TC_EGRESS;
  else return usage();
  if (!add) return argc == 6 ? delete_filters(&hook) : usage();
  if (argc < 9 || !same(argv[6], "bpf") || !same(argv[argc - 2], "object-pinned")) return usage();
  if (argc > 10 || (argc == 10 && !same(argv[7], "direct-action"))) return usage();
  return add_filter(&hook, argv[argc - 1]);
}
