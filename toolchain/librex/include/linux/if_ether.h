/* include/uapi/linux/if_ether.h */
#ifndef REX_LINUX_IF_ETHER_H
#define REX_LINUX_IF_ETHER_H

#include <linux/types.h>

#define ETH_ALEN 6
#define ETH_HLEN 14
#define ETH_P_ALL 0x0003
#define ETH_P_IP 0x0800
#define ETH_P_ARP 0x0806
#define ETH_P_IPV6 0x86DD

/* musl's <netinet/if_ether.h> defines it as well, unless told that it is there */
#ifndef __UAPI_DEF_ETHHDR
#define __UAPI_DEF_ETHHDR 0
struct ethhdr {
  unsigned char h_dest[ETH_ALEN];
  unsigned char h_source[ETH_ALEN];
  __be16 h_proto;
} __attribute__((packed));
#endif

#endif
