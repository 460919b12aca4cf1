/* The clsact queueing discipline and programs on it, over netlink. */
#include "errors.h"
#include "netlink.h"
#include "options.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#define BOTH (BPF_TC_INGRESS | BPF_TC_EGRESS)

static int result(int status) { return status < 0 ? rex_fail(-status) : 0; }

static int check_hook(const struct bpf_tc_hook *hook) {
  return hook != NULL && REX_OPTIONS_VALID(hook, bpf_tc_hook) && REX_OPTION(hook, ifindex, 0) > 0 ? 0 : -EINVAL;
}

/* tcm_parent of a hook with one direction. EINVAL. */
static int parent_of(const struct bpf_tc_hook *hook, __u32 *parent) {
  __u32 given = REX_OPTION(hook, parent, 0);
  __u32 point = REX_OPTION(hook, attach_point, 0);
  if (point == BPF_TC_INGRESS) *parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
  else if (point == BPF_TC_EGRESS) *parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
  else if (point == BPF_TC_CUSTOM && given != 0) *parent = given;
  else return -EINVAL;
  return given != 0 && given != *parent ? -EINVAL : 0;
}

static int change_qdisc(const struct bpf_tc_hook *hook, int type, int flags) {
  static const char kind[] = "clsact";
  struct rex_request request;
  struct tcmsg *message = rex_request_begin(&request, type, NLM_F_ACK | flags, sizeof *message);
  int status;
  message->tcm_ifindex = hook->ifindex;
  message->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  message->tcm_parent = TC_H_CLSACT;
  status = rex_request_add(&request, TCA_KIND, kind, sizeof kind);
  return status < 0 ? status : rex_request_send(&request, NULL, NULL);
}

int bpf_tc_hook_create(struct bpf_tc_hook *hook) {
  __u32 point = REX_OPTION(hook, attach_point, 0);
  int status = check_hook(hook);
  if (status == 0 && point == BPF_TC_CUSTOM) status = -EOPNOTSUPP;
  if (status == 0 && (point == 0 || (point & ~(__u32)BOTH) != 0 || REX_OPTION(hook, parent, 0) != 0)) status = -EINVAL;
  return result(status < 0 ? status : change_qdisc(hook, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL));
}

static struct tcmsg *begin_filter(struct rex_request *request, const struct bpf_tc_hook *hook, int type, int flags,
                                  __u32 parent) {
  struct tcmsg *message = rex_request_begin(request, type, NLM_F_ACK | flags, sizeof *message);
  message->tcm_ifindex = hook->ifindex;
  message->tcm_parent = parent;
  return message;
}

/* Every filter of the hook; the kernel wants no kind and no protocol then. */
static int flush(const struct bpf_tc_hook *hook) {
  struct rex_request request;
  __u32 parent;
  int status = parent_of(hook, &parent);
  if (status < 0) return status;
  begin_filter(&request, hook, RTM_DELTFILTER, 0, parent);
  return rex_request_send(&request, NULL, NULL);
}

int bpf_tc_hook_destroy(struct bpf_tc_hook *hook) {
  int status = check_hook(hook);
  if (status < 0) return result(status);
  if (hook->attach_point == BOTH) return result(change_qdisc(hook, RTM_DELQDISC, 0));
  return result(hook->attach_point == BPF_TC_CUSTOM ? -EOPNOTSUPP : flush(hook));
}

struct reply {
  struct bpf_tc_opts *opts;
  bool seen;
};

static int note_filter(const struct nlmsghdr *message, void *context) {
  struct reply *reply = context;
  const struct tcmsg *filter = NLMSG_DATA(message);
  const size_t header = NLMSG_SPACE(sizeof *filter);
  const struct nlattr *options, *id;
  if (message->nlmsg_type != RTM_NEWTFILTER || message->nlmsg_len < header) return 0;
  options = rex_attribute((const unsigned char *)message + header, message->nlmsg_len - header, TCA_OPTIONS);
  if (options == NULL) return 0;
  id = rex_attribute((const unsigned char *)options + NLA_HDRLEN, (size_t)(options->nla_len - NLA_HDRLEN), TCA_BPF_ID);
  REX_SET_OPTION(reply->opts, prog_id, id == NULL ? 0 : rex_attribute_u32(id));
  REX_SET_OPTION(reply->opts, handle, filter->tcm_handle);
  REX_SET_OPTION(reply->opts, priority, filter->tcm_info >> 16);
  reply->seen = true;
  return 0;
}

static int check_filter(const struct bpf_tc_hook *hook, const struct bpf_tc_opts *opts, __u32 *parent) {
  int status = opts == NULL || !REX_OPTIONS_VALID(opts, bpf_tc_opts) ? -EINVAL : check_hook(hook);
  if (status == 0 && REX_OPTION(opts, priority, 0) > 0xffff) status = -EINVAL;
  return status < 0 ? status : parent_of(hook, parent);
}

/* An existing filter goes by its handle and priority alone. */
static int check_existing(const struct bpf_tc_hook *hook, const struct bpf_tc_opts *opts, __u32 *parent) {
  int status = check_filter(hook, opts, parent);
  bool more = REX_OPTION(opts, prog_fd, 0) != 0 || REX_OPTION(opts, prog_id, 0) != 0 || REX_OPTION(opts, flags, 0) != 0;
  if (status == 0 && (more || REX_OPTION(opts, handle, 0) == 0 || REX_OPTION(opts, priority, 0) == 0)) status = -EINVAL;
  return status;
}

static void choose_filter(struct tcmsg *message, const struct bpf_tc_opts *opts) {
  message->tcm_handle = REX_OPTION(opts, handle, 0);
  message->tcm_info = REX_OPTION(opts, priority, 0) << 16 | htons(ETH_P_ALL);
}

/* NAME:[ID], as tc calls the filter. */
static int add_name(struct rex_request *request, int fd) {
  struct bpf_prog_info info;
  __u32 length = sizeof info;
  char name[64];
  int status;
  memset(&info, 0, sizeof info);
  status = bpf_prog_get_info_by_fd(fd, &info, &length);
  if (status < 0) return status;
  length = (__u32)snprintf(name, sizeof name, "%.16s:[%u]", info.name, info.id);
  return rex_request_add(request, TCA_BPF_NAME, name, length + 1);
}

static int add_program(struct rex_request *request, int fd) {
  static const char kind[] = "bpf";
  const __u32 direct = TCA_BPF_FLAG_ACT_DIRECT;
  struct nlattr *options;
  int status = rex_request_add(request, TCA_KIND, kind, sizeof kind);
  if (status < 0) return status;
  options = rex_request_begin_nested(request, TCA_OPTIONS);
  if (options == NULL) return -EMSGSIZE;
  status = rex_request_add(request, TCA_BPF_FD, &fd, sizeof fd);
  if (status == 0) status = add_name(request, fd);
  if (status == 0) status = rex_request_add(request, TCA_BPF_FLAGS, &direct, sizeof direct);
  if (status == 0) rex_request_end_nested(request, options);
  return status;
}

int bpf_tc_attach(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts) {
  struct rex_request request;
  struct reply reply = {.opts = opts};
  __u32 flags = REX_OPTION(opts, flags, 0);
  __u32 parent;
  int fd = REX_OPTION(opts, prog_fd, 0);
  int status = check_filter(hook, opts, &parent);
  if (status == 0 && (fd == 0 || REX_OPTION(opts, prog_id, 0) != 0 || (flags & ~(__u32)BPF_TC_F_REPLACE) != 0))
    status = -EINVAL;
  if (status < 0) return result(status);
  choose_filter(begin_filter(&request, hook, RTM_NEWTFILTER,
                             NLM_F_CREATE | NLM_F_ECHO | (flags != 0 ? NLM_F_REPLACE : NLM_F_EXCL), parent),
                opts);
  status = add_program(&request, fd);
  if (status == 0) status = rex_request_send(&request, note_filter, &reply);
  return result(status == 0 && !reply.seen ? -ENOENT : status);
}

int bpf_tc_detach(const struct bpf_tc_hook *hook, const struct bpf_tc_opts *opts) {
  static const char kind[] = "bpf";
  struct rex_request request;
  __u32 parent;
  int status = check_existing(hook, opts, &parent);
  if (status < 0) return result(status);
  choose_filter(begin_filter(&request, hook, RTM_DELTFILTER, 0, parent), opts);
  status = rex_request_add(&request, TCA_KIND, kind, sizeof kind);
  return result(status < 0 ? status : rex_request_send(&request, NULL, NULL));
}

int bpf_tc_query(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts) {
  static const char kind[] = "bpf";
  struct rex_request request;
  struct reply reply = {.opts = opts};
  __u32 parent;
  int status = check_existing(hook, opts, &parent);
  if (status < 0) return result(status);
  choose_filter(begin_filter(&request, hook, RTM_GETTFILTER, 0, parent), opts);
  status = rex_request_add(&request, TCA_KIND, kind, sizeof kind);
  if (status == 0) status = rex_request_send(&request, note_filter, &reply);
  return result(status == 0 && !reply.seen ? -ENOENT : status);
}
