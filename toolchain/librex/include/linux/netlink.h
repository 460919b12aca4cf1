/* AF_NETLINK messages: RFC 3549, include/uapi/linux/netlink.h. */
#ifndef REX_LINUX_NETLINK_H
#define REX_LINUX_NETLINK_H

#include <linux/types.h>
#include <sys/socket.h>

#define NETLINK_ROUTE 0

struct sockaddr_nl {
  sa_family_t nl_family;
  unsigned short nl_pad;
  __u32 nl_pid;
  __u32 nl_groups;
};

struct nlmsghdr {
  __u32 nlmsg_len; /* with this header */
  __u16 nlmsg_type;
  __u16 nlmsg_flags;
  __u32 nlmsg_seq;
  __u32 nlmsg_pid;
};

#define NLM_F_REQUEST 0x01
#define NLM_F_MULTI 0x02
#define NLM_F_ACK 0x04
#define NLM_F_ECHO 0x08
#define NLM_F_ROOT 0x100
#define NLM_F_MATCH 0x200
#define NLM_F_DUMP (NLM_F_ROOT | NLM_F_MATCH)
#define NLM_F_REPLACE 0x100
#define NLM_F_EXCL 0x200
#define NLM_F_CREATE 0x400

#define NLMSG_ALIGNTO 4U
#define NLMSG_ALIGN(length) (((length) + NLMSG_ALIGNTO - 1) & ~(NLMSG_ALIGNTO - 1))
#define NLMSG_HDRLEN ((int)NLMSG_ALIGN(sizeof(struct nlmsghdr)))
#define NLMSG_LENGTH(length) ((length) + NLMSG_HDRLEN)
#define NLMSG_SPACE(length) NLMSG_ALIGN(NLMSG_LENGTH(length))
#define NLMSG_DATA(message) ((void *)((char *)(message) + NLMSG_HDRLEN))
#define NLMSG_OK(message, length)                                                                                     \
  ((length) >= (int)sizeof(struct nlmsghdr) && (message)->nlmsg_len >= sizeof(struct nlmsghdr) &&                     \
   (int)(message)->nlmsg_len <= (length))
#define NLMSG_NEXT(message, length)                                                                                   \
  ((length) -= NLMSG_ALIGN((message)->nlmsg_len),                                                                     \
   (struct nlmsghdr *)((char *)(message) + NLMSG_ALIGN((message)->nlmsg_len)))

#define NLMSG_NOOP 1
#define NLMSG_ERROR 2
#define NLMSG_DONE 3

struct nlmsgerr {
  int error; /* 0 or -errno */
  struct nlmsghdr msg;
};

struct nlattr {
  __u16 nla_len; /* with this header */
  __u16 nla_type;
};

#define NLA_F_NESTED (1 << 15)
#define NLA_TYPE_MASK 0x3fff
#define NLA_ALIGNTO 4
#define NLA_ALIGN(length) (((length) + NLA_ALIGNTO - 1) & ~(NLA_ALIGNTO - 1))
#define NLA_HDRLEN ((int)NLA_ALIGN(sizeof(struct nlattr)))

#endif
