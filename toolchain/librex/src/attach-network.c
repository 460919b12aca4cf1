/* bpf links on devices. */
#include "bpf-link.h"
#include "errors.h"
#include "options.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static struct bpf_link *attach(const struct bpf_program *prog, int ifindex, int type) {
  struct bpf_link *link;
  int error;
  int fd = bpf_link_create(bpf_program__fd(prog), ifindex, (enum bpf_attach_type)type, NULL);
  if (fd < 0) {
    rex_warn("prog '%s': failed to attach to device %d: %s", bpf_program__name(prog), ifindex, strerror(-fd));
    return rex_fail_pointer(-fd);
  }
  link = rex_new_link(fd);
  if (link != NULL) return link;
  error = errno;
  close(fd);
  return rex_fail_pointer(error);
}

struct bpf_link *bpf_program__attach_xdp(const struct bpf_program *prog, int ifindex) {
  return prog == NULL ? rex_fail_pointer(EINVAL) : attach(prog, ifindex, BPF_XDP);
}

/* `tcx/ingress` and `tcx/egress` say which; other sections cannot be attached so. */
struct bpf_link *bpf_program__attach_tcx(const struct bpf_program *prog, int ifindex, const struct bpf_tcx_opts *opts) {
  const char *section = prog == NULL ? NULL : bpf_program__section_name(prog);
  bool egress;
  if (section == NULL || ifindex == 0) return rex_fail_pointer(EINVAL);
  /* among several programs on a device there is one order here: the order of attachment */
  if (REX_OPTION(opts, flags, 0) != 0 || REX_OPTION(opts, relative_fd, 0) != 0) return rex_fail_pointer(EOPNOTSUPP);
  egress = strcmp(section, "tcx/egress") == 0 || strcmp(section, "tc/egress") == 0;
  return attach(prog, ifindex, egress ? BPF_TCX_EGRESS : BPF_TCX_INGRESS);
}
