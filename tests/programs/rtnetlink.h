/* What netlink.c needs of the kernel's headers, which musl does not bring: names and numbers of include/uapi/linux. */
#ifndef TEST_RTNETLINK_H
#define TEST_RTNETLINK_H

#include <stdint.h>
#include <sys/socket.h>

#define NETLINK_ROUTE 0
#define SOL_NETLINK 270
#define NETLINK_EXT_ACK 11

struct sockaddr_nl {
  sa_family_t nl_family;
  uint16_t nl_pad;
  uint32_t nl_pid, nl_groups;
};

struct nlmsghdr {
  uint32_t nlmsg_len;
  uint16_t nlmsg_type, nlmsg_flags;
  uint32_t nlmsg_seq, nlmsg_pid;
};

struct nlmsgerr {
  int error;
  struct nlmsghdr msg;
};

#define NLMSG_ALIGN(length) (((length) + 3) & ~3)
#define NLMSG_HDRLEN ((int)sizeof(struct nlmsghdr))
#define NLMSG_LENGTH(length) ((length) + NLMSG_HDRLEN)
#define NLMSG_DATA(message) ((void *)((char *)(message) + NLMSG_HDRLEN))
#define NLMSG_OK(message, rest) ((rest) >= NLMSG_HDRLEN && (int)(message)->nlmsg_len <= (rest))
#define NLMSG_NEXT(message, rest)                                                                                     \
  ((rest) -= NLMSG_ALIGN((message)->nlmsg_len),                                                                       \
   (struct nlmsghdr *)((char *)(message) + NLMSG_ALIGN((message)->nlmsg_len)))
#define NLMSG_ERROR 2
#define NLMSG_DONE 3
#define NLM_F_REQUEST 1
#define NLM_F_ACK 4
#define NLM_F_EXCL 0x200
#define NLM_F_DUMP 0x300
#define NLM_F_CREATE 0x400
#define NLA_F_NESTED 0x8000

#define RTM_NEWLINK 16
#define RTM_GETLINK 18
#define RTM_SETLINK 19
#define RTM_NEWQDISC 36
#define RTM_DELQDISC 37
#define RTM_NEWTFILTER 44
#define RTM_DELTFILTER 45
#define RTM_GETTFILTER 46

struct ifinfomsg {
  unsigned char ifi_family, pad;
  uint16_t ifi_type;
  int ifi_index;
  uint32_t ifi_flags, ifi_change;
};

struct tcmsg {
  unsigned char tcm_family, pad[3];
  int tcm_ifindex;
  uint32_t tcm_handle, tcm_parent, tcm_info;
};

struct rtattr {
  uint16_t rta_len, rta_type;
};

#define RTA_ALIGN(length) (((length) + 3) & ~3)
#define RTA_LENGTH(length) ((length) + (int)sizeof(struct rtattr))
#define RTA_DATA(attribute) ((void *)((char *)(attribute) + sizeof(struct rtattr)))
#define RTA_OK(attribute, rest) ((rest) >= (int)sizeof(struct rtattr) && (attribute)->rta_len <= (rest))
#define RTA_NEXT(attribute, rest)                                                                                     \
  ((rest) -= RTA_ALIGN((attribute)->rta_len),                                                                         \
   (struct rtattr *)((char *)(attribute) + RTA_ALIGN((attribute)->rta_len)))
#define IFLA_RTA(link) ((struct rtattr *)((char *)(link) + sizeof(struct ifinfomsg)))
#define IFLA_PAYLOAD(message) ((int)(message)->nlmsg_len - NLMSG_LENGTH((int)sizeof(struct ifinfomsg)))
#define IFLA_IFNAME 3
#define IFLA_XDP 43
#define IFLA_XDP_FD 1
#define IFLA_XDP_ATTACHED 2
#define IFLA_XDP_FLAGS 3
#define IFLA_XDP_PROG_ID 4
#define XDP_FLAGS_SKB_MODE 2
#define XDP_FLAGS_DRV_MODE 4

#define TCA_KIND 1
#define TCA_OPTIONS 2
#define TCA_BPF_FD 6
#define TC_H_CLSACT 0xfffffff1u
#define CLSACT_HANDLE 0xffff0000u
#define CLSACT_EGRESS 0xfffffff3u

#endif
