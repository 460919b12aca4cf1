/* XDP, tc and tcx on lo: over netlink, and by links. */
#include "checks.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/socket.h>

#define INGRESS(name) LIBBPF_OPTS(bpf_tc_hook, name, .ifindex = lo, .attach_point = BPF_TC_INGRESS)

static int lo;

/* A datagram to a socket of our own: through lo's XDP, both tc hooks, and back. */
static void packet(void) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof to;
  char byte = 'x';
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK_EQUAL(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
  CHECK_EQUAL(getsockname(fd, (struct sockaddr *)&to, &size), 0);
  CHECK_EQUAL(sendto(fd, &byte, 1, 0, (struct sockaddr *)&to, sizeof to), 1);
  CHECK_EQUAL(recv(fd, &byte, 1, 0), 1);
  close(fd);
}

static __u32 id_of(const struct bpf_program *program) {
  struct bpf_prog_info info = {0};
  __u32 size = sizeof info;
  CHECK_EQUAL(bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size), 0);
  return info.id;
}

static __u32 attached(int flags) {
  __u32 id = 12345;
  CHECK_EQUAL(bpf_xdp_query_id(lo, flags, &id), 0);
  return id;
}

static void xdp(const struct bpf_object *object) {
  struct bpf_program *program = program_named(object, "on_frame"), *other = program_named(object, "on_frame_too");
  int fd = bpf_program__fd(program), second = bpf_program__fd(other);
  long before = runs(object, ON_FRAME);
  CHECK_EQUAL(attached(0), 0);
  CHECK_EQUAL(bpf_xdp_attach(lo, fd, XDP_FLAGS_SKB_MODE, NULL), 0);
  CHECK_EQUAL(attached(0), id_of(program));
  CHECK_EQUAL(attached(XDP_FLAGS_SKB_MODE), id_of(program));
  CHECK_EQUAL(attached(XDP_FLAGS_DRV_MODE), 0);
  CHECK_EQUAL(attached(XDP_FLAGS_HW_MODE), 0);
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  CHECK_EQUAL(bpf_xdp_query(lo, XDP_FLAGS_SKB_MODE, &query), 0);
  CHECK_EQUAL(query.sz, sizeof query);
  CHECK_EQUAL(query.prog_id, id_of(program));
  CHECK_EQUAL(query.skb_prog_id, id_of(program));
  CHECK_EQUAL(query.drv_prog_id, 0);
  CHECK_EQUAL(query.attach_mode, XDP_ATTACHED_SKB);
  packet();
  CHECK_EQUAL(runs(object, ON_FRAME), before + 1);

  /* without more words the new one takes the place; or not */
  CHECK_FAILS(bpf_xdp_attach(lo, second, XDP_FLAGS_SKB_MODE | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL), EBUSY);
  CHECK_EQUAL(bpf_xdp_attach(lo, second, XDP_FLAGS_SKB_MODE, NULL), 0);
  CHECK_EQUAL(attached(0), id_of(other));
  LIBBPF_OPTS(bpf_xdp_attach_opts, old, .old_prog_fd = fd);
  CHECK_FAILS(bpf_xdp_attach(lo, fd, XDP_FLAGS_SKB_MODE, &old), EEXIST);
  CHECK_FAILS(bpf_xdp_detach(lo, XDP_FLAGS_SKB_MODE, &old), EEXIST);
  old.old_prog_fd = second;
  CHECK_EQUAL(bpf_xdp_attach(lo, fd, XDP_FLAGS_SKB_MODE, &old), 0);
  CHECK_EQUAL(attached(0), id_of(program));
  /* XDP_FLAGS_REPLACE of nothing: there must be nothing */
  CHECK_FAILS(bpf_xdp_attach(lo, second, XDP_FLAGS_SKB_MODE | XDP_FLAGS_REPLACE, NULL), EEXIST);
  old.old_prog_fd = fd;
  CHECK_EQUAL(bpf_xdp_detach(lo, XDP_FLAGS_SKB_MODE, &old), 0);
  CHECK_EQUAL(attached(0), 0);
  CHECK_EQUAL(bpf_xdp_attach(lo, second, XDP_FLAGS_SKB_MODE | XDP_FLAGS_REPLACE, NULL), 0);
  CHECK_EQUAL(bpf_xdp_detach(lo, XDP_FLAGS_SKB_MODE, NULL), 0);
  CHECK_EQUAL(bpf_xdp_detach(lo, XDP_FLAGS_SKB_MODE, NULL), 0);
  before = runs(object, ON_FRAME);
  packet();
  CHECK_EQUAL(runs(object, ON_FRAME), before);

  CHECK_FAILS(bpf_xdp_attach(lo, fd, XDP_FLAGS_DRV_MODE, NULL), EOPNOTSUPP);
  CHECK_FAILS(bpf_xdp_attach(lo, fd, XDP_FLAGS_HW_MODE, NULL), EOPNOTSUPP);
  CHECK_FAILS(bpf_xdp_attach(lo, fd, XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE, NULL), EINVAL);
  CHECK_FAILS(bpf_xdp_attach(lo, 999, XDP_FLAGS_SKB_MODE, NULL), EBADF);
  CHECK_FAILS(bpf_xdp_attach(4242, fd, XDP_FLAGS_SKB_MODE, NULL), ENODEV);
  CHECK_FAILS(bpf_xdp_attach(lo, bpf_program__fd(program_named(object, "on_packet")), 0, NULL), EINVAL);
  CHECK_FAILS(bpf_xdp_query(lo, XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE, &query), EINVAL);
  CHECK_FAILS(bpf_xdp_query(lo, 1 << 20, &query), EINVAL);
  CHECK_FAILS(bpf_xdp_query(lo, 0, NULL), EINVAL);
  CHECK_FAILS(bpf_xdp_query_id(lo, 0, NULL), EINVAL);
  query.sz = 4;
  CHECK_FAILS(bpf_xdp_query(lo, 0, &query), EINVAL);
  CHECK_SAID("bpf_xdp_query_opts size (4) is too small");
  /* an older program, whose structure ended earlier */
  query = (struct bpf_xdp_query_opts){.sz = offsetof(struct bpf_xdp_query_opts, drv_prog_id), .drv_prog_id = 77};
  CHECK_EQUAL(bpf_xdp_query(lo, 0, &query), 0);
  CHECK_EQUAL(query.drv_prog_id, 77);
  __u32 id = 1;
  CHECK_EQUAL(bpf_xdp_query_id(4242, 0, &id), 0); /* a dump without it */
  CHECK_EQUAL(id, 0);
}

static void xdp_link(const struct bpf_object *object) {
  struct bpf_program *program = program_named(object, "on_frame");
  struct bpf_link *link = bpf_program__attach_xdp(program, lo);
  long before = runs(object, ON_FRAME);
  struct bpf_link_info info = {0};
  __u32 size = sizeof info;
  CHECK(link != NULL);
  if (link == NULL) return;
  CHECK_EQUAL(bpf_link_get_info_by_fd(bpf_link__fd(link), &info, &size), 0);
  CHECK_EQUAL(info.type, BPF_LINK_TYPE_XDP);
  CHECK_EQUAL(info.prog_id, id_of(program));
  CHECK_EQUAL(info.xdp.ifindex, lo);
  packet();
  CHECK_EQUAL(runs(object, ON_FRAME), before + 1);
  CHECK_FAILS(bpf_xdp_attach(lo, bpf_program__fd(program), XDP_FLAGS_SKB_MODE, NULL), EBUSY);
  CHECK_FAILS(bpf_xdp_detach(lo, XDP_FLAGS_SKB_MODE, NULL), EBUSY);
  CHECK_SILENT();
  CHECK_NULL(bpf_program__attach_xdp(program, lo), EBUSY);
  CHECK_SAID("prog 'on_frame': failed to attach to xdp: ");
  CHECK_NULL(bpf_program__attach_xdp(program, 4242), ENODEV);
  CHECK_SAID("failed to attach to xdp");
  CHECK_NULL(bpf_program__attach_xdp(NULL, lo), EINVAL);
  /* detached, the link is still there */
  CHECK_EQUAL(bpf_link_detach(bpf_link__fd(link)), 0);
  packet();
  CHECK_EQUAL(runs(object, ON_FRAME), before + 1);
  CHECK_EQUAL(attached(0), 0);
  CHECK_EQUAL(bpf_link__destroy(link), 0);
  link = bpf_program__attach_xdp(program, lo);
  CHECK_EQUAL(bpf_link__destroy(link), 0);
  CHECK_EQUAL(attached(0), 0);
}

static void tcx(const struct bpf_object *object) {
  struct bpf_program *program = program_named(object, "on_packet");
  long before = runs(object, ON_PACKET);
  struct bpf_link_info info = {0};
  __u32 size = sizeof info;
  CHECK_EQUAL(bpf_program__expected_attach_type(program), BPF_TCX_INGRESS);
  struct bpf_link *in = bpf_program__attach_tcx(program, lo, NULL);
  CHECK(in != NULL);
  packet();
  CHECK_EQUAL(runs(object, ON_PACKET), before + 1);
  CHECK_EQUAL(bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)BPF_TCX_EGRESS), 0);
  LIBBPF_OPTS(bpf_tcx_opts, opts);
  struct bpf_link *out = bpf_program__attach_tcx(program, lo, &opts);
  CHECK(out != NULL);
  CHECK_EQUAL(bpf_link_get_info_by_fd(bpf_link__fd(out), &info, &size), 0);
  CHECK_EQUAL(info.type, BPF_LINK_TYPE_TCX);
  CHECK_EQUAL(info.tcx.ifindex, lo);
  CHECK_EQUAL(info.tcx.attach_type, BPF_TCX_EGRESS);
  packet();
  CHECK_EQUAL(runs(object, ON_PACKET), before + 3);
  CHECK_EQUAL(bpf_link__destroy(in), 0);
  packet();
  CHECK_EQUAL(runs(object, ON_PACKET), before + 4);
  CHECK_EQUAL(bpf_link__destroy(out), 0);
  packet();
  CHECK_EQUAL(runs(object, ON_PACKET), before + 4);
  CHECK_SILENT();
  CHECK_NULL(bpf_program__attach_tcx(program, 0, NULL), EINVAL);
  CHECK_SAID("target netdevice ifindex cannot be zero");
  opts.relative_fd = 3;
  CHECK_NULL(bpf_program__attach_tcx(program, lo, &opts), EOPNOTSUPP);
  CHECK_SAID("failed to attach to tcx");
  CHECK_NULL(bpf_program__attach_tcx(program_named(object, "on_frame"), lo, NULL), EINVAL);
  CHECK_NULL(bpf_program__attach_tcx(NULL, lo, NULL), EINVAL);
  said[0] = '\0';
}

static void hooks(void) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = lo, .attach_point = BPF_TC_INGRESS);
  CHECK_EQUAL(bpf_tc_hook_create(&hook), 0);
  CHECK_FAILS(bpf_tc_hook_create(&hook), EEXIST);
  hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
  CHECK_FAILS(bpf_tc_hook_create(&hook), EEXIST);
  CHECK_EQUAL(bpf_tc_hook_destroy(&hook), 0);
  CHECK_FAILS(bpf_tc_hook_destroy(&hook), ENOENT);
  hook.attach_point = BPF_TC_CUSTOM;
  CHECK_FAILS(bpf_tc_hook_create(&hook), EOPNOTSUPP);
  CHECK_FAILS(bpf_tc_hook_destroy(&hook), EOPNOTSUPP);
  hook.attach_point = (enum bpf_tc_attach_point)0;
  CHECK_FAILS(bpf_tc_hook_create(&hook), EINVAL);
  CHECK_FAILS(bpf_tc_hook_destroy(&hook), EINVAL);
  hook.attach_point = BPF_TC_EGRESS;
  hook.parent = 7;
  CHECK_FAILS(bpf_tc_hook_create(&hook), EINVAL);
  hook.parent = 0;
  hook.ifindex = 4242;
  CHECK_FAILS(bpf_tc_hook_create(&hook), ENODEV);
  hook.ifindex = 0;
  CHECK_FAILS(bpf_tc_hook_create(&hook), EINVAL);
  CHECK_FAILS(bpf_tc_hook_create(NULL), EINVAL);
  CHECK_FAILS(bpf_tc_hook_destroy(NULL), EINVAL);
}

static void tc(const struct bpf_object *object) {
  struct bpf_program *program = program_named(object, "on_packet");
  int fd = bpf_program__fd(program);
  long before = runs(object, ON_PACKET);
  INGRESS(hook);
  LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = fd);
  CHECK_FAILS(bpf_tc_attach(&hook, &opts), EINVAL); /* no clsact */
  CHECK_EQUAL(bpf_tc_hook_create(&hook), 0);
  CHECK_EQUAL(bpf_tc_attach(&hook, &opts), 0);
  CHECK(opts.handle != 0);
  CHECK(opts.priority != 0);
  CHECK_EQUAL(opts.prog_id, id_of(program));
  packet();
  CHECK_EQUAL(runs(object, ON_PACKET), before + 1);

  LIBBPF_OPTS(bpf_tc_opts, ask, .handle = opts.handle, .priority = opts.priority);
  CHECK_EQUAL(bpf_tc_query(&hook, &ask), 0);
  CHECK_EQUAL(ask.prog_id, id_of(program));
  CHECK_FAILS(bpf_tc_query(&hook, &ask), EINVAL); /* prog_id must be 0 */

  LIBBPF_OPTS(bpf_tc_opts, same, .prog_fd = fd, .handle = opts.handle, .priority = opts.priority);
  CHECK_FAILS(bpf_tc_attach(&hook, &same), EEXIST);
  same.flags = BPF_TC_F_REPLACE;
  CHECK_EQUAL(bpf_tc_attach(&hook, &same), 0);
  CHECK_EQUAL(same.handle, opts.handle);
  same.prog_id = 0;
  same.flags = 1 << 7;
  CHECK_FAILS(bpf_tc_attach(&hook, &same), EINVAL);

  hook.attach_point = BPF_TC_EGRESS;
  LIBBPF_OPTS(bpf_tc_opts, chosen, .prog_fd = fd, .handle = 5, .priority = 9);
  CHECK_EQUAL(bpf_tc_attach(&hook, &chosen), 0);
  CHECK_EQUAL(chosen.handle, 5);
  CHECK_EQUAL(chosen.priority, 9);
  packet();
  CHECK_EQUAL(runs(object, ON_PACKET), before + 3);

  LIBBPF_OPTS_RESET(ask, .handle = 5, .priority = 8);
  CHECK_FAILS(bpf_tc_query(&hook, &ask), ENOENT);
  CHECK_FAILS(bpf_tc_detach(&hook, &ask), ENOENT);
  ask.priority = 9;
  CHECK_EQUAL(bpf_tc_detach(&hook, &ask), 0);
  CHECK_FAILS(bpf_tc_detach(&hook, &ask), ENOENT);
  ask.handle = 0;
  CHECK_FAILS(bpf_tc_detach(&hook, &ask), EINVAL);
  CHECK_FAILS(bpf_tc_query(&hook, &ask), EINVAL);
  ask.handle = 5;
  ask.prog_fd = fd;
  CHECK_FAILS(bpf_tc_detach(&hook, &ask), EINVAL);
  CHECK_FAILS(bpf_tc_attach(&hook, &(struct bpf_tc_opts){.sz = sizeof opts, .prog_fd = 999}), EBADFD);
  CHECK_FAILS(bpf_tc_attach(&hook, &(struct bpf_tc_opts){.sz = sizeof opts}), EINVAL);
  CHECK_FAILS(bpf_tc_attach(&hook, &(struct bpf_tc_opts){.sz = sizeof opts, .prog_fd = fd, .priority = 1 << 16}), EINVAL);
  CHECK_FAILS(bpf_tc_attach(&hook, NULL), EINVAL);
  CHECK_FAILS(bpf_tc_attach(NULL, &opts), EINVAL);

  /* one direction's filters go, the discipline stays */
  hook.attach_point = BPF_TC_INGRESS;
  CHECK_EQUAL(bpf_tc_hook_destroy(&hook), 0);
  CHECK_EQUAL(bpf_tc_hook_destroy(&hook), 0);
  packet();
  CHECK_EQUAL(runs(object, ON_PACKET), before + 3);
  CHECK_FAILS(bpf_tc_hook_create(&hook), EEXIST);
  hook.attach_point = BPF_TC_CUSTOM;
  hook.parent = 0xfffffff2; /* TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS) */
  LIBBPF_OPTS_RESET(opts, .prog_fd = fd);
  CHECK_EQUAL(bpf_tc_attach(&hook, &opts), 0);
  packet();
  CHECK_EQUAL(runs(object, ON_PACKET), before + 4);
  hook.parent = 0;
  hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
  CHECK_EQUAL(bpf_tc_hook_destroy(&hook), 0);
  packet();
  CHECK_EQUAL(runs(object, ON_PACKET), before + 4);
}

int main(void) {
  struct bpf_object *object = load_streams();
  lo = (int)if_nametoindex("lo");
  CHECK(lo > 0);
  xdp(object);
  xdp_link(object);
  tcx(object);
  hooks();
  tc(object);
  CHECK_SILENT();
  bpf_object__close(object);
  return finish();
}
