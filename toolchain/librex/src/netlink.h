/* Requests over NETLINK_ROUTE. */
#ifndef REX_NETLINK_H
#define REX_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>

#define REX_REQUEST_SIZE 512

/* A message with its attributes, built front to back. `header` is the family's own, behind the message header. */
struct rex_request {
  struct nlmsghdr message;
  unsigned char payload[REX_REQUEST_SIZE];
};

/* Begins a request whose family header has `header_size` bytes of zeros; the result points at them. */
void *rex_request_begin(struct rex_request *request, int type, int flags, size_t header_size);
/* 0, or -EMSGSIZE. */
int rex_request_add(struct rex_request *request, int type, const void *data, size_t size);
/* Opens an attribute that holds others until rex_request_end_nested; NULL when there is no room. */
struct nlattr *rex_request_begin_nested(struct rex_request *request, int type);
void rex_request_end_nested(struct rex_request *request, struct nlattr *nested);

/* Called with each message of a reply; a value other than 0 ends it. */
typedef int (*rex_reply_fn)(const struct nlmsghdr *message, void *context);

/*
 * Sends the request and reads until its acknowledgement, or the end of a dump. 0, what `reply` said, or -errno.
 * `reply` may be NULL.
 */
int rex_request_send(struct rex_request *request, rex_reply_fn reply, void *context);

/* The attribute `type` among `size` bytes of them, or NULL. */
const struct nlattr *rex_attribute(const void *attributes, size_t size, int type);
/* Its first 32 bits; 0 for a shorter one. */
__u32 rex_attribute_u32(const struct nlattr *attribute);

#endif
