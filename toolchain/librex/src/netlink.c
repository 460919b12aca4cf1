#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* a reply holds a dump of links: a few hundred bytes each */
#define REPLY_SIZE 16384
/* more replies than any request has: a peer that never ends */
#define MOST_REPLIES 1024

void *rex_request_begin(struct rex_request *request, int type, int flags, size_t header_size) {
  memset(request, 0, sizeof *request);
  request->message.nlmsg_len = (__u32)NLMSG_LENGTH(header_size);
  request->message.nlmsg_type = (__u16)type;
  request->message.nlmsg_flags = (__u16)(NLM_F_REQUEST | flags);
  request->message.nlmsg_seq = 1;
  return request->payload;
}

static unsigned char *tail(struct rex_request *request) {
  return (unsigned char *)&request->message + NLMSG_ALIGN(request->message.nlmsg_len);
}

static size_t room(struct rex_request *request) {
  return sizeof *request - NLMSG_ALIGN(request->message.nlmsg_len);
}

int rex_request_add(struct rex_request *request, int type, const void *data, size_t size) {
  struct nlattr *attribute = (struct nlattr *)tail(request);
  if (NLA_HDRLEN + NLA_ALIGN(size) > room(request)) return -EMSGSIZE;
  attribute->nla_type = (__u16)type;
  attribute->nla_len = (__u16)(NLA_HDRLEN + size);
  if (size > 0) memcpy((char *)attribute + NLA_HDRLEN, data, size);
  request->message.nlmsg_len = (__u32)(NLMSG_ALIGN(request->message.nlmsg_len) + NLA_HDRLEN + NLA_ALIGN(size));
  return 0;
}

struct nlattr *rex_request_begin_nested(struct rex_request *request, int type) {
  struct nlattr *nested = (struct nlattr *)tail(request);
  return rex_request_add(request, type | NLA_F_NESTED, NULL, 0) < 0 ? NULL : nested;
}

void rex_request_end_nested(struct rex_request *request, struct nlattr *nested) {
  nested->nla_len = (__u16)(tail(request) - (unsigned char *)nested);
}

static int exchange_error(const struct nlmsghdr *message) {
  const struct nlmsgerr *error = NLMSG_DATA(message);
  return message->nlmsg_len < NLMSG_LENGTH(sizeof *error) ? -EBADMSG : error->error;
}

/* One datagram. 1: more will come; 0: done; else what `reply` said or -errno. */
static int read_reply(int fd, rex_reply_fn reply, void *context) {
  union {
    struct nlmsghdr message;
    unsigned char bytes[REPLY_SIZE];
  } buffer;
  ssize_t count = recv(fd, &buffer, sizeof buffer, MSG_TRUNC);
  int length = (int)count;
  int more = 0;
  struct nlmsghdr *message = &buffer.message;
  if (count < 0) return errno == EINTR ? 1 : -errno;
  if ((size_t)count > sizeof buffer) return -EMSGSIZE;
  for (; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
    int status;
    if (message->nlmsg_type == NLMSG_ERROR) return exchange_error(message);
    if (message->nlmsg_type == NLMSG_DONE) return 0;
    more = 1;
    status = reply == NULL ? 0 : reply(message, context);
    if (status != 0) return status;
  }
  return more;
}

static int exchange(int fd, struct rex_request *request, rex_reply_fn reply, void *context) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  int status = 1;
  if (sendto(fd, request, request->message.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) return -errno;
  for (int n = 0; n < MOST_REPLIES && status == 1; n++) status = read_reply(fd, reply, context);
  return status == 1 ? -EBADMSG : status;
}

int rex_request_send(struct rex_request *request, rex_reply_fn reply, void *context) {
  int status;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -errno;
  status = exchange(fd, request, reply, context);
  close(fd);
  return status;
}

const struct nlattr *rex_attribute(const void *attributes, size_t size, int type) {
  const unsigned char *at = attributes;
  while (size >= (size_t)NLA_HDRLEN) {
    const struct nlattr *attribute = (const struct nlattr *)at;
    size_t step = NLA_ALIGN((size_t)attribute->nla_len);
    if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > size) return NULL;
    if ((attribute->nla_type & NLA_TYPE_MASK) == type) return attribute;
    if (step >= size) return NULL;
    at += step;
    size -= step;
  }
  return NULL;
}

__u32 rex_attribute_u32(const struct nlattr *attribute) {
  __u32 value = 0;
  if (attribute->nla_len >= NLA_HDRLEN + sizeof value) memcpy(&value, (const char *)attribute + NLA_HDRLEN, sizeof value);
  return value;
}
