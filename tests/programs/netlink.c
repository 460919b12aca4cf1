/* rtnetlink as libbpf and iproute2 speak it: links, addresses, clsact, errors; and what ioctl says of devices. */
#include "check.h"
#include "rtnetlink.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
  struct nlmsghdr header;
  union {
    struct ifinfomsg link;
    struct tcmsg tc;
  };
  char attributes[256];
};

static int fd;
static char reply[16384];
static int length;

static void *add(struct request *request, int type, const void *value, int size) {
  struct rtattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = RTA_LENGTH(size);
  if (value) memcpy(RTA_DATA(attribute), value, size);
  request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
  return attribute;
}

/* The errno of the answer, 0 for an acknowledgement; the answer's messages are in `reply`. */
static int ask(struct request *request) {
  static int sequence = 100;
  request->header.nlmsg_seq = ++sequence;
  CHECK_EQUAL(send(fd, request, request->header.nlmsg_len, 0), request->header.nlmsg_len);
  int peeked = recv(fd, 0, 0, MSG_PEEK | MSG_TRUNC);
  length = recv(fd, reply, sizeof reply, 0);
  CHECK_EQUAL(peeked, length);
  struct nlmsghdr *first = (void *)reply;
  CHECK_EQUAL(first->nlmsg_seq, sequence);
  if (first->nlmsg_type != NLMSG_ERROR) return 0;
  return -((struct nlmsgerr *)NLMSG_DATA(first))->error;
}

static struct request request_of(int type, int flags, int size) {
  struct request request = {0};
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = NLM_F_REQUEST | flags;
  request.header.nlmsg_len = NLMSG_LENGTH(size);
  return request;
}

static void links(void) {
  struct request request = request_of(RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
  CHECK_EQUAL(ask(&request), 0);
  int found = 0, done = 0;
  for (struct nlmsghdr *at = (void *)reply; NLMSG_OK(at, length); at = NLMSG_NEXT(at, length)) {
    if (at->nlmsg_type == NLMSG_DONE) done = 1;
    if (at->nlmsg_type != RTM_NEWLINK) continue;
    struct ifinfomsg *link = NLMSG_DATA(at);
    int rest = IFLA_PAYLOAD(at);
    for (struct rtattr *attribute = IFLA_RTA(link); RTA_OK(attribute, rest); attribute = RTA_NEXT(attribute, rest))
      if (attribute->rta_type == IFLA_IFNAME && !strcmp(RTA_DATA(attribute), "lo")) {
        found++;
        CHECK_EQUAL(link->ifi_index, 1);
        CHECK(link->ifi_flags & IFF_LOOPBACK);
        CHECK(link->ifi_flags & IFF_UP);
      }
  }
  CHECK_EQUAL(found, 1);
  while (!done) {
    length = recv(fd, reply, sizeof reply, 0);
    for (struct nlmsghdr *at = (void *)reply; NLMSG_OK(at, length); at = NLMSG_NEXT(at, length))
      if (at->nlmsg_type == NLMSG_DONE) done = 1;
  }
  request = request_of(RTM_GETLINK, 0, sizeof(struct ifinfomsg));
  request.link.ifi_index = 4242;
  CHECK_EQUAL(ask(&request), ENODEV);
}

static int xdp(int index, int program, unsigned flags) {
  struct request request = request_of(RTM_SETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
  request.link.ifi_index = index;
  struct rtattr *nest = add(&request, IFLA_XDP | NLA_F_NESTED, 0, 0);
  add(&request, IFLA_XDP_FD, &program, sizeof program);
  if (flags) add(&request, IFLA_XDP_FLAGS, &flags, sizeof flags);
  nest->rta_len = (char *)&request + request.header.nlmsg_len - (char *)nest;
  return ask(&request);
}

static void programs(void) {
  CHECK_EQUAL(xdp(1, 99, XDP_FLAGS_SKB_MODE), EBADF);
  CHECK_EQUAL(xdp(1, 0, XDP_FLAGS_SKB_MODE), EINVAL);
  CHECK_EQUAL(xdp(1, -1, XDP_FLAGS_SKB_MODE), 0);
  CHECK_EQUAL(xdp(4242, -1, XDP_FLAGS_SKB_MODE), ENODEV);
  CHECK_EQUAL(xdp(1, -1, XDP_FLAGS_SKB_MODE | XDP_FLAGS_DRV_MODE), EINVAL);
}

static int qdisc(int type, int flags, const char *kind) {
  struct request request = request_of(type, NLM_F_ACK | flags, sizeof(struct tcmsg));
  request.tc.tcm_ifindex = 1;
  request.tc.tcm_handle = CLSACT_HANDLE;
  request.tc.tcm_parent = TC_H_CLSACT;
  add(&request, TCA_KIND, kind, strlen(kind) + 1);
  return ask(&request);
}

static void control(void) {
  CHECK_EQUAL(qdisc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, "no such"), ENOENT);
  CHECK_EQUAL(qdisc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, "clsact"), 0);
  CHECK_EQUAL(qdisc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, "clsact"), EEXIST);
  struct request request = request_of(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct tcmsg));
  request.tc.tcm_ifindex = 1;
  request.tc.tcm_parent = CLSACT_EGRESS;
  request.tc.tcm_info = htons(3);
  add(&request, TCA_KIND, "bpf", 4);
  struct rtattr *nest = add(&request, TCA_OPTIONS, 0, 0);
  int program = 99;
  add(&request, TCA_BPF_FD, &program, 4);
  nest->rta_len = (char *)&request + request.header.nlmsg_len - (char *)nest;
  CHECK_EQUAL(ask(&request), EBADF);
  CHECK_EQUAL(qdisc(RTM_DELQDISC, 0, "clsact"), 0);
}

static void devices(void) {
  char name[IF_NAMESIZE];
  CHECK_EQUAL(if_nametoindex("lo"), 1);
  CHECK_EQUAL(if_nametoindex("no such"), 0);
  CHECK(if_indextoname(1, name) == name);
  CHECK_EQUAL(strcmp(name, "lo"), 0);
  struct ifreq request = {.ifr_name = "lo"};
  CHECK_EQUAL(ioctl(fd, SIOCGIFFLAGS, &request), 0);
  CHECK(request.ifr_flags & IFF_UP);
  CHECK_ERRNO(ioctl(fd, SIOCGIFADDR, &request), ENOTTY);
  CHECK_EQUAL(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCGIFADDR, &request), 0);
  CHECK_EQUAL(ntohl(((struct sockaddr_in *)&request.ifr_addr)->sin_addr.s_addr), INADDR_LOOPBACK);
  CHECK_ERRNO(ioctl(fd, SIOCGIFFLAGS, 1), EFAULT);
  struct ifaddrs *list, *at;
  CHECK_EQUAL(getifaddrs(&list), 0);
  int found = 0;
  for (at = list; at; at = at->ifa_next)
    if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET && !strcmp(at->ifa_name, "lo")) found++;
  CHECK_EQUAL(found, 1);
  freeifaddrs(list);
}

int main(void) {
  struct sockaddr_nl name = {.nl_family = AF_NETLINK}, own;
  socklen_t size = sizeof own;
  int one = 1;
  fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  CHECK_EQUAL(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one), 0);
  CHECK_EQUAL(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
  CHECK_EQUAL(getsockname(fd, (struct sockaddr *)&own, &size), 0);
  CHECK_EQUAL(size, sizeof own);
  CHECK(own.nl_pid != 0);
  links();
  programs();
  control();
  devices();
  return finish();
}
