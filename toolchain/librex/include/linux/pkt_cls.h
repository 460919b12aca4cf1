/* include/uapi/linux/pkt_cls.h: the bpf classifier. TC_ACT_*: <rex_abi.h>. */
#ifndef REX_LINUX_PKT_CLS_H
#define REX_LINUX_PKT_CLS_H

#include <linux/bpf.h>

#define TCA_BPF_FD 6
#define TCA_BPF_NAME 7
#define TCA_BPF_FLAGS 8
#define TCA_BPF_TAG 10
#define TCA_BPF_ID 11
#define TCA_BPF_FLAG_ACT_DIRECT (1 << 0)

#endif
