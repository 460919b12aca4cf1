/* bpf links on devices. */
#include "bpf-link.h"
#include "errors.h"
#include "options.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct bpf_link *attach(const struct bpf_program *prog, int ifindex, enum bpf_attach_type type,
                               const char *what) {
  struct bpf_link *link;
  int error;
  int fd = bpf_link_create(bpf_program__fd(prog), ifindex, type, NULL);
  if (fd < 0) {
    rex_warn("prog '%s': failed to attach to %s: %s", bpf_program__name(prog), what, strerror(-fd));
    return rex_fail_pointer(-fd);
  }
  link = rex_new_link(fd);
  if (link != NULL) return link;
  error = errno;
  close(fd);
  return rex_fail_pointer(error);
}

struct bpf_link *bpf_program__attach_xdp(const struct bpf_program *prog, int ifindex) {
  return prog == NULL ? rex_fail_pointer(EINVAL) : attach(prog, ifindex, (enum bpf_attach_type)BPF_XDP, "xdp");
}

struct bpf_link *bpf_program__attach_tcx(const struct bpf_program *prog, int ifindex, const struct bpf_tcx_opts *opts) {
  unsigned int type;
  bool ordered = REX_OPTION(opts, flags, 0) != 0 || REX_OPTION(opts, relative_fd, 0) != 0 ||
                 REX_OPTION(opts, relative_id, 0) != 0 || REX_OPTION(opts, expected_revision, 0) != 0;
  if (prog == NULL || !REX_OPTIONS_VALID(opts, bpf_tcx_opts)) return rex_fail_pointer(EINVAL);
  if (ifindex == 0) {
    rex_warn("prog '%s': target netdevice ifindex cannot be zero", bpf_program__name(prog));
    return rex_fail_pointer(EINVAL);
  }
  if (ordered) {
    /* several programs on a device run in the order in which they were attached */
    rex_warn("prog '%s': failed to attach to tcx: a place among other programs cannot be chosen",
             bpf_program__name(prog));
    return rex_fail_pointer(EOPNOTSUPP);
  }
  type = bpf_program__expected_attach_type(prog);
  if (type != BPF_TCX_INGRESS && type != BPF_TCX_EGRESS) {
    rex_warn("prog '%s': failed to attach to tcx: expected attach type %u is neither ingress nor egress",
             bpf_program__name(prog), type);
    return rex_fail_pointer(EINVAL);
  }
  return attach(prog, ifindex, (enum bpf_attach_type)type, "tcx");
}
