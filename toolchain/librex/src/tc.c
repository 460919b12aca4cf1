/* The clsact queueing discipline and programs on it, over netlink. */
#include "errors.h"
#include "netlink.h"
#include "options.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <arpa/inet.h>
#include <string.h>

/* tcm_parent of a hook, or 0 for a point that has none. */
static __u32 parent_of(const struct bpf_tc_hook *hook) {
  __u32 point = REX_OPTION(hook, attach_point, 0);
  if (point == BPF_TC_INGRESS) return TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
  if (point == BPF_TC_EGRESS) return TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
  return 0;
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
  int status;
  if (hook == NULL || REX_OPTION(hook, ifindex, 0) <= 0) return rex_fail(EINVAL);
  status = change_qdisc(hook, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
  return status < 0 ? rex_fail(-status) : 0;
}

int bpf_tc_hook_destroy(struct bpf_tc_hook *hook) {
  int status;
  if (hook == NULL || REX_OPTION(hook, ifindex, 0) <= 0) return rex_fail(EINVAL);
  if (hook->attach_point != (BPF_TC_INGRESS | BPF_TC_EGRESS)) {
    LIBBPF_OPTS(bpf_tc_opts, all);
    return bpf_tc_detach(hook, &all);
  }
  status = change_qdisc(hook, RTM_DELQDISC, 0);
  return status < 0 ? rex_fail(-status) : 0;
}

static struct tcmsg *begin_filter(struct rex_request *request, const struct bpf_tc_hook *hook, int type, int flags,
                                  const struct bpf_tc_opts *opts) {
  struct tcmsg *message = rex_request_begin(request, type, NLM_F_ACK | flags, sizeof *message);
  message->tcm_ifindex = hook->ifindex;
  message->tcm_handle = opts->handle;
  message->tcm_parent = parent_of(hook);
  message->tcm_info = opts->priority << 16 | htons(ETH_P_ALL);
  return message;
}

static int check(const struct bpf_tc_hook *hook, const struct bpf_tc_opts *opts) {
  if (hook == NULL || opts == NULL || REX_OPTION(hook, ifindex, 0) <= 0 || parent_of(hook) == 0) return -EINVAL;
  return opts->sz < sizeof *opts || opts->priority > 0xffff ? -EINVAL : 0;
}

int bpf_tc_attach(const struct bpf_tc_hook *hook, struct bpf_tc_opts *opts) {
  static const char kind[] = "bpf";
  const __u32 direct = TCA_BPF_FLAG_ACT_DIRECT;
  struct rex_request request;
  struct nlattr *options;
  char name[32] = "librex";
  __u32 fd;
  int status = check(hook, opts);
  if (status == 0 && (opts->prog_fd <= 0 || opts->prog_id != 0)) status = -EINVAL;
  if (status < 0) return rex_fail(-status);
  if (opts->handle == 0) opts->handle = 1;
  if (opts->priority == 0) opts->priority = 1;
  fd = (__u32)opts->prog_fd;
  begin_filter(&request, hook, RTM_NEWTFILTER,
               NLM_F_CREATE | ((opts->flags & BPF_TC_F_REPLACE) != 0 ? NLM_F_REPLACE : NLM_F_EXCL), opts);
  status = rex_request_add(&request, TCA_KIND, kind, sizeof kind);
  options = status < 0 ? NULL : rex_request_begin_nested(&request, TCA_OPTIONS);
  if (options == NULL) return rex_fail(EMSGSIZE);
  status = rex_request_add(&request, TCA_BPF_FD, &fd, sizeof fd);
  if (status == 0) status = rex_request_add(&request, TCA_BPF_NAME, name, strlen(name) + 1);
  if (status == 0) status = rex_request_add(&request, TCA_BPF_FLAGS, &direct, sizeof direct);
  if (status < 0) return rex_fail(-status);
  rex_request_end_nested(&request, options);
  status = rex_request_send(&request, NULL, NULL);
  return status < 0 ? rex_fail(-status) : 0;
}

int bpf_tc_detach(const struct bpf_tc_hook *hook, const struct bpf_tc_opts *opts) {
  static const char kind[] = "bpf";
  struct rex_request request;
  int status = check(hook, opts);
  if (status == 0 && (opts->prog_fd != 0 || opts->prog_id != 0 || opts->flags != 0)) status = -EINVAL;
  if (status < 0) return rex_fail(-status);
  begin_filter(&request, hook, RTM_DELTFILTER, 0, opts);
  status = rex_request_add(&request, TCA_KIND, kind, sizeof kind);
  if (status == 0) status = rex_request_send(&request, NULL, NULL);
  return status < 0 ? rex_fail(-status) : 0;
}
