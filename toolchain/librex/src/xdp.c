/* XDP programs on devices, over netlink: such an attachment has no owner and outlives the loader. */
#include "errors.h"
#include "netlink.h"
#include "options.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

static int set_xdp(int ifindex, int fd, __u32 flags, const int *expected) {
  struct rex_request request;
  struct ifinfomsg *link = rex_request_begin(&request, RTM_SETLINK, NLM_F_ACK, sizeof *link);
  struct nlattr *nested;
  int status;
  link->ifi_index = ifindex;
  nested = rex_request_begin_nested(&request, IFLA_XDP);
  if (nested == NULL) return -EMSGSIZE;
  status = rex_request_add(&request, IFLA_XDP_FD, &fd, sizeof fd);
  if (status == 0 && flags != 0) status = rex_request_add(&request, IFLA_XDP_FLAGS, &flags, sizeof flags);
  if (status == 0 && expected != NULL)
    status = rex_request_add(&request, IFLA_XDP_EXPECTED_FD, expected, sizeof *expected);
  if (status < 0) return status;
  rex_request_end_nested(&request, nested);
  return rex_request_send(&request, NULL, NULL);
}

int bpf_xdp_attach(int ifindex, int prog_fd, __u32 flags, const struct bpf_xdp_attach_opts *opts) {
  int expected = REX_OPTION(opts, old_prog_fd, 0);
  int status;
  if (!REX_OPTIONS_VALID(opts, bpf_xdp_attach_opts)) return rex_fail(EINVAL);
  if (expected != 0) flags |= XDP_FLAGS_REPLACE;
  else expected = -1; /* no program must be there */
  status = set_xdp(ifindex, prog_fd, flags, (flags & XDP_FLAGS_REPLACE) != 0 ? &expected : NULL);
  return status < 0 ? rex_fail(-status) : 0;
}

int bpf_xdp_detach(int ifindex, __u32 flags, const struct bpf_xdp_attach_opts *opts) {
  return bpf_xdp_attach(ifindex, -1, flags, opts);
}

struct query {
  int ifindex;
  struct bpf_xdp_query_opts found;
};

static int note_link(const struct nlmsghdr *message, void *context) {
  struct query *query = context;
  const struct ifinfomsg *link = NLMSG_DATA(message);
  const size_t header = NLMSG_SPACE(sizeof *link);
  const struct nlattr *xdp, *field;
  const unsigned char *nested;
  size_t size;
  if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < header) return 0;
  if (link->ifi_index != query->ifindex) return 0;
  xdp = rex_attribute((const unsigned char *)message + header, message->nlmsg_len - header, IFLA_XDP);
  if (xdp == NULL) return 0;
  nested = (const unsigned char *)xdp + NLA_HDRLEN;
  size = (size_t)(xdp->nla_len - NLA_HDRLEN);
  field = rex_attribute(nested, size, IFLA_XDP_ATTACHED);
  if (field != NULL && field->nla_len > NLA_HDRLEN) query->found.attach_mode = *((const unsigned char *)field + NLA_HDRLEN);
  if ((field = rex_attribute(nested, size, IFLA_XDP_PROG_ID)) != NULL) query->found.prog_id = rex_attribute_u32(field);
  if ((field = rex_attribute(nested, size, IFLA_XDP_DRV_PROG_ID)) != NULL)
    query->found.drv_prog_id = rex_attribute_u32(field);
  if ((field = rex_attribute(nested, size, IFLA_XDP_SKB_PROG_ID)) != NULL)
    query->found.skb_prog_id = rex_attribute_u32(field);
  if ((field = rex_attribute(nested, size, IFLA_XDP_HW_PROG_ID)) != NULL)
    query->found.hw_prog_id = rex_attribute_u32(field);
  return 0;
}

int bpf_xdp_query(int ifindex, int flags, struct bpf_xdp_query_opts *opts) {
  struct rex_request request;
  struct query query = {.ifindex = ifindex};
  int modes = flags & (int)XDP_FLAGS_MODES;
  int status;
  if (opts == NULL || !REX_OPTIONS_VALID(opts, bpf_xdp_query_opts)) return rex_fail(EINVAL);
  if ((flags & ~(int)XDP_FLAGS_MASK) != 0 || (modes & (modes - 1)) != 0) return rex_fail(EINVAL);
  rex_request_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
  status = rex_request_send(&request, note_link, &query);
  if (status < 0) return rex_fail(-status);
  REX_SET_OPTION(opts, prog_id, query.found.prog_id);
  REX_SET_OPTION(opts, drv_prog_id, query.found.drv_prog_id);
  REX_SET_OPTION(opts, hw_prog_id, query.found.hw_prog_id);
  REX_SET_OPTION(opts, skb_prog_id, query.found.skb_prog_id);
  REX_SET_OPTION(opts, attach_mode, query.found.attach_mode);
  return 0;
}

int bpf_xdp_query_id(int ifindex, int flags, __u32 *prog_id) {
  LIBBPF_OPTS(bpf_xdp_query_opts, opts);
  int status = prog_id == NULL ? rex_fail(EINVAL) : bpf_xdp_query(ifindex, flags, &opts);
  if (status < 0) return status;
  if ((flags & (int)XDP_FLAGS_DRV_MODE) != 0) *prog_id = opts.drv_prog_id;
  else if ((flags & (int)XDP_FLAGS_SKB_MODE) != 0) *prog_id = opts.skb_prog_id;
  else if ((flags & (int)XDP_FLAGS_HW_MODE) != 0) *prog_id = opts.hw_prog_id;
  else *prog_id = opts.attach_mode == XDP_ATTACHED_MULTI ? 0 : opts.prog_id;
  return 0;
}
